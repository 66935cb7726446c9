"""Run the operators' command line."""

import signal

from ops.cli import app

if __name__ == "__main__":
    # A shell ignores SIGINT in its background jobs; a command must stop all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    app(prog_name="python -m ops")
