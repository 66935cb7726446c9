"""The CloudFront distribution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from modules.catalogue import EDGE_REGION
from modules.problems import Problem
from modules.schema.constraints import Between, Matches, https_origin
from modules.schema.setting_docs import Doc
from modules.settings.forms import KEY_ARN, KEY_COST, LOG_RETENTION, key_elsewhere

_API_REQUESTS = 100


@dataclass(frozen=True, kw_only=True)
class Domain:
    """Custom host names and their certificate, which CloudFront requires in us-east-1."""

    names: Annotated[
        tuple[str, ...],
        Matches(r"(\*\.)?([a-z0-9-]+\.)+[a-z]{2,}", "a host name", "co2.example.org"),
        Doc("Host names of the site; your DNS must point them to the distribution."),
    ]
    certificate_arn: Annotated[
        str,
        Matches(
            r"arn:aws[a-z-]*:acm:us-east-1:\d{12}:certificate/[0-9a-f-]+",
            "the ARN of an ACM certificate in us-east-1",
            "arn:aws:acm:us-east-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab",
        ),
        Doc("Certificate that covers all of them; TLS 1.2 is then the minimum."),
    ]


@dataclass(frozen=True, kw_only=True)
class Countries:
    """Geographic restriction of the site."""

    rule: Annotated[
        Literal["only", "except"],
        Doc("Serves `only` the listed countries, or all `except` them; others get a 403."),
    ]
    codes: Annotated[
        tuple[str, ...],
        Matches(r"[A-Z]{2}", "an ISO 3166 country code", "DE"),
        Doc("Countries, which CloudFront derives from the viewer's IP address."),
    ]


@dataclass(frozen=True, kw_only=True)
class Firewall:
    """AWS WAF web ACL of the site, in us-east-1, where CloudFront requires it."""

    rate_limit: Annotated[
        int,
        Between(10, 2_000_000_000, "requests in 5 minutes", "AWS WAF"),
        Doc(
            "IP addresses with more requests are blocked until their rate falls below it.",
            cost="$1 for the rule, besides $5 for the web ACL and $0.60 per million requests",
        ),
    ] = 2000
    api_rate_limit: Annotated[
        int | None,
        Between(10, 2_000_000_000, "requests in 5 minutes", "AWS WAF"),
        Doc(
            "The same for `/api/*` alone, where a question can cost a call to Gemini; cached "
            "answers count, too, and an office often has one address. Unset, 100, or `rate_limit` "
            "if that is lower.",
            cost="$1 for the rule",
        ),
    ] = None
    managed_rules: Annotated[
        bool,
        Doc(
            "Adds AWS managed rule groups: known attacks, and IP addresses of bad reputation.",
            cost="$3 for three rule groups",
        ),
    ] = True
    block_anonymous: Annotated[
        bool,
        Doc(
            "Blocks VPNs, proxies, Tor and hosting providers by an AWS managed rule group: also "
            "readers behind a VPN, and programs in a cloud.",
            cost="$1 for the rule group",
        ),
    ] = False
    log_retention_days: Annotated[
        int | None,
        LOG_RETENTION,
        Doc(
            "Logs the requests that are blocked or counted, to CloudWatch Logs in us-east-1, and "
            "keeps them this long; unset, none.",
            cost="$0.50 per GB of them for ingestion, and $0.03 per GB stored",
        ),
    ] = None
    log_key_arn: Annotated[
        str | None,
        KEY_ARN,
        Doc("KMS key of that log, in us-east-1; unset, CloudWatch's own.", cost=KEY_COST),
    ] = None

    @property
    def api_requests(self) -> int:
        """The rate limit for the API in use."""
        return self.api_rate_limit or min(_API_REQUESTS, self.rate_limit)

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem for a limit without effect, and a key without a log or elsewhere."""
        if self.api_rate_limit and self.api_rate_limit >= self.rate_limit:
            yield Problem(
                field=f"{at}.api_rate_limit",
                value=self.api_rate_limit,
                reason=f"{at}.rate_limit = {self.rate_limit} blocks the address before",
                remedy="set it lower than rate_limit, or remove it",
                involves=(f"{at}.rate_limit",),
            )
        if self.log_key_arn is None:
            return
        field = f"{at}.log_key_arn"
        yield from key_elsewhere(field, self.log_key_arn, EDGE_REGION)
        if self.log_retention_days is None:
            yield Problem(
                field=field,
                value=self.log_key_arn,
                reason="there is no log",
                remedy=f"set {at}.log_retention_days, or remove the key",
                involves=(f"{at}.log_retention_days",),
            )


