"""The cache table: how it is billed, how it grows, whether it can be restored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from modules.problems import Problem
from modules.schema.constraints import Between
from modules.schema.setting_docs import Doc
from modules.settings.forms import REGION

_UNITS = Between(1, 40_000, "capacity units", "the default quota of a DynamoDB table")
_REQUESTS = Between(1, 40_000, "request units a second", "the default quota of a DynamoDB table")


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Provisioned units per second, for the table and again for its index."""

    read: Annotated[
        int,
        _UNITS,
        Doc(
            "One unit reads 4 KB a second, or 8 KB where stale data will do; more is throttled.",
            cost="about $0.19 for each unit, table and index together",
        ),
    ]
    write: Annotated[
        int,
        _UNITS,
        Doc(
            "One unit writes 1 KB a second; more is throttled, and the answer is not cached.",
            cost="about $0.95 for each unit, table and index together",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class OnDemandLimit:
    """The most that an on-demand table serves, so that a runaway client costs no more."""

    read: Annotated[
        int,
        _REQUESTS,
        Doc(
            "Reads above it are throttled; queries of the index are not counted.",
            cost="at most $0.33 for each unit, were it used all month",
        ),
    ]
    write: Annotated[
        int,
        _REQUESTS,
        Doc(
            "Writes above it are throttled, and their answers are not cached.",
            cost="at most $3.29 for each unit, index included, were it used all month",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Autoscaling:
    """Application Auto Scaling of reads and writes, table and index alike."""

    minimum: Annotated[
        int,
        _UNITS,
        Doc(
            "Capacity never falls below it, so it is paid at night, too.",
            cost="about $1.14 for each unit of reads and writes",
        ),
    ]
    maximum: Annotated[
        int,
        _UNITS,
        Doc(
            "Capacity never rises above it; more is throttled.",
            cost="about $1.14 for each unit while it is reached",
        ),
    ]
    target_percent: Annotated[
        int,
        Between(20, 90, "percent", "the target tracking policy"),
        Doc(
            "Used share of the capacity that scaling aims at; lower leaves more room for bursts.",
            cost="paid capacity is about the used one divided by this share",
        ),
    ] = 70

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem where the range is upside down."""
        if self.minimum > self.maximum:
            yield Problem(
                field=f"{at}.minimum",
                value=self.minimum,
                reason=f"it is above {at}.maximum = {self.maximum}",
                remedy="swap the two, or raise the maximum",
                involves=(f"{at}.maximum",),
            )


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """The cache table."""

    billing: Annotated[
        Literal["on-demand", "provisioned"],
        Doc(
            "Pays for each request, or for capacity by the hour; AWS allows a change to on-demand "
            "four times a day.",
            cost="on-demand: $0.125 per million reads and $0.625 per million writes, index again",
        ),
    ]
    capacity: Annotated[
        Capacity | None, Doc("Units that provisioned billing starts with, and needs.")
    ] = None
    autoscaling: Annotated[
        Autoscaling | None,
        Doc("Moves provisioned capacity with the load; changes of the index are ignored then."),
    ] = None
    on_demand_limit: Annotated[
        OnDemandLimit | None,
        Doc("Caps on-demand billing; without it only the account's quota does."),
    ] = None
    point_in_time_recovery: Annotated[
        bool,
        Doc(
            "Lets the table be restored as it was at any second of the last 35 days.",
            cost="$0.20 for each GB of the table",
        ),
    ] = False

    replicas: Annotated[
        tuple[str, ...],
        REGION,
        Doc(
            "Regions with a replica that answers and takes writes (a global table); none without.",
            cost="the table's storage again in each, and each write is paid in every Region",
        ),
    ] = ()

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield what does not go with the billing mode."""
        if self.replicas and self.billing == "provisioned" and self.autoscaling is None:
            yield Problem(
                field=f"{at}.replicas",
                value=list(self.replicas),
                reason=(
                    "DynamoDB takes a provisioned table into a global one only where its "
                    "writes are scaled"
                ),
                remedy=f'add [{at}.autoscaling], or set billing = "on-demand"',
                involves=(f"{at}.autoscaling", f"{at}.billing"),
            )
        billing = f"{at}.billing"
        if self.billing == "provisioned" and self.capacity is None:
            yield Problem(
                field=f"{at}.capacity",
                value=None,
                reason="provisioned billing needs a capacity",
                remedy=f'add [{at}.capacity] with read and write, or set billing = "on-demand"',
                involves=(billing,),
            )
        foreign = (
            ("capacity", "autoscaling") if self.billing == "on-demand" else ("on_demand_limit",)
        )
        for name in foreign:
            if getattr(self, name) is not None:
                yield Problem(
                    field=f"{at}.{name}",
                    value=getattr(self, name),
                    reason=f'it has no meaning with billing = "{self.billing}"',
                    remedy="remove the table, or change the billing",
                    involves=(billing,),
                )
        scaled = self.autoscaling
        if self.capacity and scaled and scaled.minimum <= scaled.maximum:
            for name in ("read", "write"):
                units = getattr(self.capacity, name)
                if not scaled.minimum <= units <= scaled.maximum:
                    yield Problem(
                        field=f"{at}.capacity.{name}",
                        value=units,
                        reason=(
                            f"autoscaling would move it into {scaled.minimum} to "
                            f"{scaled.maximum} at once"
                        ),
                        remedy="start inside that range",
                        involves=(f"{at}.autoscaling",),
                    )
