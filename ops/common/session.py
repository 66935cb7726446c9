"""What a command works with: the environment, its AWS clients and its output."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from modules.catalogue import CACHE_TABLE_NAME, Bucket
from ops.common.aws import Aws
from ops.common.aws_errors import if_exists, translate
from ops.common.confirmation import Consent, require_confirmation
from ops.common.errors import BadInputError, OperatorError, StoppedError, reported
from ops.common.options import Debug, Env, Json
from ops.common.output import Output
from ops.common.target import Target, find


@dataclass(frozen=True, kw_only=True)
class Session:
    """A command's dependencies."""

    target: Target
    aws: Aws
    out: Output

    @property
    def table(self) -> str:
        """Name of the cache table.

        Parameter Store has priority over the naming: after a restore it can be another table.
        """
        naming = self.target.naming
        return self.parameter(naming.parameter(CACHE_TABLE_NAME)) or naming.cache_table

    def bucket(self, bucket: Bucket) -> str:
        """Return the name of a bucket of the storage layer, Parameter Store before the naming."""
        naming = self.target.naming
        path = f"{naming.parameters}/{bucket.parameter('name')}"
        return self.parameter(path) or naming.bucket(bucket)

    def parameter(self, path: str) -> str | None:
        """Return the value of a parameter, None if it does not exist."""
        answer = if_exists(lambda: self.aws.client("ssm").get_parameter(Name=path))
        return answer["Parameter"]["Value"] if answer else None

    def confirmed(self, consent: Consent, what: str) -> bool:
        """Return False on a dry run; otherwise check the account and prompt for confirmation.

        Raises:
            RefusedError: Wrong account, or the operator declined.

        """
        if consent.dry_run:
            return False
        account = self.aws.account
        require_confirmation(self.target, consent, what=f"{what} (account {account})")
        return True


@contextmanager
def output(*, json: Json = False, debug: Debug = False) -> Iterator[Output]:
    """Yield the output of a command without an environment, and report its errors.

    Raises:
        typer.Exit: The block raised an error that an operator can expect.

    """
    with reported(debug=debug), translated_errors():
        # Python has no stream for a descriptor that the shell has closed.
        if sys.stdout is None or sys.stderr is None:
            raise BadInputError(
                "stdout or stderr is closed", remedy="discard it with >/dev/null instead of >&-"
            )
        yield Output(as_json=json)


@contextmanager
def text_output(*, debug: Debug = False) -> Iterator[Output]:
    """Yield the output of a command without --json, and report its errors."""
    with output(debug=debug) as out:
        yield out


@contextmanager
def session(env: Env = None, *, json: Json = False, debug: Debug = False) -> Iterator[Session]:
    """Yield the session of a command on an environment, and report its errors.

    Settings that name an account are compared with that of the credentials.

    Raises:
        typer.Exit: The block raised an error that an operator can expect.

    """
    with session_of_any_account(env, json=json, debug=debug) as found:
        if found.target.settings.account_id:
            _ = found.aws.account
        yield found


@contextmanager
def session_of_any_account(
    env: Env = None, *, json: Json = False, debug: Debug = False
) -> Iterator[Session]:
    """Yield the session of a command that checks the account itself, and report its errors."""
    with output(json=json, debug=debug) as out:
        target = find(env)
        yield Session(target=target, aws=Aws(target), out=out)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Translate errors of AWS and of files, and Ctrl-C, into an OperatorError.

    Raises:
        OperatorError: The translated error; ``__cause__`` is the original.
        SystemExit: The reader of stdout closed it.

    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise StoppedError(
            "stopped", signal_number=signal.SIGINT, remedy="run it again; it resumes"
        ) from error
    except BrokenPipeError:
        # Python flushes stdout at exit, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(128 + signal.SIGPIPE) from None
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        raise OperatorError(f"{name}{error.strerror or error}") from error
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error
