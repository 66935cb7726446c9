"""How Terraform gets to the stand-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Connection:
    """The host name that Terraform knows, and the address that answers for it."""

    hostname: str
    address: str

    @property
    def token_variable(self) -> str:
        """The name of the variable in which Terraform looks for its token."""
        return "TF_TOKEN_" + self.hostname.replace("-", "__").replace(".", "_")

    def terraform_config(self, path: Path, *, including: Path | None = None) -> Path:
        """Write a CLI configuration that sends Terraform here, after that in ``including``."""
        names = ("tfe.v2", "tfe.v2.1", "tfe.v2.2", "state.v2")
        services = "".join(f'    "{name}" = "{self.address}/api/v2/"\n' for name in names)
        text = f'host "{self.hostname}" {{\n  services = {{\n{services}  }}\n}}\n'
        if including:
            text = including.read_text(encoding="utf-8") + text
        path.write_text(text, encoding="utf-8")
        return path

    def environment(
        self, folder: Path, user_environment: Mapping[str, str], *, token: str
    ) -> dict[str, str]:
        """Return Terraform's environment with a token, and a configuration in ``folder``.

        The configuration keeps what that of the given environment says, such as a provider mirror.
        """
        named = user_environment.get("TF_CLI_CONFIG_FILE")
        including = Path(named) if named and Path(named).is_file() else None
        config = self.terraform_config(folder / "hcp.tfrc", including=including)
        return {
            **user_environment,
            "TF_CLI_CONFIG_FILE": str(config),
            self.token_variable: token,
        }
