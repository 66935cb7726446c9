"""``python -m ops.serve.worker PORT``: serve the current code of the function.

The environment variables are those of the deployed function; ``lambda_src`` is on the path.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping

from reasoning.cors import CorsPolicy
from reasoning.handler import respond
from reasoning.runtime import Runtime

from ops.serve.http_events import Context
from ops.serve.server import FunctionResponse, FunctionServer, Instances, Invoke


def instance(variables: Mapping[str, str], timeout_seconds: float) -> Invoke:
    """Return a new instance of the function, with its own clients and caches."""
    runtime = Runtime(variables)
    cors = CorsPolicy.parse(variables.get("CORS_ORIGINS", ""))
    name = variables["AWS_LAMBDA_FUNCTION_NAME"]

    def invoke(event: Mapping[str, object]) -> FunctionResponse:
        context = Context(function_name=name, timeout_seconds=timeout_seconds)
        response = respond(event, context, runtime.service, cors=cors)
        return FunctionResponse(**response)

    return invoke


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description="Serve the cache Lambda over HTTP.")
    parser.add_argument("port", type=int)
    parser.add_argument(
        "--timeout", type=float, required=True, help="timeout of an invocation in seconds"
    )
    options = parser.parse_args()
    instances = Instances(lambda: instance(os.environ, options.timeout))
    with FunctionServer(options.port, instances) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
