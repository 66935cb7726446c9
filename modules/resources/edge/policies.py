"""The cache policy of the API, and the security headers of every response."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.cloudfront_cache_policy import (
    CloudfrontCachePolicy,
    CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOrigin,
    CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginCookiesConfig,
    CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfig,
    CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfigHeaders,
    CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginQueryStringsConfig,
)
from cdktf_cdktf_provider_aws.cloudfront_response_headers_policy import (
    CloudfrontResponseHeadersPolicy,
    CloudfrontResponseHeadersPolicySecurityHeadersConfig,
    CloudfrontResponseHeadersPolicySecurityHeadersConfigContentSecurityPolicy,
    CloudfrontResponseHeadersPolicySecurityHeadersConfigContentTypeOptions,
    CloudfrontResponseHeadersPolicySecurityHeadersConfigFrameOptions,
    CloudfrontResponseHeadersPolicySecurityHeadersConfigReferrerPolicy,
    CloudfrontResponseHeadersPolicySecurityHeadersConfigStrictTransportSecurity,
)

from modules.stack import LayerStack

_YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True, kw_only=True)
class ApiCachePolicyConfig:
    """The longest time that an answer is kept, and what the cache key includes.

    `by_origin`: the Origin header, because responses depend on it (CORS).
    """

    max_seconds: int
    by_origin: bool


@dataclass(frozen=True, kw_only=True)
class SecurityHeadersConfig:
    """The value of the Content-Security-Policy header."""

    content_security_policy: str


def add_api_cache_policy(
    stack: LayerStack, id_: str, config: ApiCachePolicyConfig
) -> CloudfrontCachePolicy:
    """Add a policy that caches as Cache-Control says, up to a limit.

    Without that header nothing is cached. The query string is part of the cache key.
    """
    key = CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOrigin(
        query_strings_config=CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginQueryStringsConfig(
            query_string_behavior="all"
        ),
        headers_config=_by_origin() if config.by_origin else _by_no_header(),
        cookies_config=CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginCookiesConfig(
            cookie_behavior="none"
        ),
        enable_accept_encoding_brotli=True,
        enable_accept_encoding_gzip=True,
    )
    return CloudfrontCachePolicy(
        stack,
        id_,
        name=stack.naming.edge("api-cache"),
        comment="Caches API responses for as long as their Cache-Control says",
        min_ttl=0,
        default_ttl=0,
        # 0 would disable caching, and then CloudFront rejects a query string in the cache key.
        max_ttl=max(1, config.max_seconds),
        parameters_in_cache_key_and_forwarded_to_origin=key,
    )


def _by_origin() -> CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfig:
    return CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfig(
        header_behavior="whitelist",
        headers=CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfigHeaders(
            items=["Origin"]
        ),
    )


def _by_no_header() -> CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfig:
    return CloudfrontCachePolicyParametersInCacheKeyAndForwardedToOriginHeadersConfig(
        header_behavior="none"
    )


def add_security_headers(
    stack: LayerStack, id_: str, config: SecurityHeadersConfig
) -> CloudfrontResponseHeadersPolicy:
    """Add a response headers policy."""
    headers = CloudfrontResponseHeadersPolicySecurityHeadersConfig(
        strict_transport_security=CloudfrontResponseHeadersPolicySecurityHeadersConfigStrictTransportSecurity(
            access_control_max_age_sec=_YEAR_SECONDS, include_subdomains=True, override=True
        ),
        content_security_policy=CloudfrontResponseHeadersPolicySecurityHeadersConfigContentSecurityPolicy(
            content_security_policy=config.content_security_policy, override=True
        ),
        content_type_options=CloudfrontResponseHeadersPolicySecurityHeadersConfigContentTypeOptions(
            override=True
        ),
        frame_options=CloudfrontResponseHeadersPolicySecurityHeadersConfigFrameOptions(
            frame_option="DENY", override=True
        ),
        referrer_policy=CloudfrontResponseHeadersPolicySecurityHeadersConfigReferrerPolicy(
            referrer_policy="strict-origin-when-cross-origin", override=True
        ),
    )
    return CloudfrontResponseHeadersPolicy(
        stack,
        id_,
        name=stack.naming.edge("security-headers"),
        comment="Security headers of every response",
        security_headers_config=headers,
    )
