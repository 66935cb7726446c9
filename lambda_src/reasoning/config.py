"""Runtime configuration: environment variables, and SSM parameters refreshed every five minutes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reasoning import log
from reasoning.aws import AwsClient, AwsError, AwsUnavailableError
from reasoning.connection import Origin
from reasoning.deadline import Deadline
from reasoning.errors import ConfigurationError, UpstreamUnavailableError
from reasoning.freshness import Lifetimes
from reasoning.untrusted_json import member, member_list

_TABLE_NAME = "/storage/dynamodb/cache-table-name"
_MODEL = "/config/gemini/model"
_ENDPOINT = "/config/gemini/endpoint"
_TIMEOUT_SECONDS = "/config/gemini/timeout-seconds"
_CALLS_PER_DAY = "/config/gemini/calls-per-day"
_LANGUAGE = "/config/gemini/language"
_TTL_DAYS = "/config/cache/ttl-days"
_NAMESPACE = "/config/cache/namespace"

PARAMETER_SUFFIXES = (
    _TABLE_NAME,
    _MODEL,
    _ENDPOINT,
    _TIMEOUT_SECONDS,
    _CALLS_PER_DAY,
    _LANGUAGE,
    _TTL_DAYS,
    _NAMESPACE,
)
"""The parameters that this function reads, relative to the environment's prefix."""

MAX_TTL_DAYS = 3650

_REFRESH_SECONDS = 300.0
_RETRY_SECONDS = 30.0
_REFRESH_BUDGET_SECONDS = 1.0
_FIRST_READ_BUDGET_SECONDS = 3.0

