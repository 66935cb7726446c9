"""The CloudFront distribution in front of the pages, the data and the API."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.cloudfront_distribution import (
    CloudfrontDistribution,
    CloudfrontDistributionCustomErrorResponse,
    CloudfrontDistributionDefaultCacheBehavior,
    CloudfrontDistributionDefaultCacheBehaviorFunctionAssociation,
    CloudfrontDistributionOrderedCacheBehavior,
    CloudfrontDistributionOrderedCacheBehaviorFunctionAssociation,
    CloudfrontDistributionOrigin,
    CloudfrontDistributionOriginCustomOriginConfig,
    CloudfrontDistributionOriginS3OriginConfig,
    CloudfrontDistributionRestrictions,
    CloudfrontDistributionRestrictionsGeoRestriction,
    CloudfrontDistributionViewerCertificate,
)

from modules.settings import Countries, Domain, FrontendSettings
from modules.stack import LayerStack

API_PATH = "/api/"

# Managed policies; their ids are the same in every account.
_CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
_ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
_CORS_S3_ORIGIN = "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"

# Every error that CloudFront can cache. It would keep the second row for 10 seconds, whatever
# Cache-Control says of a 5xx, and the first where there is a max-age. A web ACL's 403 and the
# function URL's 429 never enter the cache. Nor does caching protect the buckets, whose answer to a
# missing key is a 403: each made-up path is a miss. Source: "How CloudFront processes HTTP 4xx and
# 5xx status codes from your origin".
_UNCACHED_ERRORS = (
    *(400, 403, 405),
    *(404, 414, 500, 501, 502, 503, 504),
)

_READ = ["GET", "HEAD"]
_READ_AND_ASK = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]


@dataclass(frozen=True, kw_only=True)
class BucketOrigin:
    """A private bucket, read with the ``identity`` where given, else with the access control."""

    id: str
    host: str
    control_id: str
    identity: str | None

    def origin(self) -> CloudfrontDistributionOrigin:
        """Return the origin block."""
        if self.identity:
            reader = CloudfrontDistributionOriginS3OriginConfig(
                origin_access_identity=self.identity
            )
            return CloudfrontDistributionOrigin(
                origin_id=self.id, domain_name=self.host, s3_origin_config=reader
            )
        return CloudfrontDistributionOrigin(
            origin_id=self.id, domain_name=self.host, origin_access_control_id=self.control_id
        )


@dataclass(frozen=True, kw_only=True)
class ApiOrigin:
    """The function's URL; the access control signs the requests."""

    id: str
    host: str
    control_id: str
    timeout_seconds: int

    def origin(self) -> CloudfrontDistributionOrigin:
        """Return the origin block."""
        return CloudfrontDistributionOrigin(
            origin_id=self.id,
            domain_name=self.host,
            origin_access_control_id=self.control_id,
            custom_origin_config=CloudfrontDistributionOriginCustomOriginConfig(
                http_port=80,
                https_port=443,
                origin_protocol_policy="https-only",
                origin_ssl_protocols=["TLSv1.2"],
                origin_read_timeout=self.timeout_seconds,
            ),
        )


@dataclass(frozen=True, kw_only=True)
class DistributionConfig:
    """The origins, and what CloudFront applies to each request and response."""

    settings: FrontendSettings
    pages: BucketOrigin
    data: BucketOrigin
    api: ApiOrigin
    api_cache_policy_id: str
    headers_policy_id: str
    data_headers_policy_id: str
    page_fallback_arn: str
    strip_prefix_arn: str
    web_acl_arn: str | None


def add_distribution(
    stack: LayerStack, id_: str, config: DistributionConfig
) -> CloudfrontDistribution:
    """Add the distribution: pages by default, data below /data/geojson/, the API below /api/."""
    settings = config.settings
    pages, data, api = config.pages, config.data, config.api
    return CloudfrontDistribution(
        stack,
        id_,
        comment=stack.naming.parameters,
        enabled=True,
        http_version="http2and3",
        is_ipv6_enabled=True,
        price_class=settings.price_class,
        web_acl_id=config.web_acl_arn,
        default_root_object="index.html",
        aliases=list(settings.domain.names) if settings.domain else None,
        origin=[pages.origin(), data.origin(), api.origin()],
        default_cache_behavior=CloudfrontDistributionDefaultCacheBehavior(
            target_origin_id=pages.id,
            viewer_protocol_policy="redirect-to-https",
            allowed_methods=_READ,
            cached_methods=_READ,
            compress=True,
            cache_policy_id=_CACHING_OPTIMIZED,
            response_headers_policy_id=config.headers_policy_id,
            function_association=[
                CloudfrontDistributionDefaultCacheBehaviorFunctionAssociation(
                    event_type="viewer-request", function_arn=config.page_fallback_arn
                )
            ],
        ),
        ordered_cache_behavior=[
            CloudfrontDistributionOrderedCacheBehavior(
                path_pattern="/data/geojson/*",
                target_origin_id=data.id,
                viewer_protocol_policy="redirect-to-https",
                allowed_methods=[*_READ, "OPTIONS"],
                cached_methods=_READ,
                compress=True,
                cache_policy_id=_CACHING_OPTIMIZED,
                # For preflight requests, which the bucket answers.
                origin_request_policy_id=_CORS_S3_ORIGIN,
                response_headers_policy_id=config.data_headers_policy_id,
                function_association=[
                    CloudfrontDistributionOrderedCacheBehaviorFunctionAssociation(
                        event_type="viewer-request", function_arn=config.strip_prefix_arn
                    )
                ],
            ),
            CloudfrontDistributionOrderedCacheBehavior(
                path_pattern=f"{API_PATH}*",
                target_origin_id=api.id,
                viewer_protocol_policy="https-only",
                allowed_methods=_READ_AND_ASK,
                cached_methods=_READ,
                compress=True,
                cache_policy_id=config.api_cache_policy_id,
                origin_request_policy_id=_ALL_VIEWER_EXCEPT_HOST,
                response_headers_policy_id=config.headers_policy_id,
            ),
        ],
        custom_error_response=[
            CloudfrontDistributionCustomErrorResponse(error_code=code, error_caching_min_ttl=0)
            for code in _UNCACHED_ERRORS
        ],
        restrictions=CloudfrontDistributionRestrictions(
            geo_restriction=_geo_restriction(settings.countries)
        ),
        viewer_certificate=_certificate(settings.domain),
    )


def _geo_restriction(
    countries: Countries | None,
) -> CloudfrontDistributionRestrictionsGeoRestriction:
    if countries is None:
        return CloudfrontDistributionRestrictionsGeoRestriction(restriction_type="none")
    kind = "whitelist" if countries.rule == "only" else "blacklist"
    return CloudfrontDistributionRestrictionsGeoRestriction(
        restriction_type=kind, locations=sorted(countries.codes)
    )


def _certificate(domain: Domain | None) -> CloudfrontDistributionViewerCertificate:
    if domain is None:
        # With CloudFront's own certificate the minimum is TLSv1, whatever is configured.
        return CloudfrontDistributionViewerCertificate(cloudfront_default_certificate=True)
    return CloudfrontDistributionViewerCertificate(
        acm_certificate_arn=domain.certificate_arn,
        ssl_support_method="sni-only",
        minimum_protocol_version="TLSv1.2_2021",
    )
