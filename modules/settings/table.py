"""The cache table: billing, scaling, recovery and replicas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from modules.problems import Problem
from modules.schema.constraints import Between
from modules.schema.setting_docs import Doc
from modules.settings.forms import REGION

_UNITS = Between(1, 40_000, "capacity units", "the default quota of a DynamoDB table")
_REQUESTS = Between(1, 40_000, "request units per second", "the default quota of a DynamoDB table")


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Provisioned capacity of the table, and again of its index."""

    read: Annotated[
        int,
        _UNITS,
        Doc(
            "A unit is one strongly consistent read of 4 KB per second, or two eventually "
            "consistent ones; more are throttled.",
            cost="about $0.19 per unit, table and index together",
        ),
    ]
    write: Annotated[
        int,
        _UNITS,
        Doc(
            "A unit is one write of 1 KB per second; more are throttled, and their answers are "
            "not cached.",
            cost="about $0.95 per unit, table and index together",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class OnDemandLimit:
    """Maximum throughput of an on-demand table, which caps the cost of a runaway client."""

    read: Annotated[
        int,
        _REQUESTS,
        Doc(
            "Reads above it are throttled; queries of the index do not count.",
            cost="at most $0.33 per unit, if used all month",
        ),
    ]
    write: Annotated[
        int,
        _REQUESTS,
        Doc(
            "Writes above it are throttled, and their answers are not cached.",
            cost="at most $3.29 per unit including the index, if used all month",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Autoscaling:
    """Application Auto Scaling of reads and writes, of table and index."""

    minimum: Annotated[
        int,
        _UNITS,
        Doc(
            "Capacity never falls below it, even when idle.",
            cost="about $1.14 per unit of reads and writes",
        ),
    ]
    maximum: Annotated[
        int,
        _UNITS,
        Doc(
            "Capacity never rises above it; more is throttled.",
            cost="about $1.14 per unit while it is reached",
        ),
    ]
    target_percent: Annotated[
        int,
        Between(20, 90, "percent", "the target tracking policy"),
        Doc(
            "Target utilization; a lower one leaves more headroom for bursts.",
            cost="billed capacity is about the used capacity divided by it",
        ),
    ] = 70

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem if the minimum is above the maximum."""
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
            "Billing per request, or for provisioned capacity by the hour; AWS allows a switch to "
            "on-demand four times a day.",
            cost="on-demand: $0.125 per million reads and $0.625 per million writes, index again",
        ),
    ]
    capacity: Annotated[
        Capacity | None, Doc("Initial capacity, required by provisioned billing.")
    ] = None
    autoscaling: Annotated[
        Autoscaling | None,
        Doc("Scales provisioned capacity; Terraform then ignores changes of the index."),
    ] = None
    on_demand_limit: Annotated[
        OnDemandLimit | None,
        Doc("Limits on-demand throughput; unset, only the account's quota does."),
    ] = None
    point_in_time_recovery: Annotated[
        bool,
        Doc(
            "Allows restoring the table as of any second of the last 35 days.",
            cost="$0.20 per GB of the table",
        ),
    ] = False

    replicas: Annotated[
        tuple[str, ...],
        REGION,
        Doc(
            "Regions of replicas, which accept reads and writes (a global table).",
            cost="storage and writes are billed in every Region",
        ),
    ] = ()

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield contradictions with the billing mode."""
        if self.replicas and self.billing == "provisioned" and self.autoscaling is None:
            yield Problem(
                field=f"{at}.replicas",
                value=list(self.replicas),
                reason=(
                    "DynamoDB accepts replicas of a provisioned table only with autoscaled writes"
                ),
                remedy=f'add [{at}.autoscaling], or set billing = "on-demand"',
                involves=(f"{at}.autoscaling", f"{at}.billing"),
            )
        billing = f"{at}.billing"
        if self.billing == "provisioned" and self.capacity is None:
            yield Problem(
                field=f"{at}.capacity",
                value=None,
                reason="provisioned billing requires a capacity",
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
                    reason=f'it does not apply to billing = "{self.billing}"',
                    remedy="remove the table, or change the billing mode",
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
                            f"autoscaling would change it to {scaled.minimum} to "
                            f"{scaled.maximum} immediately"
                        ),
                        remedy="choose a value in that range",
                        involves=(f"{at}.autoscaling",),
                    )
