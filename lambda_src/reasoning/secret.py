"""The Gemini API key, fetched from Secrets Manager when it is first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reasoning.aws import AwsRejectedError, AwsUnavailableError
from reasoning.errors import ConfigurationError, UpstreamUnavailableError

if TYPE_CHECKING:
    from reasoning.aws import AwsClient
    from reasoning.deadline import Deadline

_BUDGET_SECONDS = 3.0


class ApiKey:
    """A secret kept in this process's memory and nowhere else."""

    def __init__(self, secrets_manager: AwsClient, secret_id: str) -> None:
        self._secrets_manager = secrets_manager
        self._secret_id = secret_id
        self._value: str | None = None

    def value(self, deadline: Deadline) -> str:
        """Return the key, fetching it unless it is known.

        Raises:
            ConfigurationError: The secret has no usable value or may not be read.
            UpstreamUnavailableError: Secrets Manager is unavailable.

        """
        if self._value is None:
            self._value = self._fetch(deadline.within(_BUDGET_SECONDS))
        return self._value

    def forget(self) -> None:
        """Have the next `value` fetched anew: the known one was refused, so it was rotated."""
        self._value = None

    def _fetch(self, deadline: Deadline) -> str:
        try:
            result = self._secrets_manager.call(
                "GetSecretValue", {"SecretId": self._secret_id}, deadline
            )
        except AwsUnavailableError as error:
            raise UpstreamUnavailableError(
                "The service cannot reach its secrets right now.", retry_after=5, reason=str(error)
            ) from error
        except AwsRejectedError as error:
            raise ConfigurationError(f"{error}; {self._remedy()}") from error
        secret = result.get("SecretString")
        value = secret.strip() if isinstance(secret, str) else ""
        # Anything else would not be a valid header value.
        if not value or not (value.isascii() and value.isprintable()):
            raise ConfigurationError(f"The secret is not one line of ASCII text; {self._remedy()}")
        return value

    def _remedy(self) -> str:
        return (
            "put the API key into a file and set it with: aws secretsmanager put-secret-value"
            f" --secret-id {self._secret_id} --secret-string file://<file>"
        )
