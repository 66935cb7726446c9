"""How long downstream caches may keep an answer (RFC 9111, RFC 5861)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Lifetimes:
    """The longest times in seconds.

    They are shorter than the answer's own lifetime, because an operator who deletes an answer
    can recall it from the edge with some effort and from browsers not at all.
    """

    browser: int
    edge: int
    stale_while_revalidate: int

    def cache_control(self, remaining_seconds: int) -> str:
        """Return the header for an answer that expires in `remaining_seconds`.

        No cache uses the answer beyond that. There is no `Age` to go with it: this function
        is the origin, and a cache would subtract the age from these lifetimes.
        """
        browser = min(self.browser, remaining_seconds)
        edge = min(self.edge, remaining_seconds)
        # Added to either lifetime, so the longer one limits it.
        stale = min(self.stale_while_revalidate, remaining_seconds - max(browser, edge))
        # Without stale-if-error CloudFront serves an expired answer for as long as errors last.
        return (
            f"public, max-age={browser}, s-maxage={edge}, stale-while-revalidate={stale},"
            " stale-if-error=0"
        )
