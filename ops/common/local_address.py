"""Address of the local AWS: its environment, Region and recorded port, and the key of its run."""

from __future__ import annotations

import configparser
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from modules.settings.local_aws import LocalAws
from ops.common.errors import OperatorError

ENVIRONMENT = "local"
REGION = "us-east-1"

CHECKOUT = Path(__file__).resolve().parents[2]
# Written by `local up`, deleted by `local down`.
RUN_FILE = CHECKOUT / ".local" / "run.json"
CREDENTIALS_FILE = CHECKOUT / LocalAws.credentials_file


@dataclass(frozen=True, kw_only=True)
class Key:
    """The access key of one run of the emulator."""

    id: str
    secret: str = field(repr=False)

    @classmethod
    def new(cls) -> Key:
        """Return a random key."""
        return cls(id=f"AKIALOCAL{secrets.token_hex(6).upper()}", secret=secrets.token_hex(20))

    @classmethod
    def read(cls, file: Path) -> Key:
        """Read the key from a credentials file of the AWS SDKs.

        Raises:
            OperatorError: The file is missing, unreadable, or has no such key.

        """
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string(file.read_text(encoding="utf-8"))
            found = parser[LocalAws.profile]
            return cls(id=found["aws_access_key_id"], secret=found["aws_secret_access_key"])
        except (OSError, ValueError, KeyError, configparser.Error) as error:
            raise OperatorError(
                f"{file} has no key of the local AWS ({type(error).__name__})",
                remedy="make down, then make up: each start writes a new key",
            ) from error

    def write(self, file: Path) -> None:
        """Write the key as a profile to a credentials file that only this user can read."""
        write_private(
            file,
            "# The key of the running local AWS. Each start of the emulator writes a new one.\n"
            f"[{LocalAws.profile}]\n"
            f"aws_access_key_id = {self.id}\n"
            f"aws_secret_access_key = {self.secret}\n",
        )

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that pass the key to an AWS SDK."""
        return {"AWS_ACCESS_KEY_ID": self.id, "AWS_SECRET_ACCESS_KEY": self.secret}


def write_private(file: Path, text: str) -> None:
    """Replace a file by one that only this user can read."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(text)
    draft.replace(file)


def recorded_port(run_file: Path = RUN_FILE) -> int | None:
    """Return the emulator's port that `local up` recorded, None if it does not run."""
    try:
        return int(json.loads(run_file.read_text(encoding="utf-8"))["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
