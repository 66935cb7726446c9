"""What the endpoints work with."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from testing.hcp.api import ApiError, Caller
from testing.hcp.faults import Faults
from testing.hcp.runner import Engine, Runner
from testing.hcp.runs import Run
from testing.hcp.store import Store, Workspace


class Service:
    """The stand-in, as its endpoints see it. ``callers`` maps each accepted token to its holder."""

    def __init__(self, *, store: Store, hostname: str, address: str, engine: Engine) -> None:
        self.store = store
        self.hostname = hostname
        self.address = address
        self.faults = Faults()
        self.callers: dict[str, Caller] = {}
        self.runner = Runner(self, engine)
        store.objects.address = address

    def caller(self, authorization: str | None) -> Caller:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer" or token not in self.callers:
            raise ApiError(401, "unauthorized")
        return self.callers[token]

    def may_read_state(self, caller: Caller, workspace: Workspace) -> bool:
        """Return whether a caller may read a state: a user every one, a run what is shared."""
        if caller.kind != "runs":
            return True
        return workspace.shares_state_with(self.store.runs[caller.id].workspace)

    @contextmanager
    def run_token(self, run: Run) -> Iterator[str]:
        """Issue a token for a phase of a run."""
        token = f"run.atlasv1.{secrets.token_urlsafe(24)}"
        self.callers[token] = Caller(id=run.id, kind="runs")
        try:
            yield token
        finally:
            del self.callers[token]

    def queue(self, run: Run) -> None:
        """Queue a run, whose logs get addresses."""
        for log in (run.plan.log, run.apply.log):
            log.url = self.store.objects.to_read(log.read)
        self.runner.queue(run)

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
