"""Objects whose address is the secret, as those of the API's object store are."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from testing.hcp.api import NotFoundError

PATH = "/_archivist/v1/object/"


class Objects:
    """Addresses for content, handed out by resources."""

    def __init__(self) -> None:
        self.address = ""
        self._to_put: dict[str, Callable[[bytes], None]] = {}
        self._to_get: dict[str, Callable[[int, int | None], bytes]] = {}

    def to_put(self, take: Callable[[bytes], None]) -> str:
        """Return an address for an upload, which is handed to ``take``."""
        key = secrets.token_urlsafe(32)
        self._to_put[key] = take
        return self.address + PATH + key

    def to_get(self, give: Callable[[], bytes]) -> str:
        """Return an address for what ``give`` returns."""
        return self.to_read(
            lambda offset, limit: give()[offset : None if limit is None else offset + limit]
        )

    def to_read(self, part: Callable[[int, int | None], bytes]) -> str:
        """Return an address for content that is read in parts."""
        key = secrets.token_urlsafe(32)
        self._to_get[key] = part
        return self.address + PATH + key

    def put(self, key: str, content: bytes) -> None:
        if key not in self._to_put:
            raise NotFoundError
        self._to_put[key](content)

    def get(self, key: str, offset: int, limit: int | None) -> bytes:
        if key not in self._to_get:
            raise NotFoundError
        return self._to_get[key](offset, limit)
