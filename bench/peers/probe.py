"""``python -m bench.peers.probe MODULE COUNT FIRST``: measure the CPU time of a handler.

Prints the CPU seconds for each question and the peak memory of this process in MB. Exits with 1
unless every question was a hit or, with ``fill`` as a fourth argument, was answered at all.
"""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any

_WARM_UP = 20


class Context:
    """The attributes of Lambda's context object that the handlers use."""

    aws_request_id = "bench"
    function_name = "co2-analysis-bench-reasoning-function"
    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:bench"
    memory_limit_in_mb = 512

    def get_remaining_time_in_millis(self) -> int:
        """Return the timeout of an invocation."""
        return 28_000


def question(number: int) -> dict[str, Any]:
    """Return the event of one of a million questions."""
    # Finer steps would be rounded to the same question.
    lon, co2 = number % 1000 / 100, 400 + number // 1000 / 10
    where_and_when = f"lat=35.6762&lon={lon}&date=2026-05-14"
    query = f"{where_and_when}&co2={co2}&deviation=8.25&severity=high&zscore=3.1"
    return {
        "version": "2.0",
        "rawPath": "/api/reasoning",
        "rawQueryString": query,
        "headers": {"accept": "application/json"},
        "requestContext": {"http": {"method": "GET", "path": "/api/reasoning"}},
        "isBase64Encoded": False,
    }


def peak_megabytes() -> float:
    """Return the peak memory; getrusage would include the parent's before exec."""
    # Not pathlib: imports of this program add to every handler's cold start.
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Measure."""
    module, count, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    any_answer = len(sys.argv) > 4  # noqa: PLR2004
    handler = importlib.import_module(module).handler
    context = Context()

    def send(number: int) -> None:
        response = handler(question(number), context)
        if response["statusCode"] != 200 or (  # noqa: PLR2004
            response["headers"].get("X-Cache") != "HIT" and not any_answer
        ):
            sys.exit(f"{module}: question {number}: {response}")

    warm_up = min(_WARM_UP, count - 1)
    for number in range(first, first + warm_up):
        send(number)
    started = time.process_time()
    for number in range(first + warm_up, first + count):
        send(number)
    used = (time.process_time() - started) / (count - warm_up)
    sys.stderr.write(f"{used:.9f} {peak_megabytes():.1f}\n")


if __name__ == "__main__":
    main()
