"""Layer 5: the CloudFront distribution."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.cloudfront_origin_access_control import CloudfrontOriginAccessControl
from cdktf_cdktf_provider_aws.lambda_permission import LambdaPermission
from constructs import Construct

from modules.catalogue import GEOJSON, STATIC_WEBSITE, Bucket, Layer
from modules.environments import Environment
from modules.layers.base import EDGE_LOGS, BaseOutputs
from modules.layers.compute import ComputeOutputs
from modules.layers.publishing import publish
from modules.layers.storage import StorageOutputs
from modules.resources.edge.distribution import (
    ApiOrigin,
    BucketOrigin,
    DistributionConfig,
    add_distribution,
)
from modules.resources.edge.firewall import (
    FirewallConfig,
    FirewallLogConfig,
    add_firewall,
    add_firewall_log,
)
from modules.resources.edge.functions import EdgeFunctionConfig, add_edge_function
from modules.resources.edge.logs import DistributionLogsConfig, add_distribution_logs
from modules.resources.edge.policies import (
    ApiCachePolicyConfig,
    ResponseHeadersConfig,
    add_api_cache_policy,
    add_response_headers,
)
from modules.resources.function import SignedFunction
from modules.settings import FrontendSettings
from modules.stack import LayerOutputs, LayerStack


@dataclass(frozen=True, kw_only=True)
class FrontendOutputs(LayerOutputs):
    """The distribution, for monitoring."""

    distribution_id: str


class FrontendLayer(LayerStack):
    """The frontend layer of one environment."""

    def __init__(
        self,
        scope: Construct,
        environment: Environment,
        *,
        settings: FrontendSettings,
        base: BaseOutputs,
        storage: StorageOutputs,
        compute: ComputeOutputs,
    ) -> None:
        super().__init__(scope, environment, Layer.FRONTEND)
        function = self.read(compute).function
        self.read(storage)
        cache = self.settings.cache
        cache_policy = ApiCachePolicyConfig(
            max_seconds=cache.edge_seconds + cache.stale_while_revalidate_seconds,
            by_origin=bool(self.settings.function.cors_origins),
        )
        headers, data_headers = self._response_headers(settings.csp_header)
        distribution = add_distribution(
            self,
            "distribution",
            DistributionConfig(
                settings=settings,
                pages=self._bucket_origin("pages", STATIC_WEBSITE, storage),
                data=self._bucket_origin("data", GEOJSON, storage),
                api=self._api_origin(function),
                web_acl_arn=self._web_acl(settings),
                api_cache_policy_id=add_api_cache_policy(self, "api_cache", cache_policy).id,
                headers_policy_id=headers,
                data_headers_policy_id=data_headers,
                page_fallback_arn=add_edge_function(
                    self,
                    "spa_fallback",
                    EdgeFunctionConfig(
                        name="spa-fallback",
                        comment="Serves index.html for the paths of the page's router",
                    ),
                ).arn,
                strip_prefix_arn=add_edge_function(
                    self,
                    "strip_prefix",
                    EdgeFunctionConfig(
                        name="strip-prefix",
                        comment="Removes /data/geojson/, which is not part of the bucket's keys",
                    ),
                ).arn,
            ),
        )
        distribution_arn = distribution.arn  # read once: each read is a message to the kernel
        self._allow_invocation(function, distribution_arn)
        if logs := base.logs(self):
            add_distribution_logs(
                self,
                "logs",
                DistributionLogsConfig(
                    distribution_arn=distribution_arn,
                    bucket_arn=logs.arn,
                    folder=EDGE_LOGS,
                ),
            )
        host = settings.domain.names[0] if settings.domain else distribution.domain_name
        published = publish(
            self,
            distribution=distribution,
            site_url=f"https://{host}/",
            # For reviewers of a plan, who do not see the warning of the synthesis.
            viewer_tls="TLSv1.2_2021" if settings.domain else "TLSv1",
        )
        self.outputs = FrontendOutputs(stack=self, distribution_id=published["distribution_id"])

    def _web_acl(self, settings: FrontendSettings) -> str | None:
        """Return the ARN of the web ACL; add it, and its log, if the settings ask for them."""
        firewall = settings.firewall
        if firewall is None:
            return settings.web_acl_arn
        arn = add_firewall(self, "firewall", FirewallConfig(settings=firewall)).arn
        if firewall.log_retention_days:
            log = FirewallLogConfig(
                web_acl_arn=arn,
                keep_days=firewall.log_retention_days,
                key_arn=firewall.log_key_arn,
                retain=self.settings.retain,
            )
            add_firewall_log(self, "firewall_log", log)
        return arn

    def _response_headers(self, content_security_policy: str) -> tuple[str, str]:
        """Add the response headers policies; return the id of all, and the id of the data's."""
        config = ResponseHeadersConfig(
            name="security-headers",
            comment="Security headers of every response",
            content_security_policy=content_security_policy,
        )
        every = add_response_headers(self, "security_headers", config).id
        buckets = self.settings.buckets
        if not buckets.cors_origins:
            return every, every
        data = ResponseHeadersConfig(
            name="data-headers",
            comment="Security and CORS headers of the data",
            content_security_policy=content_security_policy,
            cross_origin=buckets,
        )
        return every, add_response_headers(self, "data_headers", data).id

    def _bucket_origin(self, id_: str, bucket: Bucket, storage: StorageOutputs) -> BucketOrigin:
        by_identity = self.settings.origin_access == "oai"
        return BucketOrigin(
            id=id_,
            host=storage.bucket_hosts[bucket.id],
            control_id=storage.origin_access_control_id,
            identity=storage.origin_access_identity_path if by_identity else None,
        )

    def _api_origin(self, function: SignedFunction) -> ApiOrigin:
        control = CloudfrontOriginAccessControl(
            self,
            "function_access_control",
            name=self.naming.edge("function"),
            description="CloudFront invokes the cache Lambda",
            origin_access_control_origin_type="lambda",
            signing_behavior="always",
            signing_protocol="sigv4",
        )
        return ApiOrigin(
            id="api",
            host=f"{function.url_id}.lambda-url.{self.region}.on.aws",
            control_id=control.id,
            timeout_seconds=self.settings.function.timeout_seconds + 1,
        )

    def _allow_invocation(self, function: SignedFunction, distribution_arn: str) -> None:
        """Allow this distribution to invoke the function; AWS requires both permissions."""
        for id_, action in (
            ("allow_url", "lambda:InvokeFunctionUrl"),
            ("allow_function", "lambda:InvokeFunction"),
        ):
            LambdaPermission(
                self,
                id_,
                function_name=function.name,
                qualifier=function.alias,
                action=action,
                principal="cloudfront.amazonaws.com",
                source_arn=distribution_arn,
                function_url_auth_type="AWS_IAM" if id_ == "allow_url" else None,
            )
