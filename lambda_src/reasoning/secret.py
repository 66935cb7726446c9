"""The Gemini API key, fetched lazily from Secrets Manager."""

from __future__ import annotations

from reasoning.aws import AwsClient, AwsRejectedError, AwsUnavailableError
from reasoning.deadline import Deadline
from reasoning.errors import ConfigurationError, UpstreamUnavailableError
from reasoning.untrusted_json import member, parse_json

_BUDGET_SECONDS = 3.0
# The Secrets Manager console stores key/value pairs as JSON.
_MEMBER = "GEMINI_API_KEY"
FORM = f'{{"{_MEMBER}": "<key>"}}'
"""The form that it then has; the key alone is the other."""


class ApiKey:
    """The API key, cached in memory only."""

    def __init__(self, secrets_manager: AwsClient, secret_id: str) -> None:
        self._secrets_manager = secrets_manager
        self._secret_id = secret_id
        self._value: str | None = None

    def value(self, deadline: Deadline) -> str:
        """Return the key, fetching it if it is not cached.

        Raises:
            ConfigurationError: The secret has no valid value, or access is denied.
            UpstreamUnavailableError: Secrets Manager is unavailable.

        """
        if self._value is None:
            self._value = self._fetch(deadline.within(_BUDGET_SECONDS))
        return self._value

    def invalidate(self) -> None:
        """Drop the cached key after Gemini rejected it: it may have been rotated."""
        self._value = None

    def _fetch(self, deadline: Deadline) -> str:
        try:
            result = self._secrets_manager.call(
                "GetSecretValue", {"SecretId": self._secret_id}, deadline
            )
        except AwsUnavailableError as error:
            raise UpstreamUnavailableError(
                "The credentials for Gemini are temporarily unavailable.",
                retry_after=5,
                reason=str(error),
            ) from error
        except AwsRejectedError as error:
            raise ConfigurationError(f"{error}; {self._remedy()}") from error
        value = parse_key(result.get("SecretString"))
        if not value:
            raise ConfigurationError(
                f"The secret is neither a single line of ASCII text nor {FORM}; {self._remedy()}"
            )
        return value

    def _remedy(self) -> str:
        return (
            "write the API key to a file and run: aws secretsmanager put-secret-value"
            f" --secret-id {self._secret_id} --secret-string file://<file>"
        )


def parse_key(secret: object) -> str:
    """Return the key that a secret holds, "" if it has neither of the two forms."""
    text = secret.strip() if isinstance(secret, str) else ""
    if text.startswith("{"):
        text = _only_member(text).strip()
    # A header value allows no other characters; JSON of another form is not a key.
    valid = text.isascii() and text.isprintable() and not text.startswith(("{", "[", '"'))
    return text if valid else ""


def _only_member(text: str) -> str:
    try:
        document = parse_json(text)
    except ValueError:
        return ""
    value = member(document, _MEMBER)
    return value if isinstance(value, str) and document == {_MEMBER: value} else ""
