"""The cache policy of the API, and the headers that CloudFront adds to responses."""

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
    CloudfrontResponseHeadersPolicyCorsConfig,
    CloudfrontResponseHeadersPolicyCorsConfigAccessControlAllowHeaders,
    CloudfrontResponseHeadersPolicyCorsConfigAccessControlAllowMethods,
    CloudfrontResponseHeadersPolicyCorsConfigAccessControlAllowOrigins,
    CloudfrontResponseHeadersPolicyCorsConfigAccessControlExposeHeaders,
    CloudfrontResponseHeadersPolicySecurityHeadersConfig,
    CloudfrontResponseHeadersPolicySecurityHeadersConfigContentSecurityPolicy,
    CloudfrontResponseHeadersPolicySecurityHeadersConfigContentTypeOptions,
    CloudfrontResponseHeadersPolicySecurityHeadersConfigFrameOptions,
    CloudfrontResponseHeadersPolicySecurityHeadersConfigReferrerPolicy,
    CloudfrontResponseHeadersPolicySecurityHeadersConfigStrictTransportSecurity,
)

from modules.settings import BucketSettings
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
class ResponseHeadersConfig:
    """The name of the policy, and the value of the Content-Security-Policy header.

    ``cross_origin`` are the settings of the CORS headers.
    """

    name: str
    comment: str
    content_security_policy: str
    cross_origin: BucketSettings | None = None


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


def add_response_headers(
    stack: LayerStack, id_: str, config: ResponseHeadersConfig
) -> CloudfrontResponseHeadersPolicy:
    """Add a policy with the security headers, and with CORS headers if there are settings for them.

    CloudFront applies it to each response that it sends, cached or not.
    """
    return CloudfrontResponseHeadersPolicy(
        stack,
        id_,
        name=stack.naming.edge(config.name),
        comment=config.comment,
        security_headers_config=_security(config.content_security_policy),
        cors_config=_cors(config.cross_origin) if config.cross_origin else None,
    )


def _security(
    content_security_policy: str,
) -> CloudfrontResponseHeadersPolicySecurityHeadersConfig:
    return CloudfrontResponseHeadersPolicySecurityHeadersConfig(
        strict_transport_security=CloudfrontResponseHeadersPolicySecurityHeadersConfigStrictTransportSecurity(
            access_control_max_age_sec=_YEAR_SECONDS, include_subdomains=True, override=True
        ),
        content_security_policy=CloudfrontResponseHeadersPolicySecurityHeadersConfigContentSecurityPolicy(
            content_security_policy=content_security_policy, override=True
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


def _cors(settings: BucketSettings) -> CloudfrontResponseHeadersPolicyCorsConfig:
    exposed = settings.cors_exposed_headers
    return CloudfrontResponseHeadersPolicyCorsConfig(
        access_control_allow_credentials=False,
        access_control_allow_origins=CloudfrontResponseHeadersPolicyCorsConfigAccessControlAllowOrigins(
            items=list(settings.cors_origins)
        ),
        access_control_allow_methods=CloudfrontResponseHeadersPolicyCorsConfigAccessControlAllowMethods(
            items=["GET", "HEAD"]
        ),
        # CloudFront requires one; every page may send Accept anyway.
        access_control_allow_headers=CloudfrontResponseHeadersPolicyCorsConfigAccessControlAllowHeaders(
            items=list(settings.cors_headers or ("Accept",))
        ),
        access_control_expose_headers=CloudfrontResponseHeadersPolicyCorsConfigAccessControlExposeHeaders(
            items=list(exposed)
        )
        if exposed
        else None,
        access_control_max_age_sec=settings.cors_max_age_seconds,
        # The cached response has the CORS headers of whoever asked first, or none.
        origin_override=True,
    )
