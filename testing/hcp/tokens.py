"""Tokens and their holders."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from testing.hcp.api import ApiError, Caller


class Tokens:
    """The accepted tokens."""

    def __init__(self) -> None:
        self._callers: dict[str, Caller] = {}

    def accept(self, token: str, caller: Caller) -> None:
        self._callers[token] = caller

    def caller(self, authorization: str | None) -> Caller:
        scheme, _, token = (authorization or "").partition(" ")
        if scheme != "Bearer" or token not in self._callers:
            raise ApiError(401, "unauthorized")
        return self._callers[token]

    @contextmanager
    def of_run(self, run: str) -> Iterator[str]:
        """Accept a token of a run for the length of the block."""
        token = f"run.atlasv1.{secrets.token_urlsafe(24)}"
        self.accept(token, Caller(id=run, kind="runs"))
        try:
            yield token
        finally:
            del self._callers[token]
