"""A web ACL (AWS WAF) in front of the distribution, and its log."""

from __future__ import annotations

from dataclasses import dataclass

from cdktf_cdktf_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktf_cdktf_provider_aws.wafv2_web_acl import (
    Wafv2WebAcl,
    Wafv2WebAclDefaultAction,
    Wafv2WebAclDefaultActionAllow,
    Wafv2WebAclRule,
    Wafv2WebAclRuleAction,
    Wafv2WebAclRuleActionBlock,
    Wafv2WebAclRuleOverrideAction,
    Wafv2WebAclRuleOverrideActionNone,
    Wafv2WebAclRuleVisibilityConfig,
    Wafv2WebAclVisibilityConfig,
)
from cdktf_cdktf_provider_aws.wafv2_web_acl_logging_configuration import (
    Wafv2WebAclLoggingConfiguration,
    Wafv2WebAclLoggingConfigurationLoggingFilter,
    Wafv2WebAclLoggingConfigurationLoggingFilterFilter,
    Wafv2WebAclLoggingConfigurationLoggingFilterFilterCondition,
    Wafv2WebAclLoggingConfigurationLoggingFilterFilterConditionActionCondition,
    Wafv2WebAclLoggingConfigurationRedactedFields,
    Wafv2WebAclLoggingConfigurationRedactedFieldsSingleHeader,
)

from modules.catalogue import EDGE_REGION
from modules.resources.edge.distribution import API_PATH
from modules.settings import Firewall
from modules.stack import LayerStack

# docs.aws.amazon.com/waf, "AWS Managed Rules rule groups list". KnownBadInputs has the rules
# against Log4j. No rule needs an exception: a question is far below the limits on size and contains
# neither URL nor path. Clients without a User-Agent are blocked.
_MANAGED = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
)
_ANONYMOUS = "AWSManagedRulesAnonymousIpList"
_LOGGED_ACTIONS = ("BLOCK", "COUNT")
_REDACTED_HEADERS = ("authorization", "cookie")


@dataclass(frozen=True, kw_only=True)
class FirewallConfig:
    """The rate limits and the managed rules."""

    settings: Firewall


@dataclass(frozen=True, kw_only=True)
class FirewallLogConfig:
    """The web ACL, the days that its log is kept, and the KMS key if it is not CloudWatch's own.

    With ``retain`` a destroy leaves the log group.
    """

    web_acl_arn: str
    keep_days: int
    key_arn: str | None
    retain: bool


def add_firewall(stack: LayerStack, id_: str, config: FirewallConfig) -> Wafv2WebAcl:
    """Add the web ACL."""
    settings = config.settings
    rules = [
        _rate_limit("rate-limit", 0, settings.rate_limit),
        _rate_limit("api-rate-limit", 1, settings.api_requests, path=API_PATH),
    ]
    groups = (
        *(_MANAGED if settings.managed_rules else ()),
        *((_ANONYMOUS,) if settings.block_anonymous else ()),
    )
    rules += [_managed(name, priority) for priority, name in enumerate(groups, start=len(rules))]
    return Wafv2WebAcl(
        stack,
        id_,
        provider=stack.provider_for(EDGE_REGION),
        name=stack.naming.firewall,
        description="Protects the site",
        scope="CLOUDFRONT",
        default_action=Wafv2WebAclDefaultAction(allow=Wafv2WebAclDefaultActionAllow()),
        rule=rules,
        visibility_config=Wafv2WebAclVisibilityConfig(
            cloudwatch_metrics_enabled=True,
            metric_name=stack.naming.firewall,
            sampled_requests_enabled=True,
        ),
    )


def add_firewall_log(stack: LayerStack, id_: str, config: FirewallLogConfig) -> None:
    """Add a log of the requests that are blocked or counted, without their credentials.

    AWS WAF itself allows the delivery, by a policy of the log group. A policy of ours would be one
    of the ten that an account may have in a Region.
    """
    provider = stack.provider_for(EDGE_REGION)
    log_group = CloudwatchLogGroup(
        stack,
        id_,
        provider=provider,
        name=stack.naming.firewall_log,
        retention_in_days=config.keep_days,
        kms_key_id=config.key_arn,
        skip_destroy=True if config.retain else None,
    )
    kept = Wafv2WebAclLoggingConfigurationLoggingFilterFilter(
        behavior="KEEP",
        requirement="MEETS_ANY",
        condition=[
            Wafv2WebAclLoggingConfigurationLoggingFilterFilterCondition(
                action_condition=(
                    Wafv2WebAclLoggingConfigurationLoggingFilterFilterConditionActionCondition(
                        action=action
                    )
                )
            )
            for action in _LOGGED_ACTIONS
        ],
    )
    Wafv2WebAclLoggingConfiguration(
        stack,
        f"{id_}_configuration",
        provider=provider,
        resource_arn=config.web_acl_arn,
        log_destination_configs=[log_group.arn],
        logging_filter=Wafv2WebAclLoggingConfigurationLoggingFilter(
            default_behavior="DROP", filter=[kept]
        ),
        redacted_fields=[
            Wafv2WebAclLoggingConfigurationRedactedFields(
                single_header=Wafv2WebAclLoggingConfigurationRedactedFieldsSingleHeader(name=name)
            )
            for name in _REDACTED_HEADERS
        ],
    )


def _rate_limit(name: str, priority: int, requests: int, *, path: str = "") -> Wafv2WebAclRule:
    limit: dict[str, object] = {"limit": requests, "aggregate_key_type": "IP"}
    if path:
        limit["scope_down_statement"] = {"byte_match_statement": _begins_with(path)}
    return Wafv2WebAclRule(
        name=name,
        priority=priority,
        action=Wafv2WebAclRuleAction(block=Wafv2WebAclRuleActionBlock()),
        statement={"rate_based_statement": limit},
        visibility_config=_visible(name),
    )


def _begins_with(path: str) -> dict[str, object]:
    """Match a path as cache behaviours do, which normalize it: /%61pi/ and /x/../api/ are /api/."""
    return {
        "field_to_match": {"uri_path": {}},
        "positional_constraint": "STARTS_WITH",
        "search_string": path,
        "text_transformation": [
            {"priority": 0, "type": "URL_DECODE"},
            {"priority": 1, "type": "NORMALIZE_PATH"},
        ],
    }


def _managed(name: str, priority: int) -> Wafv2WebAclRule:
    return Wafv2WebAclRule(
        name=name,
        priority=priority,
        override_action=Wafv2WebAclRuleOverrideAction(none=Wafv2WebAclRuleOverrideActionNone()),
        statement={"managed_rule_group_statement": {"vendor_name": "AWS", "name": name}},
        visibility_config=_visible(name),
    )


def _visible(metric: str) -> Wafv2WebAclRuleVisibilityConfig:
    return Wafv2WebAclRuleVisibilityConfig(
        cloudwatch_metrics_enabled=True, metric_name=metric, sampled_requests_enabled=True
    )
