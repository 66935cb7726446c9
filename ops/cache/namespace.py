"""The logical clear: a new namespace makes every key new, so no old answer is found any more."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modules.catalogue import Layer
from modules.naming import Naming
from ops.common.aws import Client
from ops.common.aws_errors import MissingError

_NUMBERED = re.compile(r"(.*?)([0-9]{1,9})", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Namespace:
    """Where the namespace stands, and its value."""

    path: str
    value: str

    @property
    def next(self) -> str:
        """Value after a clear: the number at its end, plus one."""
        match = _NUMBERED.fullmatch(self.value)
        return f"{match[1]}{int(match[2]) + 1}" if match else f"{self.value}-2"


def path(naming: Naming) -> str:
    """Return the parameter's path."""
    return naming.config_parameter("cache", "namespace")


def found(naming: Naming, value: str | None) -> Namespace:
    """Return the namespace whose parameter holds ``value``.

    Raises:
        MissingError: There is no such parameter; only Terraform creates it.

    """
    if value is None:
        raise MissingError(
            f"there is no parameter {path(naming)}",
            remedy=f"apply {naming.stack(Layer.BASE)}, or clear without --logical",
        )
    return Namespace(path=path(naming), value=value)


def advance(ssm: Client, namespace: Namespace) -> None:
    """Write the next value, so that the answers under the old one are not found any more."""
    ssm.put_parameter(Name=namespace.path, Value=namespace.next, Overwrite=True)
