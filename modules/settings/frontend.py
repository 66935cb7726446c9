"""The CloudFront distribution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from modules.problems import Problem
from modules.schema.constraints import Between, Matches
from modules.schema.setting_docs import Doc


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The site's own names, and the certificate for them, which CloudFront wants in us-east-1."""

    names: Annotated[
        tuple[str, ...],
        Matches(r"(\*\.)?([a-z0-9-]+\.)+[a-z]{2,}", "a host name", "co2.example.org"),
        Doc("Host names that the site answers to; your DNS must point them at the distribution."),
    ]
    certificate_arn: Annotated[
        str,
        Matches(
            r"arn:aws[a-z-]*:acm:us-east-1:\d{12}:certificate/[0-9a-f-]+",
            "the ARN of an ACM certificate in us-east-1",
            "arn:aws:acm:us-east-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab",
        ),
        Doc("Certificate that must cover all of them; browsers then need TLS 1.2."),
    ]

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem where there is a certificate and no name."""
        if not self.names:
            yield Problem(
                field=f"{at}.names",
                value=[],
                reason="a domain needs at least one name",
                remedy=f"list the names, or remove the table [{at}]",
            )


@dataclass(frozen=True, kw_only=True)
class Countries:
    """Where the site can be read."""

    rule: Annotated[
        Literal["only", "except"],
        Doc("Serves `only` the listed countries, or every one `except` them; others get a 403."),
    ]
    codes: Annotated[
        tuple[str, ...],
        Matches(r"[A-Z]{2}", "an ISO 3166 country code", "DE"),
        Doc("The countries; CloudFront judges by the visitor's address."),
    ]

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem where no country is listed."""
        if not self.codes:
            yield Problem(
                field=f"{at}.codes",
                value=[],
                reason="it would let in no one, or keep out no one",
                remedy=f"list the countries, or remove the table [{at}]",
            )


@dataclass(frozen=True, kw_only=True)
class Firewall:
    """A web ACL (AWS WAF) of the site's own, in us-east-1, where CloudFront looks for it."""

    rate_limit: Annotated[
        int,
        Between(10, 2_000_000_000, "requests in 5 minutes", "AWS WAF"),
        Doc("Addresses with more requests are blocked until they have calmed down."),
    ] = 2000
    managed_rules: Annotated[
        bool,
        Doc(
            "Also blocks what AWS knows as attacks and bad addresses.",
            cost="$3 for three rule groups, beside $5 for the ACL, $1 for the rate rule and "
            "$0.60 per million requests",
        ),
    ] = True


@dataclass(frozen=True, kw_only=True)
class FrontendSettings:
    """The CloudFront distribution; without this section there is no frontend layer."""

    domain: Annotated[
        Domain | None,
        Doc(
            "Names of your own. Without it the site is at a CloudFront name, whose certificate "
            "still lets browsers use TLS 1.0."
        ),
    ] = None
    countries: Annotated[
        Countries | None, Doc("Limits who can read the site; without it the whole world can.")
    ] = None
    firewall: Annotated[
        Firewall | None, Doc("Puts a web ACL in front of the site; none without it.")
    ] = None
    web_acl_arn: Annotated[
        str | None,
        Matches(
            r"arn:aws[a-z-]*:wafv2:us-east-1:\d{12}:global/webacl/[\w-]+/[0-9a-f-]+",
            "the ARN of a web ACL for CloudFront, which lies in us-east-1",
            "arn:aws:wafv2:us-east-1:123456789012:global/webacl/site/1234abcd-12ab-34cd-56ef-"
            "1234567890ab",
        ),
        Doc("A web ACL that exists already, instead of a firewall of the site's own."),
    ] = None
    price_class: Annotated[
        Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"],
        Doc(
            "Edge locations that answer: 100 is North America, Europe and Israel, All is "
            "everywhere; farther visitors wait longer.",
            cost="$0.085 for each GB in North America after the first TB, more in farther places",
        ),
    ] = "PriceClass_100"
    content_security_policy: Annotated[
        str,
        Matches(r"[\x20-\x7e]{1,1000}", "a header's value", "default-src 'self'"),
        Doc(
            "What browsers let the pages load; too strict breaks the map's tiles, too wide lets "
            "injected scripts run."
        ),
    ] = (
        "default-src 'self'; img-src 'self' data: https:; object-src 'none'; "
        "base-uri 'self'; frame-ancestors 'none'"
    )

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem where there are two web ACLs; a distribution has one."""
        if self.firewall and self.web_acl_arn:
            yield Problem(
                field=f"{at}.web_acl_arn",
                value=self.web_acl_arn,
                reason=f"a distribution has one web ACL, and [{at}.firewall] makes one",
                remedy=f"keep one of web_acl_arn and [{at}.firewall]",
                involves=(f"{at}.firewall",),
            )
