"""Write the Terraform JSON of the CO2 anomaly analysis system; see ``python main.py --help``."""

import sys

if __name__ == "__main__":
    try:
        from modules.command import main

        sys.exit(main(sys.argv[1:]))
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] == "modules":
            raise
        sys.stderr.write(
            f"not installed: {error.name}\nremedy: make install, then .venv/bin/python main.py\n"
        )
        sys.exit(2)
