"""A web ACL (AWS WAF) in front of the distribution."""

from __future__ import annotations

from dataclasses import dataclass

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

from modules.catalogue import EDGE_REGION
from modules.settings import Firewall
from modules.stack import LayerStack

# docs.aws.amazon.com/waf, "AWS Managed Rules rule groups list"
_MANAGED = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
)


@dataclass(frozen=True, kw_only=True)
class FirewallConfig:
    """The rate limit and the managed rules."""

    settings: Firewall


def add_firewall(stack: LayerStack, id_: str, config: FirewallConfig) -> Wafv2WebAcl:
    """Add the web ACL."""
    rules = [_rate_limit(config.settings.rate_limit)]
    if config.settings.managed_rules:
        rules += [_managed(name, priority) for priority, name in enumerate(_MANAGED, start=1)]
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


def _rate_limit(requests: int) -> Wafv2WebAclRule:
    return Wafv2WebAclRule(
        name="rate-limit",
        priority=0,
        action=Wafv2WebAclRuleAction(block=Wafv2WebAclRuleActionBlock()),
        statement={"rate_based_statement": {"limit": requests, "aggregate_key_type": "IP"}},
        visibility_config=_visible("rate-limit"),
    )


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
