"""Run main.py and print the peak memory of its Python process and of its Node process in MB."""

import atexit
import resource
import sys

# ru_maxrss is in kilobytes on Linux and in bytes on macOS.
_UNIT = 1024 * 1024 if sys.platform == "darwin" else 1024


def _report() -> None:
    python = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    node = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    sys.stdout.write(f"{python / _UNIT:.1f} {node / _UNIT:.1f}\n")


# Registered before jsii's handler, so it runs after jsii has waited for Node.
atexit.register(_report)

from modules.command import main  # noqa: E402 - see above

sys.exit(main(sys.argv[1:]))