_PREFIX = re.compile(r"(?:/[A-Za-z0-9_.-]+)+")
_REGION = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-[0-9]+")
_SECRET_ID = re.compile(r"[A-Za-z0-9/_+=.@:-]{1,2048}")
_DYNAMODB_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_GEMINI_MODEL = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_BCP_47 = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}")
_KEY_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """The function's environment variables.

    `parameter_prefix` starts with a slash and does not end with one. `aws_endpoint` overrides
    the Region's public endpoints, None in AWS. `gemini_hosts` are the only hosts that may get the
    API key; they are not in Parameter Store, where more people may write.
    """

    parameter_prefix: str
    gemini_secret_id: str
    region: str
    aws_endpoint: Origin | None
    gemini_hosts: frozenset[str]
    lifetimes: Lifetimes
    consistent_reads: bool

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Environment:
        """Validate the variables; `AWS_ENDPOINT_URL` is optional.

        Raises:
            ConfigurationError: Variables are missing or invalid; its reason lists all of them.

        """
        reader = _Reader(variables, "the function's environment")
        environment = cls(
            parameter_prefix=reader.text("PARAMETER_PREFIX", _PREFIX),
            gemini_secret_id=reader.text("GEMINI_SECRET_ID", _SECRET_ID),
            region=reader.text("AWS_REGION", _REGION),
            aws_endpoint=(
                reader.origin("AWS_ENDPOINT_URL") if variables.get("AWS_ENDPOINT_URL") else None
            ),
            gemini_hosts=frozenset(variables.get("GEMINI_HOSTS", "").split(",")),
            lifetimes=Lifetimes(
                browser=reader.integer("BROWSER_SECONDS", 0, 86_400),
                edge=reader.integer("EDGE_SECONDS", 0, 604_800),
                stale_while_revalidate=reader.integer("STALE_WHILE_REVALIDATE_SECONDS", 0, 86_400),
            ),
            consistent_reads=reader.integer("CONSISTENT_READS", 0, 1) == 1,
        )
        reader.finish()
        return environment


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The values of the parameters in `PARAMETER_SUFFIXES`."""

    table_name: str
    model: str
    gemini_endpoint: Origin
    gemini_timeout_seconds: int
    gemini_calls_per_day: int
    gemini_language: str
    ttl_days: int
    namespace: str

    @classmethod
    def read(
        cls, parameters: Mapping[str, str], prefix: str, gemini_hosts: frozenset[str]
    ) -> Settings:
        """Validate parameters, given as values by full name.

        Raises:
            ConfigurationError: Parameters are missing or invalid; its reason lists all of them.

        """
        reader = _Reader(parameters, "Parameter Store")
        settings = cls(
            table_name=reader.text(prefix + _TABLE_NAME, _DYNAMODB_TABLE),
            model=reader.text(prefix + _MODEL, _GEMINI_MODEL),
            gemini_endpoint=reader.origin(prefix + _ENDPOINT, gemini_hosts),
            gemini_timeout_seconds=reader.integer(prefix + _TIMEOUT_SECONDS, 1, 60),
            gemini_calls_per_day=reader.integer(prefix + _CALLS_PER_DAY, 0, 999_999),
            gemini_language=reader.text(prefix + _LANGUAGE, _BCP_47),
            ttl_days=reader.integer(prefix + _TTL_DAYS, 1, MAX_TTL_DAYS),
            namespace=reader.text(prefix + _NAMESPACE, _KEY_NAMESPACE),
        )
        reader.finish()
        return settings


class SettingsSource:
    """Reads `Settings` with one call of Parameter Store and caches them for five minutes.

    A failed refresh keeps the old settings and never fails a request.
    """

    def __init__(
        self,
        ssm: AwsClient,
        prefix: str,
        gemini_hosts: frozenset[str],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ssm = ssm
        self._prefix = prefix
        self._gemini_hosts = gemini_hosts
        self._monotonic = monotonic
        self._settings: Settings | None = None
        self._refresh_at = 0.0

    def current(self, deadline: Deadline) -> Settings:
        """Return the settings; the same object until a value changes.

        Raises:
            ConfigurationError: The first read found missing or invalid parameters, or access was
                denied; the next call tries again.
            UpstreamUnavailableError: Parameter Store was unavailable at the first read.

        """
        if self._settings is None:
            self._settings = self._read(deadline.within(_FIRST_READ_BUDGET_SECONDS))
            self._refresh_at = self._monotonic() + _REFRESH_SECONDS
        elif self._monotonic() >= self._refresh_at:
            self._refresh(self._settings, deadline.within(_REFRESH_BUDGET_SECONDS))
        return self._settings

    def _refresh(self, old: Settings, deadline: Deadline) -> None:
        try:
            new = self._read(deadline)
        except (ConfigurationError, UpstreamUnavailableError) as error:
            log.warning("settings_refresh_failed", reason=error.reason)
            self._refresh_at = self._monotonic() + _RETRY_SECONDS
            return
        self._refresh_at = self._monotonic() + _REFRESH_SECONDS
        if new != old:
            self._settings = new
            log.info(
                "settings_changed",
                model=new.model,
                table_name=new.table_name,
                namespace=new.namespace,
                calls_per_day=new.gemini_calls_per_day,
                language=new.gemini_language,
            )

    def _read(self, deadline: Deadline) -> Settings:
        names = [self._prefix + suffix for suffix in PARAMETER_SUFFIXES]
        try:
            result = self._ssm.call("GetParameters", {"Names": names}, deadline)
        except AwsUnavailableError as error:
            raise UpstreamUnavailableError(
                "The configuration is temporarily unavailable.", retry_after=5, reason=str(error)
            ) from error
        except AwsError as error:
            raise ConfigurationError(
                f"{error}: allow the execution role ssm:GetParameters on {self._prefix}/*"
            ) from error
        return Settings.read(_parameter_values(result), self._prefix, self._gemini_hosts)


def _parameter_values(result: Mapping[str, object]) -> dict[str, str]:
    return {
        name: value
        for parameter in member_list(result, "Parameters")
        if isinstance(name := member(parameter, "Name"), str)
        and isinstance(value := member(parameter, "Value"), str)
    }


class _Reader:
    """Validates named values and reports all missing and invalid ones together."""

    def __init__(self, values: Mapping[str, str], source: str) -> None:
        self._values = values
        self._source = source
        self._errors: list[str] = []

    def text(self, name: str, pattern: re.Pattern[str]) -> str:
        value = self._values.get(name, "")
        if not value:
            self._errors.append(f"{name} is missing")
        elif not pattern.fullmatch(value):
            self._errors.append(f"{name} does not match {pattern.pattern}")
        return value

    def integer(self, name: str, lowest: int, highest: int) -> int:
        value = self._values.get(name, "")
        number = int(value) if re.fullmatch(r"[0-9]{1,6}", value) else -1
        if not value:
            self._errors.append(f"{name} is missing")
        elif not lowest <= number <= highest:
            self._errors.append(f"{name} must be an integer from {lowest} to {highest}")
        return number

    def origin(self, name: str, hosts: frozenset[str] | None = None) -> Origin:
        value = self._values.get(name, "")
        try:
            origin = Origin.parse(value)
        except ValueError as error:
            self._errors.append(f"{name} {error}" if value else f"{name} is missing")
            return Origin(scheme="https", host="", port=0)
        if hosts is not None and origin.host not in hosts:
            self._errors.append(f"{name} has a host that the setting gemini.hosts does not list")
        return origin

    def finish(self) -> None:
        if self._errors:
            raise ConfigurationError(f"In {self._source}: {'; '.join(self._errors)}")
