"""Requests to HCP Terraform: which are repeated, and how long they wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
from pytfe import TFEClient, TFEConfig
from pytfe.errors import NotFound, RateLimited, ServerError, TFEError
from pytfe.models import NotificationConfiguration
from pytfe.resources.notification_configuration import NotificationConfigurations

from ops.common.errors import OperatorError
from ops.hcp import errors
from ops.hcp.access import Access

Answer = TypeVar("Answer")

_TIMEOUT_SECONDS = 30.0
_RETRIES = 5
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 8.0
# A longer Retry-After is reported instead of waited for.
_LONGEST_WAIT_SECONDS = 120.0


class Client:
    """HashiCorp's client, with retries that depend on the request, and errors of this project.

    Its own retries repeat a request that creates something after a lost answer, and wait silently.
    """

    def __init__(
        self, access: Access, note: Callable[[str], None], *, secrets: tuple[str, ...] = ()
    ) -> None:
        self.access = access
        self.note = note
        self.secrets = secrets
        config = TFEConfig(
            address=access.address,
            token=access.token,
            timeout=_TIMEOUT_SECONDS,
            verify_tls=True,
            max_retries=0,
            # httpx looks for SSL_CERT_FILE itself.
            ca_bundle=None,
        )
        self.tfe = TFEClient(config)
        transport = self.tfe.notification_configurations.t
        # Otherwise the client takes an answer without a list for an empty one.
        transport.request = _checked(transport.request)  # type: ignore[method-assign]
        self.notifications = _Notifications(transport)
        # For addresses that are secrets themselves, and must not get the token.
        self.open = httpx.Client(timeout=_TIMEOUT_SECONDS)
        self._stopped = False

    def stop(self) -> None:
        """Let requests of other threads fail instead of being sent."""
        self._stopped = True

    def read(self, what: str, request: Callable[[], Answer]) -> Answer:
        """Return the answer of a request that may be repeated: it reads, or it sets a value.

        Raises:
            OperatorError: It failed, after five retries where a retry can help.

        """
        return self._send(what, request, repeatable=True)

    def read_if_exists(self, what: str, request: Callable[[], Answer]) -> Answer | None:
        """Return the answer of a request that reads, None if there is no such resource.

        Raises:
            OperatorError: It failed for another reason.

        """

        def found() -> Answer | None:
            try:
                return request()
            except NotFound:
                return None

        return self.read(what, found)

    def create(self, what: str, request: Callable[[], Answer]) -> Answer:
        """Return the answer of a request that must not be repeated if its answer is lost.

        Raises:
            OperatorError: It failed.

        """
        return self._send(what, request, repeatable=False)

    def content(self, address: str) -> bytes:
        """Return what is at an address that is a secret itself; to be called within `read`.

        HashiCorp's client would send the token there.
        """
        try:
            answer = self.open.get(address)
        except httpx.HTTPError as error:
            # Its text could have the address.
            raise ServerError(type(error).__name__) from None
        if answer.is_error:
            raise ServerError("it is not available", status=answer.status_code)
        return answer.content

    def _send(self, what: str, request: Callable[[], Answer], *, repeatable: bool) -> Answer:
        with errors.translated(what, self.access, self.secrets):
            for attempt in range(_RETRIES):
                if self._stopped:
                    raise OperatorError("stopped")
                try:
                    return request()
                except TFEError as error:
                    pause = _pause(error, attempt, repeatable=repeatable)
                    if pause is None:
                        raise
                    self.note(
                        f"{self.access.hostname}: cannot {what}: {_reason(error)}; "
                        f"retry in {pause:.1f} s"
                    )
                    time.sleep(pause)
            return request()
        raise AssertionError  # the block above returns or raises


class _Notifications(NotificationConfigurations):
    """Notifications without their deliveries, whose times pytfe 1.5.0 cannot parse."""

    def _parse_notification_configuration(self, data: dict[str, Any]) -> NotificationConfiguration:
        attributes = {**data.get("attributes", {}), "delivery-responses": []}
        return super()._parse_notification_configuration({**data, "attributes": attributes})


def _checked(request: Callable[..., httpx.Response]) -> Callable[..., httpx.Response]:
    """Return a request that raises ValueError if its answer has not the form of the API."""

    def checked(method: str, path: str, **options: Any) -> httpx.Response:
        answer = request(method, path, **options)
        # Downloads have other addresses, and who reads a redirect himself gets no document.
        is_document = path.startswith("/api/") and options.get("allow_redirects", True)
        if method == "GET" and is_document:
            document = answer.json()
            expected = list if "page[number]" in (options.get("params") or {}) else (dict, list)
            if not isinstance(document, dict) or not isinstance(document.get("data"), expected):
                raise ValueError("data")
        return answer

    return checked


def _pause(error: TFEError, attempt: int, *, repeatable: bool) -> float | None:
    """Return the seconds before a retry, None if there must be none."""
    pause = min(_FIRST_PAUSE_SECONDS * 2.0**attempt, _LONGEST_PAUSE_SECONDS)
    if isinstance(error, RateLimited):
        # It was not processed, so it may be repeated whatever it does.
        wait = pause if error.retry_after is None else max(0.0, error.retry_after)
        return wait if wait <= _LONGEST_WAIT_SECONDS else None
    # An upload that breaks off is a plain TFEError without a status.
    lost = error.status is None and type(error) is TFEError
    is_temporary = isinstance(error, ServerError) or lost
    return pause if is_temporary and repeatable else None


def _reason(error: TFEError) -> str:
    if isinstance(error, RateLimited):
        return "too many requests"
    return f"HTTP {error.status}" if error.status else "the connection was lost"
