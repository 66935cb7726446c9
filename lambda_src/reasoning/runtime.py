"""What a process keeps between invocations: settings, clients and their connections."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from reasoning.aws import DYNAMODB, SECRETS_MANAGER, SSM, AwsClient, JsonService
from reasoning.config import Environment, Settings, SettingsSource
from reasoning.gemini import Gemini
from reasoning.secret import ApiKey
from reasoning.service import ReasoningService
from reasoning.store import CacheStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reasoning.deadline import Deadline


class Runtime:
    """Builds the service from the settings, and again only when they change."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Read the environment variables; credentials among them are read at every AWS call.

        Raises:
            ConfigurationError: Variables are missing or invalid.

        """
        environment = Environment.read(variables)

        def client(service: JsonService) -> AwsClient:
            return AwsClient(
                service,
                region=environment.region,
                endpoint=environment.aws_endpoint,
                environment=variables,
            )

        self._settings_source = SettingsSource(client(SSM), environment.parameter_prefix)
        self._dynamodb = client(DYNAMODB)
        self._api_key = ApiKey(client(SECRETS_MANAGER), environment.gemini_secret_id)
        self._built: tuple[Settings, ReasoningService] | None = None

    def service(self, deadline: Deadline) -> ReasoningService:
        """Return the service for the current settings.

        Raises:
            ConfigurationError: The settings are missing or invalid.
            UpstreamUnavailableError: They cannot be read right now.

        """
        settings = self._settings_source.current(deadline)
        if self._built is None or self._built[0] is not settings:
            self._built = (settings, self._build(settings))
        return self._built[1]

    def _build(self, settings: Settings) -> ReasoningService:
        return ReasoningService(
            cache=CacheStore(self._dynamodb, settings.table_name),
            model=Gemini(
                endpoint=settings.gemini_endpoint,
                model=settings.model,
                timeout_seconds=settings.gemini_timeout_seconds,
                api_key=self._api_key,
            ),
            ttl_days=settings.ttl_days,
            clock=time.time,
        )
