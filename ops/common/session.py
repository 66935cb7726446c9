"""A command's surroundings: the environment, its AWS, where to write, and errors made readable."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ops.common.aws import Aws
from ops.common.aws_errors import code_of, explained
from ops.common.confirmation import Consent, require
from ops.common.errors import OperatorError, StoppedError, reported
from ops.common.output import Output
from ops.common.target import Target, find


@dataclass(frozen=True, kw_only=True)
class Session:
    """What a command works with."""

    target: Target
    aws: Aws
    out: Output

    @property
    def table(self) -> str:
        """Name of the cache table: what Parameter Store says, else what the naming says.

        After a restore it can be another table than the one that was built first.
        """
        naming = self.target.naming
        path = naming.storage_parameter("dynamodb", "cache-table-name")
        return self.parameter(path) or naming.cache_table

    def parameter(self, path: str) -> str | None:
        """Return the value of a parameter, None where there is none."""
        try:
            found = self.aws.client("ssm").get_parameter(Name=path)
        except Exception as error:
            if code_of(error) == "ParameterNotFound":
                return None
            raise
        return str(found["Parameter"]["Value"])

    def agree(self, consent: Consent, what: str) -> None:
        """Check the account, then ask; see `confirmation.require`."""
        account = self.aws.account
        require(self.target, consent, what=f"{what} (account {account})")


@contextmanager
def session(env: str | None, *, json: bool = False, debug: bool = False) -> Iterator[Session]:
    """Yield a command's surroundings, and report what goes wrong in one line and a remedy.

    Raises typer.Exit with the error's exit code; with ``debug`` the error itself.
    """
    with reported(debug=debug), explaining():
        target = find(env)
        found = Session(target=target, aws=Aws(target), out=Output(as_json=json))
        if target.settings.account_id:
            _ = found.aws.account
        yield found


@contextmanager
def explaining() -> Iterator[None]:
    """Turn what AWS, files and Ctrl-C raise into an OperatorError.

    Raises:
        OperatorError: Something went wrong; ``__cause__`` is what.
        SystemExit: The reader of the output has gone.

    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise StoppedError(
            "stopped", signal_number=signal.SIGINT, remedy="run it again; it goes on from here"
        ) from error
    except BrokenPipeError:
        # Whoever read the output has read enough; there is nothing left to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(128 + signal.SIGPIPE) from None
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        raise OperatorError(f"{name}{error.strerror or error}") from error
    except Exception as error:
        known = explained(error)
        if known is None:
            raise
        raise known from error