@dataclass(frozen=True, kw_only=True)
class FrontendSettings:
    """The CloudFront distribution; without this section there is no frontend layer."""

    domain: Annotated[
        Domain | None,
        Doc(
            "Custom host names; unset, the site has a CloudFront host name, whose certificate "
            "still allows TLS 1.0."
        ),
    ] = None
    countries: Annotated[
        Countries | None, Doc("Restricts the site to countries; unset, it is available worldwide.")
    ] = None
    firewall: Annotated[
        Firewall | None, Doc("Creates a web ACL for the site; unset, there is none.")
    ] = None
    web_acl_arn: Annotated[
        str | None,
        Matches(
            r"arn:aws[a-z-]*:wafv2:us-east-1:\d{12}:global/webacl/[\w-]+/[0-9a-f-]+",
            "the ARN of a web ACL for CloudFront in us-east-1",
            "arn:aws:wafv2:us-east-1:123456789012:global/webacl/site/1234abcd-12ab-34cd-56ef-"
            "1234567890ab",
        ),
        Doc("Existing web ACL to use instead of `[frontend.firewall]`."),
    ] = None
    price_class: Annotated[
        Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"],
        Doc(
            "Edge locations in use: 100 is North America, Europe and Israel, All is worldwide; "
            "distant viewers see a higher latency.",
            cost="$0.085 per GB in North America after the first TB, more elsewhere",
        ),
    ] = "PriceClass_100"
    tile_hosts: Annotated[
        tuple[str, ...],
        https_origin(),
        Doc(
            "Hosts of map tiles: other origins whose images and data the pages may load; unset, "
            "they load from the site alone."
        ),
    ] = ()
    content_security_policy: Annotated[
        str | None,
        Matches(r"[\x20-\x7e]{1,1000}", "a header value", "default-src 'self'"),
        Doc(
            "`Content-Security-Policy` header of the pages; too strict blocks the map's tiles, "
            "too loose allows injected scripts. Unset, everything is from the site itself, images "
            "also from `data:` URLs, and `tile_hosts` are added."
        ),
    ] = None

    @property
    def csp_header(self) -> str:
        """The value of the ``Content-Security-Policy`` header."""
        hosts = "".join(f" {host}" for host in self.tile_hosts)
        # MapLibre loads vector tiles in a worker that it makes of a blob.
        worker = "worker-src 'self' blob:; " if hosts else ""
        return self.content_security_policy or (
            f"default-src 'self'; img-src 'self' data:{hosts}; connect-src 'self'{hosts}; {worker}"
            "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
        )

    def problems(self, at: str) -> Iterator[Problem]:
        """Yield a problem if there are two web ACLs or two policies of the pages."""
        if self.firewall and self.web_acl_arn:
            yield Problem(
                field=f"{at}.web_acl_arn",
                value=self.web_acl_arn,
                reason=f"a distribution has one web ACL, and [{at}.firewall] creates one",
                remedy=f"keep one of web_acl_arn and [{at}.firewall]",
                involves=(f"{at}.firewall",),
            )
        if self.tile_hosts and self.content_security_policy:
            yield Problem(
                field=f"{at}.tile_hosts",
                value=list(self.tile_hosts),
                reason=f"they are added to the default policy, which {at}.content_security_policy "
                "replaces",
                remedy="list the hosts in that policy, or remove one of the two settings",
                involves=(f"{at}.content_security_policy",),
            )
