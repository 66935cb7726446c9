"""Write the Terraform JSON of the CO2 anomaly analysis system; see ``python main.py --help``."""

import sys

from modules.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
