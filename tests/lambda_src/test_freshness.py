"""Freshness by RFC 9111, as http-cache-semantics (npm) computes it from the response headers.

The caches of hishel and CacheControl ignore `Age`, so they would not notice a response whose age
counts twice.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from testing.questions import FIELDS, get_event
from tests.lambda_src.builders import DAY, LIFETIMES, Api

pytestmark = pytest.mark.integration

CHECKOUT = Path(__file__).parents[2]
ANSWER_LIFETIME = 90 * DAY
LONGEST = max(LIFETIMES.browser, LIFETIMES.edge) + LIFETIMES.stale_while_revalidate
# Every day of an answer's life, and the seconds around which a bound begins to apply.
AGES = sorted(
    {
        *range(0, ANSWER_LIFETIME, DAY),
        *(
            ANSWER_LIFETIME - bound + shift
            for bound in (LONGEST, LIFETIMES.edge, LIFETIMES.browser, 2)
            for shift in (-1, 0, 1)
        ),
    }
)
PROGRAM = """
const Policy = require("http-cache-semantics");
const request = {method: "GET", url: "/", headers: {}};
let now = 0;
Policy.prototype.now = () => 1000 * now;
const judge = ({headers, shared, validated}) => {
  now = 0;
  let policy = new Policy(request, {status: 200, headers}, {shared});
  if (validated) {
    now = validated.after;
    const response = {status: validated.status, headers: validated.headers};
    policy = policy.revalidatedPolicy(request, response).policy;
  }
  return [policy.maxAge() - policy.age(), policy.timeToLive() / 1000];
};
const cases = JSON.parse(require("fs").readFileSync(0, "utf-8"));
console.log(JSON.stringify(cases.map(judge)));
"""


@dataclass(frozen=True)
class Freshness:
    """For how many seconds a cache may use a response without validation.

    `usable` includes stale-while-revalidate.
    """

    fresh: float
    usable: float


def judge(cases: Sequence[Mapping[str, object]]) -> list[Freshness]:
    done = subprocess.run(
        ["node", "-e", PROGRAM],
        input=json.dumps(cases),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [Freshness(*judged) for judged in json.loads(done.stdout)]


def headers_at(age: int, **request_headers: str) -> dict[str, str]:
    """Return the response headers for an answer of an age in seconds, names in lower case."""
    api = Api()
    api.send(get_event(FIELDS))
    api.clock.now += age
    headers = api.send(get_event(FIELDS, request_headers))["headers"]
    return {name.lower(): value for name, value in headers.items()}


@pytest.mark.parametrize(
    ("shared", "lifetime"), [(True, LIFETIMES.edge), (False, LIFETIMES.browser)]
)
def test_an_answer_is_fresh_for_the_configured_time_or_until_it_expires(
    shared: bool, lifetime: int
) -> None:
    judged = judge([{"headers": headers_at(age), "shared": shared} for age in AGES])

    for age, freshness in zip(AGES, judged, strict=True):
        remaining = ANSWER_LIFETIME - age
        assert freshness.fresh == min(lifetime, remaining), age
        assert freshness.fresh <= freshness.usable <= remaining, age
    assert judged[0].usable == lifetime + LIFETIMES.stale_while_revalidate


@pytest.mark.parametrize("at_the_edge", [0, 1, LIFETIMES.browser - 1, LIFETIMES.edge, LONGEST])
def test_a_browser_behind_the_edge_never_keeps_an_answer_beyond_its_expiry(
    at_the_edge: int,
) -> None:
    """A shared cache adds the time that it kept the response as `Age`."""
    responses = [headers_at(age) | {"age": str(at_the_edge)} for age in AGES]
    judged = judge([{"headers": headers, "shared": False} for headers in responses])

    for age, freshness in zip(AGES, judged, strict=True):
        remaining = ANSWER_LIFETIME - age - at_the_edge
        assert freshness.usable <= max(0, remaining), age
    assert judged[0].fresh == LIFETIMES.browser - at_the_edge


def test_no_cache_uses_an_expired_answer_while_the_function_fails() -> None:
    """CloudFront would, for as long as the origin returns errors, unless it is told not to."""
    directives = headers_at(0)["cache-control"].split(", ")

    assert "stale-if-error=0" in directives


@pytest.mark.parametrize("shared", [True, False])
def test_a_304_makes_the_answer_fresh_again(shared: bool) -> None:
    lifetime = LIFETIMES.edge if shared else LIFETIMES.browser
    first, later = headers_at(0), headers_at(lifetime, **{"If-None-Match": headers_at(0)["etag"]})
    validated = {"status": 304, "headers": later, "after": lifetime}

    (before,) = judge([{"headers": first, "shared": shared}])
    (after,) = judge([{"headers": first, "shared": shared, "validated": validated}])

    assert before.fresh == lifetime
    assert after.fresh == lifetime
