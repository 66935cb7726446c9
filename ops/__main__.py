"""Run the operators' command line."""

import signal
import sys

if __name__ == "__main__":
    # A shell ignores SIGINT in its background jobs; a command must stop all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        from ops.cli import app

        app(prog_name="python -m ops")
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in {"modules", "ops"}:
            raise
        sys.stderr.write(
            f"error: not installed: {error.name}\n"
            "remedy: make install, then .venv/bin/python -m ops\n"
        )
        sys.exit(3)
