"""Run the operators' command line."""

from ops.cli import app

if __name__ == "__main__":
    app(prog_name="python -m ops")
