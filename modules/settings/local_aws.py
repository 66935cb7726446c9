"""The local AWS of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

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

    @property
    def endpoint(self) -> str:
        """URL of the emulator: always loopback, so that no setting can point it elsewhere."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def gemini_endpoint(self) -> str:
        """URL of the Gemini stand-in."""
        return f"http://127.0.0.1:{self.port + 1}"
