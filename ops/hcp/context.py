"""What a command on HCP Terraform works with."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from modules.environments import Environment
from modules.settings import HcpState
from ops.common.errors import BadInputError
from ops.common.local_address import CHECKOUT
from ops.common.options import Debug, Env, Json
from ops.common.output import Output
from ops.common.session import output
from ops.common.target import Target, find
from ops.hcp import access
from ops.hcp.access import Access
from ops.hcp.client import Client
from ops.terraform.stacks import Stack, read_stacks, run_main, settings_folder

# Those of a command that only reads.
EXIT_CODES: Mapping[int | str, str] = {
    0: "success",
    1: "failure",
    2: "invalid option, setting or file; nothing was changed",
    6: "the token is missing or rejected, or HCP Terraform is unreachable",
    7: "the organization or a workspace does not exist",
    130: "stopped with Ctrl-C",
}


@dataclass(frozen=True)
class HcpContext:
    """A command's dependencies."""

    target: Target
    settings: HcpState
    access: Access
    out: Output
    folder: Path

    @property
    def environment(self) -> Environment:
        """The environment that the command works on."""
        return Environment(naming=self.target.naming, settings=self.target.settings)

    @cached_property
    def client(self) -> Client:
        """The client of HCP Terraform, which hides the URL of the webhook in errors."""
        notification = self.settings.notification
        url = os.environ.get(notification.url_variable) if notification else None
        return Client(self.access, self.out.note, secrets=(url,) if url else ())

    @cached_property
    def stacks(self) -> Sequence[Stack]:
        """The environment's stacks in dependency order, synthesized now.

        Raises:
            BadInputError: A setting is invalid; the message is that of ``main.py``.
            OperatorError: ``main.py`` failed for another reason.

        """
        name = self.target.name
        run_main(
            *("--env", name, "--settings", str(settings_folder(os.environ))),
            *("--output", str(self.folder)),
            checkout=CHECKOUT,
            user_environment=os.environ,
        )
        return read_stacks(self.folder, place=self.folder)


@contextmanager
def hcp_context(
    env: Env = None, *, json: Json = False, debug: Debug = False
) -> Iterator[HcpContext]:
    """Yield the context of a command on an environment's workspaces, and report its errors.

    Raises:
        typer.Exit: The block raised an error that an operator can expect.

    """
    with output(json=json, debug=debug) as out, tempfile.TemporaryDirectory() as folder:
        target = find(env)
        hcp = target.settings.state.hcp
        if hcp is None:
            raise BadInputError(
                f"{target.name} has no [state.hcp]",
                remedy="choose that backend in its settings, or another --env",
            )
        yield HcpContext(target, hcp, access.find(hcp.hostname), out, Path(folder))
