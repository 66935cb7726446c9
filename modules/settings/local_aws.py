"""The local AWS of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from modules.schema.constraints import Between
from modules.schema.setting_docs import Doc


@dataclass(frozen=True, kw_only=True)
class LocalAws:
    """An emulator on this machine instead of AWS; the Gemini stand-in uses the next port."""

    port: Annotated[
        int,
        Between(1024, 65_534),
        Doc("Port of the emulator on 127.0.0.1; `make up` and `--local-port` override it."),
    ] = 4566
    # Always loopback: no setting can point a local environment elsewhere.
    host: ClassVar[str] = "127.0.0.1"
    # Every start of the emulator writes a new key there. The path is fixed, so that the JSON is the
    # same in each run and in each checkout.
    profile: ClassVar[str] = "co2-analysis-local"
    credentials_file: ClassVar[str] = ".local/aws/credentials"

    @property
    def endpoint(self) -> str:
        """URL of the emulator."""
        return f"http://{self.host}:{self.port}"

    @property
    def gemini_endpoint(self) -> str:
        """URL of the Gemini stand-in."""
        return f"http://{self.host}:{self.port + 1}"
