"""What a process keeps between invocations: settings, clients and their connections."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from reasoning.answer_cache import AnswerCache
from reasoning.aws import DYNAMODB, SECRETS_MANAGER, SSM, AwsClient, JsonService
from reasoning.cache import LEASE_MARGIN_SECONDS
from reasoning.config import Environment, Settings, SettingsSource
from reasoning.deadline import Deadline
from reasoning.models import KeySpace
from reasoning.prompt import PROMPT_VERSION
from reasoning.service import ReasoningService
from reasoning.store import CacheStore

if TYPE_CHECKING:
    from reasoning.secret import ApiKey
    from reasoning.single_flight import SingleFlight


class Runtime:
    """Builds the service, and rebuilds it when the settings change."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Read the environment variables; credentials are read at every AWS call instead.

        Raises:
            ConfigurationError: Variables are missing or invalid.

        """
        self._environment = environment = Environment.read(variables)

        def client(service: JsonService) -> AwsClient:
            return AwsClient(
                service,
                region=environment.region,
                endpoint=environment.aws_endpoint,
                environment=variables,
            )

        self._settings_source = SettingsSource(
            client(SSM), environment.parameter_prefix, environment.gemini_hosts
        )
        self._dynamodb = client(DYNAMODB)
        self._secrets_manager = client(SECRETS_MANAGER)
        self._built: tuple[Settings, ReasoningService] | None = None

    def service(self, deadline: Deadline) -> ReasoningService:
        """Return the service for the current settings.

        Raises:
            ConfigurationError: The settings are missing or invalid.
            UpstreamUnavailableError: Parameter Store is unavailable.

        """
        settings = self._settings_source.current(deadline)
        if self._built is None or self._built[0] is not settings:
            self._built = (settings, self._build(settings))
        return self._built[1]

    def _build(self, settings: Settings) -> ReasoningService:
        cache = CacheStore(
            self._dynamodb,
            settings.table_name,
            max_lease_seconds=settings.gemini_timeout_seconds + LEASE_MARGIN_SECONDS,
        )
        consistent = self._environment.consistent_reads
        return ReasoningService(
            cache=cache,
            # An answer in memory may have been deleted from the table.
            answer_cache=AnswerCache(0) if consistent else AnswerCache(),
            keys=KeySpace(
                namespace=settings.namespace,
                model=settings.model,
                prompt_version=PROMPT_VERSION,
                language=settings.gemini_language,
            ),
            single_flight=functools.cache(lambda: self._build_single_flight(settings, cache)),
            lifetimes=self._environment.lifetimes,
            consistent_reads=consistent,
            clock=time.time,
        )

    def _build_single_flight(self, settings: Settings, cache: CacheStore) -> SingleFlight:
        # Imported here because a hit needs none of them.
        from reasoning.budget import CallBudget  # noqa: PLC0415
        from reasoning.circuit_breaker import CircuitBreaker  # noqa: PLC0415
        from reasoning.gemini import Gemini  # noqa: PLC0415
        from reasoning.single_flight import SingleFlight  # noqa: PLC0415

        return SingleFlight(
            cache=cache,
            model=Gemini(
                endpoint=settings.gemini_endpoint,
                model=settings.model,
                language=settings.gemini_language,
                timeout_seconds=settings.gemini_timeout_seconds,
                api_key=self._api_key,
                budget=CallBudget(
                    self._dynamodb, settings.table_name, settings.gemini_calls_per_day
                ),
            ),
            breaker=CircuitBreaker(),
            ttl_days=settings.ttl_days,
            clock=time.time,
        )

    @functools.cached_property
    def _api_key(self) -> ApiKey:
        from reasoning.secret import ApiKey  # noqa: PLC0415

        return ApiKey(self._secrets_manager, self._environment.gemini_secret_id)
