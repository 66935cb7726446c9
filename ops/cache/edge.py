"""Invalidation of the answers in CloudFront's caches."""

from __future__ import annotations

import time
import uuid

from modules.catalogue import Layer
from ops.common.confirmation import Consent
from ops.common.errors import BadInputError, MissingError
from ops.common.session import Session

# All answers: many URLs ask the same question, and an item does not record them. It counts as one
# path, of which 1,000 a month are free.
_PATH = "/api/*"
# Added to a wait, for requests in progress.
_MARGIN_SECONDS = 10


def find_distribution(ops: Session) -> str:
    """Return the id of the distribution whose comment is the environment's root path.

    Raises:
        BadInputError: The environment has no frontend.
        MissingError: There is no such distribution.

    """
    naming = ops.target.naming
    if ops.target.settings.frontend is None:
        raise BadInputError(f"{ops.target.name} has no [frontend]", remedy="omit --invalidate")
    for page in ops.aws.client("cloudfront").get_paginator("list_distributions").paginate():
        for one in page["DistributionList"].get("Items", ()):
            if one["Comment"] == naming.parameters:
                return one["Id"]
    raise MissingError(
        f"no distribution has the comment {naming.parameters}",
        remedy=f"deploy {naming.stack(Layer.FRONTEND)}, or omit --invalidate",
    )


def and_invalidate(what: str, distribution: str | None) -> str:
    """Return the text of a prompt that includes the invalidation, if there is one."""
    return f"{what}, and invalidate {_PATH} of {distribution}" if distribution else what


def invalidate(
    ops: Session, consent: Consent, distribution: str | None, memory_seconds: int
) -> tuple[dict[str, str | None] | None, list[str]]:
    """Invalidate all answers, unless this is a dry run, and return what to print.

    Waits for the `memory_seconds` in which the function may still serve a deleted answer, which
    CloudFront would cache again, and for CloudFront to finish.
    """
    if distribution is None:
        return None, []
    document = {"distribution": distribution, "path": _PATH}
    if consent.dry_run:
        return {**document, "id": None}, [f"would invalidate {_PATH} of {distribution}"]
    wait = memory_seconds + _MARGIN_SECONDS
    ops.out.note(f"waiting {wait} s, until no process of the function has the answers in memory")
    time.sleep(wait)
    cloudfront = ops.aws.client("cloudfront")
    created = cloudfront.create_invalidation(
        DistributionId=distribution,
        InvalidationBatch={
            "CallerReference": uuid.uuid4().hex,
            "Paths": {"Quantity": 1, "Items": [_PATH]},
        },
    )
    id_ = created["Invalidation"]["Id"]
    cloudfront.get_waiter("invalidation_completed").wait(DistributionId=distribution, Id=id_)
    cache = ops.target.settings.cache
    seconds = cache.browser_seconds + cache.stale_while_revalidate_seconds
    return {**document, "id": id_}, [
        f"invalidated {_PATH} of {distribution}: {id_}",
        f"browsers may show what they have cached for {seconds:,} s more",
    ]
