"""Settings files: all problems are reported at once, and no invalid value is accepted."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.problems import Problem
from modules.schema.reader import structure
from modules.settings import Firewall, Settings

GOOD: Mapping[str, object] = tomllib.loads(
    """
    region = "us-east-1"
    retain = true
    [state.s3]
    [table]
    billing = "provisioned"
    point_in_time_recovery = true
    [table.capacity]
    read = 5
    write = 5
    [table.autoscaling]
    minimum = 5
    maximum = 50
    [buckets]
    versioning = true
    [buckets.lifecycle]
    """
)

ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/site/1234abcd-12ab-34cd-56ef-1234567890ab"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
BOUNDARY = "arn:aws:iam::123456789012:policy/team/boundary"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
PROFILE = "arn:aws:signer:us-east-1:123456789012:/signing-profiles/co2_analysis/a1B2c3D4e5"
OTHER_REGION = CERTIFICATE.replace("us-east-1", "eu-west-1")
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
COPY_KEY = KEY.replace("us-east-1", "eu-west-1")
GITHUB: Mapping[str, object] = {
    "owner": "my-company", "owner_id": 1, "repository": "co2-analysis", "repository_id": 2,
}  # fmt: skip
GITLAB: Mapping[str, object] = {"project": "my-company/co2-analysis", "project_id": 3}
ROLE = "arn:aws:iam::123456789012:role/team/deployers"
TABLE = {"billing": "on-demand", "point_in_time_recovery": True}


def changed(path: str, value: object) -> dict[str, object]:
    """Return GOOD with one value replaced, or removed if ``value`` is None.

    Without a path, ``value`` is a mapping of several.
    """
    document = deepcopy(dict(GOOD))
    section: dict[str, object] = document
    if isinstance(value, dict) and not path:
        return document | value
    *parents, last = path.split(".")
    for parent in parents:
        section = section.setdefault(parent, {})  # type: ignore[assignment]
    if value is None:
        section.pop(last)
    else:
        section[last] = value
    return document


def _problems(document: Mapping[str, object]) -> dict[str, Problem]:
    return {problem.field: problem for problem in structure(Settings, document)[1]}


def test_valid_settings_have_no_problems() -> None:
    good, problems = structure(Settings, GOOD)
    assert problems == []
    assert good.table.capacity is not None
    assert good.table.capacity.read == 5
    assert good.table.autoscaling is not None
    assert good.table.autoscaling.target_percent == 70


# A setting, its new value, the fields that are reported, and a part of the message.
Row = tuple[str, object, str | tuple[str, ...], str]

INVALID: list[Row] = [
    ("retian", True, "retian", '"retain"'),
    ("table.billling", "on-demand", "table.billling", '"billing"'),
    ("table.billing", "on-demnd", "table.billing", '"on-demand"'),
    ("region", None, "region", "required"),
    ("table.capacity.read", None, "table.capacity.read", "required"),
    ("region", "us-east", "region", "Region"),
    ("region", "us-east-1\n", "region", "Region"),
    ("region", 5, "region", "string"),
    ("retain", "yes", "retain", "true or false"),
    ("retain", 1, "retain", "true or false"),
    ("table.capacity.read", True, "table.capacity.read", "integer"),
    ("table.capacity.read", 5.5, "table.capacity.read", "integer"),
    ("table.capacity.read", 0, "table.capacity.read", "1 to 40000"),
    ("table.capacity.read", 40_001, "table.capacity.read", "1 to 40000"),
    ("table.capacity", 5, "table.capacity", "table"),
    ("buckets.suffix", "My_Team", "buckets.suffix", "bucket name"),
    ("buckets.cors_origins", ["app.example.org"], "buckets.cors_origins[0]", "origin URL"),
    ("buckets.cors_origins", ["https://a.org/path"], "buckets.cors_origins[0]", "origin URL"),
    ("buckets.cors_origins", ["https://a.org:65536"], "buckets.cors_origins[0]", "origin URL"),
    ("buckets.cors_origins", ["https://-a.org"], "buckets.cors_origins[0]", "origin URL"),
    ("buckets.cors_origins", ["http://a.org"], "buckets.cors_origins[0]", "origin URL"),
    ("buckets.cors_origins", "https://a.org", "buckets.cors_origins", "list"),
    ("buckets.cors_origins", ["https://a.org", 1, {}, "b.org"],
     ("buckets.cors_origins[1]", "buckets.cors_origins[2]", "buckets.cors_origins[3]"), ""),
    ("table.replicas", [["eu-west-1"]], "table.replicas[0]", "a string"),
    ("function.cors_origins", ["http://a.org"], "function.cors_origins[0]", "origin URL"),
    ("cache.namespace", "", "cache.namespace", "letters"),
    ("cache.namespace", "a b", "cache.namespace", "letters"),
    ("state.s3.bucket", "A", "state.s3.bucket", "lower-case"),
    ("state.s3.bucket", "b" * 64, "state.s3.bucket", "63"),
    ("account_id", "1234", "account_id", "12 digits"),
    ("account_id", "\uff11" * 12, "account_id", "12 digits"),
    ("permissions_boundary", "workload-boundary", "permissions_boundary", "managed policy"),
    ("permissions_boundary", BOUNDARY.replace("policy", "role"), "permissions_boundary",
     "managed policy"),
    ("backup", {"schedule": "daily"}, "backup.schedule", "cron"),
    ("backup", {"schedule": "cron(0 5 * * *)"}, "backup.schedule", "cron"),
    ("backup", {"schedule": "cron(60 5 ? * * *)"}, "backup.schedule", "minute"),
    ("backup", {"schedule": "cron(0 24 ? * * *)"}, "backup.schedule", "hour"),
    ("backup", {"keep_days": 0}, "backup.keep_days", "1 to 36500"),
    ("backup", {"copy_to_vault_arn": "copies"}, "backup.copy_to_vault_arn", "vault"),
    ("backup", {"lock": {"minimum_days": 7, "compliance_after_days": 2}},
     "backup.lock.compliance_after_days", "3 to 36500"),
    ("function.code_signing", {"profile_version_arn": PROFILE.rpartition("/")[0], "bucket": "abc"},
     "function.code_signing.profile_version_arn", "version of a signing profile"),
    ("function.code_signing", {"profile_version_arn": PROFILE, "bucket": "A"},
     "function.code_signing.bucket", "lower-case"),
    ("function.log_retention_days", 8, "function.log_retention_days", "write one of"),
    ("function.timeout_seconds", 30, "function.timeout_seconds", "2 to 29"),
    ("gemini.endpoint", "http://gemini.example.org", "gemini.endpoint", "origin URL"),
    ("gemini.endpoint", "*", "gemini.endpoint", "origin URL"),
    ("gemini.hosts", ["https://a.org"], "gemini.hosts[0]", "host name"),
    ("gemini.hosts", ["a.org:443"], "gemini.hosts[0]", "host name"),
    ("gemini.hosts", ["A.org"], "gemini.hosts[0]", "lower-case"),
    ("gemini.hosts", ["*.a.org"], "gemini.hosts[0]", "host name"),
    ("gemini.hosts", ["localhost"], "gemini.hosts[0]", "host name"),
    ("gemini.hosts", ["127.0.0.1"], "gemini.hosts[0]", "host name"),
    ("local_aws.port", 80, "local_aws.port", "1024"),
    ("frontend.domain", {"names": ["a.org"]}, "frontend.domain.certificate_arn", "required"),
    ("frontend.domain", {"names": ["a.org"], "certificate_arn": OTHER_REGION},
     "frontend.domain.certificate_arn", "us-east-1"),
    ("frontend.domain", {"names": [], "certificate_arn": CERTIFICATE},
     "frontend.domain.names", "at least one"),
    ("frontend.domain", {"names": ["a b"], "certificate_arn": CERTIFICATE},
     "frontend.domain.names[0]", "host name"),
    ("frontend.countries", {"rule": "only", "codes": ["Germany"]},
     "frontend.countries.codes[0]", "ISO 3166"),
    ("frontend.countries", {"rule": "only", "codes": []}, "frontend.countries.codes",
     "at least one"),
    ("frontend.countries", {"codes": ["DE"]}, "frontend.countries.rule", "`except`"),
    ("frontend.content_security_policy", "a\nb", "frontend.content_security_policy", "header"),
    ("frontend.tile_hosts", ["https:"], "frontend.tile_hosts[0]", "origin"),
    ("frontend.firewall.api_rate_limit", 9, "frontend.firewall.api_rate_limit", "AWS WAF"),
    ("frontend.firewall.log_retention_days", 31, "frontend.firewall.log_retention_days",
     "CloudWatch"),
    ("frontend.web_acl_arn", ACL.replace("us-east-1", "eu-west-1"), "frontend.web_acl_arn",
     "us-east-1"),
    ("frontend.web_acl_arn", ACL.replace("global", "regional"), "frontend.web_acl_arn",
     "CloudFront"),
    ("frontend.firewall", {"rate_limit": 9}, "frontend.firewall.rate_limit", "10 to"),
    ("buckets.object_lock", {"mode": "legal", "days": 1}, "buckets.object_lock.mode",
     "governance"),
    ("buckets.cors_headers", ["X Y"], "buckets.cors_headers[0]", "header"),
    ("function.alias", "12", "function.alias", "not only digits"),
    ("monitoring.emails", ["operators"], "monitoring.emails[0]", "e-mail"),
    ("monitoring.runbook_url", "http://wiki.example.org", "monitoring.runbook_url", "https"),
    ("monitoring.runbook_url", "https://w.example.org/#x", "monitoring.runbook_url", "fragment"),
    ("monitoring.runbook_url", "https://w.example.org/${x}", "monitoring.runbook_url", "https"),
    ("monitoring.function_errors", 5, "monitoring.function_errors", "function_error_percent"),
    ("adopt.geojson_bucket", ["polcy"], "adopt.geojson_bucket[0]", '"policy"'),
    ("encryption.table", "create", "encryption.table", "ARN of a KMS key"),
    ("encryption.table", KEY.replace(":key/", ":alias/"), "encryption.table", "ARN of a KMS key"),
    ("encryption.topic", "own", "encryption.topic", "ARN of a KMS key"),
    ("backup", {"kms_key_arn": f"{KEY.partition('/')[0]}/not-an-id"}, "backup.kms_key_arn",
     "ARN of a KMS key"),
    ("bootstrap.github", {**GITHUB, "owner_id": 0},
     ("bootstrap.github.owner_id", "account_id"), ""),
    ("bootstrap.github", {**GITHUB, "owner_id": "1"},
     ("bootstrap.github.owner_id", "account_id"), ""),
    ("bootstrap.github", {**GITHUB, "repository": "my-company/co2-analysis"},
     ("bootstrap.github.repository", "account_id"), ""),
    ("bootstrap.github", {"owner": "my-company"},
     ("bootstrap.github.owner_id", "bootstrap.github.repository",
      "bootstrap.github.repository_id", "account_id"), ""),
    ("bootstrap.gitlab", {"project": "co2-analysis"},
     ("bootstrap.gitlab.project", "bootstrap.gitlab.project_id", "account_id"), ""),
    ("bootstrap.principals", ["*"], ("bootstrap.principals[0]", "account_id"), ""),
    ("tags", "Owner", "tags", "table of strings"),
    ("tags", {"Owner": 5}, "tags.Owner", "a string"),
    ("tags", {"N": 4711, "aws:foo": "x", "Team": "a"}, ("tags.N", "tags.aws:foo"), ""),
    ("tags.aws:owner", "me", "tags.aws:owner", "aws:"),
    ("tags.Owner?", "me", "tags.Owner?", "letters"),
    ("tags.Owner", "a;b", "tags.Owner", "letters"),
    ("tags.Owner", "", "tags.Owner", "1 to 256"),
    ("tags", {"k" * 129: "v"}, f"tags.{'k' * 129}", "1 to 128"),
]  # fmt: skip

# Settings that are valid alone and contradict each other: beyond what JSON Schema expresses.
CONTRADICTIONS: list[Row] = [
    ("table.capacity", None, "table.capacity", "capacity"),
    ("table.autoscaling.minimum", 51, "table.autoscaling.minimum", "above"),
    ("table.capacity.write", 60, "table.capacity.write", "autoscaling"),
    ("table.on_demand_limit", {"read": 1, "write": 1}, "table.on_demand_limit", "billing"),
    ("table.point_in_time_recovery", False, "table.point_in_time_recovery", "retain"),
    ("buckets.versioning", False, "buckets.versioning", "retain"),
    ("buckets.cors_origins", ["*", "https://a.org"], "buckets.cors_origins", "every origin"),
    ("function.cors_origins", ["*", "https://a.org"], "function.cors_origins", "every origin"),
    ("buckets.lifecycle.archive_replaced_days", 400, "buckets.lifecycle.expire_replaced_days",
     "archived"),
    ("state.local", {}, "state", "exactly one"),
    ("state", {}, "state", "exactly one"),
    ("origin_identity", False, "origin_identity", "oai"),
    ("function.timeout_seconds", 20, "gemini.timeout_seconds", "shorter"),
    ("gemini.endpoint", "https://gemini.example.org", "gemini.endpoint", "gemini.hosts"),
    ("gemini.endpoint", "http://127.0.0.1:8080", "gemini.endpoint", "gemini.hosts"),
    ("gemini.endpoint", "https://[:::]", "gemini.endpoint", "gemini.hosts"),
    ("gemini.hosts", ["gemini.example.org"], "gemini.endpoint", "gemini.hosts"),
    ("gemini.hosts", [], "gemini.endpoint", "gemini.hosts"),
    ("frontend", {"web_acl_arn": ACL, "firewall": {}}, "frontend.web_acl_arn", "keep one"),
    ("frontend", {"tile_hosts": ["https://tiles.org"], "content_security_policy": "img-src *"},
     "frontend.tile_hosts", "in that policy"),
    ("buckets", {"replication": {"region": "eu-west-1"}, "versioning": False},
     ("buckets.versioning", "buckets.replication"), "versioning = true"),
    ("buckets.replication", {"region": "us-east-1"}, "buckets.replication.region", "another"),
    ("buckets", {"object_lock": {"mode": "governance", "days": 1}, "versioning": False},
     ("buckets.versioning", "buckets.object_lock"), "versioning = true"),
    ("buckets.analytics", True, "buckets.analytics", "access_logs_days"),
    ("buckets.access_logs_versioning", True, "buckets.access_logs_versioning", "access_logs_days"),
    ("backup", {"keep_days": 6, "lock": {"minimum_days": 7}}, "backup.keep_days", "7 days"),
    ("backup", {"kms_key_arn": COPY_KEY}, "backup.kms_key_arn", "in us-east-1"),
    ("function.code_signing",
     {"profile_version_arn": PROFILE.replace("us-east-1", "eu-west-1"), "bucket": "packages"},
     "function.code_signing.profile_version_arn", "in us-east-1"),
    ("bootstrap.github", GITHUB, "account_id", "set account_id"),
    ("bootstrap.gitlab", GITLAB, "account_id", "set account_id"),
    ("bootstrap.principals", [ROLE], "account_id", "set account_id"),
    ("bootstrap.hcp", {}, ("bootstrap.hcp", "account_id"), ""),
    ("table.replicas", ["us-east-1"], "table.replicas", "once"),
    ("table.replicas", ["eu-west-1", "eu-west-1"], "table.replicas", "once"),
    ("table", {"billing": "provisioned", "capacity": {"read": 5, "write": 5},
               "point_in_time_recovery": True, "replicas": ["eu-west-1"]},
     "table.replicas", "autoscaling"),
    ("function.provisioned_concurrency", 1, "function.provisioned_concurrency", "alias"),
    ("function", {"provisioned_concurrency": 9, "reserved_concurrency": 8, "alias": "live"},
     "function.provisioned_concurrency", "reserve more"),
    ("function.reserved_concurrency", 901, "function.reserved_concurrency", "at most 900"),
    ("monitoring.monthly_budget_usd", 10, "monitoring.monthly_budget_usd", "emails"),
    ("monitoring.slow_function_seconds", 28, "monitoring.slow_function_seconds", "shorter"),
    ("adopt.access_log_bucket", ["bucket"], "adopt.access_log_bucket", "access_logs_days"),
    ("encryption.secret", "own", "encryption.secret", "own_key = true"),
    ("encryption.logs", COPY_KEY, "encryption.logs", "us-east-1"),
    ("frontend", {"firewall": {"log_retention_days": 30, "log_key_arn": COPY_KEY}},
     "frontend.firewall.log_key_arn", "us-east-1"),
    ("frontend", {"firewall": {"rate_limit": 50, "api_rate_limit": 50}},
     "frontend.firewall.api_rate_limit", "lower than rate_limit"),
    ("frontend", {"firewall": {"log_key_arn": KEY}}, "frontend.firewall.log_key_arn", "no log"),
    ("encryption.buckets", KEY, "encryption.buckets", "oac"),
    ("", {"encryption": {"table": KEY}, "table": {**TABLE, "replicas": ["eu-west-1"]}},
     "encryption.table", "table.replicas"),
    ("", {"origin_access": "oac", "encryption": {"buckets": KEY},
          "buckets": {"versioning": True, "replication": {"region": "eu-west-1"}}},
     "buckets.replication.key_arn", "both"),
    ("buckets.replication", {"region": "eu-west-1", "key_arn": COPY_KEY},
     "buckets.replication.key_arn", "neither"),
    ("", {"origin_access": "oac", "encryption": {"buckets": KEY},
          "buckets": {"versioning": True, "replication": {"region": "eu-west-1", "key_arn": KEY}}},
     "buckets.replication.key_arn", "eu-west-1"),
]  # fmt: skip

# At a limit, on its right side.
VALID: list[tuple[str, object]] = [
    ("buckets.lifecycle.expire_replaced_days", 31),
    ("buckets.cors_origins", ["https://a.org:65535", "http://localhost:8080", "http://[::1]"]),
    ("table.replicas", ["eu-west-1"]),
    ("gemini", {"endpoint": "https://Gemini.example.org:8443", "hosts": ["gemini.example.org"]}),
    ("function", {"reserved_concurrency": 901, "account_concurrency": 1001}),
    ("encryption", {"table": KEY, "topic": f"{KEY.partition('/')[0]}/mrk-{'0a' * 16}"}),
    ("tags", {"Cost Center": "a b_.:/=+@-9"}),
    ("tags", {"k" * 128: "v" * 256}),
    ("permissions_boundary", BOUNDARY),
    ("permissions_boundary", "arn:aws:iam::aws:policy/PowerUserAccess"),
    ("backup", {"keep_days": 7, "lock": {"minimum_days": 7, "compliance_after_days": 3}}),
    ("backup", {"kms_key_arn": KEY}),
    ("backup", {"schedule": "cron(59,0/15 0-23/6,9 ? * MON-FRI *)"}),
    ("frontend", {"firewall": {"rate_limit": 50}}),
    ("frontend", {"firewall": {"rate_limit": 50, "api_rate_limit": 49}}),
    ("function.code_signing", {"profile_version_arn": PROFILE, "bucket": "packages"}),
    ("buckets", {"versioning": True, "access_logs_versioning": True,
                 "replication": {"region": "eu-west-1", "access_logs_days": 1}}),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "field", "says"), INVALID + CONTRADICTIONS)
def test_an_invalid_setting_is_reported_with_its_field(
    path: str, value: object, field: str | tuple[str, ...], says: str
) -> None:
    found = _problems(changed(path, value))
    names = (field,) if isinstance(field, str) else field
    assert set(found) == set(names)
    for name in names:
        assert says in f"{found[name].reason} {found[name].remedy}"
        assert found[name].remedy


@pytest.mark.parametrize(("path", "value"), VALID)
def test_a_limit_itself_is_valid(path: str, value: object) -> None:
    assert _problems(changed(path, value)) == {}


def test_a_function_url_cannot_be_adopted_with_an_alias() -> None:
    document = changed("adopt", {"function": True, "function_url": True})
    document["function"] = {"alias": "live"}
    assert set(_problems(document)) == {"adopt.function_url"}


def test_object_lock_and_force_destroy_exclude_each_other() -> None:
    document = changed("buckets.object_lock", {"mode": "compliance", "days": 30})
    document["retain"] = False
    assert set(_problems(document)) == {"buckets.object_lock"}


def test_a_vault_lock_and_force_destroy_exclude_each_other() -> None:
    document = changed("backup", {"lock": {"minimum_days": 7}})
    document["retain"] = False
    assert set(_problems(document)) == {"backup.lock"}


def test_unversioned_buckets_cannot_be_backed_up() -> None:
    document = changed("backup", {})
    document |= {"retain": False, "buckets": {}}
    assert set(_problems(document)) == {"backup"}


@pytest.mark.parametrize(
    ("path", "value", "field", "rule"),
    [
        ("permissions_boundary", BOUNDARY, "permissions_boundary", "an IAM policy must be in"),
        ("backup", {"kms_key_arn": KEY}, "backup.kms_key_arn", "encrypts backups with a key of"),
        ("function.code_signing", {"profile_version_arn": PROFILE, "bucket": "packages"},
         "function.code_signing.profile_version_arn", "this project signs with a profile of"),
    ],
)  # fmt: skip
def test_what_must_be_in_the_environments_account(
    path: str, value: object, field: str, rule: str
) -> None:
    document = changed(path, value)
    document["account_id"] = "210987654321"
    (problem,) = _problems(document).values()
    assert problem.field == field
    assert problem.reason.endswith(f"{rule} the environment's account")
    assert problem.remedy == "write an ARN in account 210987654321"
    document["account_id"] = "123456789012"
    assert _problems(document) == {}


@pytest.mark.parametrize("character", "*?$:\n")
@pytest.mark.parametrize(
    "setting",
    ["github.owner", "github.repository", "github.branch", "github.environment", "gitlab.project",
     "gitlab.branch", "gitlab.host", "principals"],
)  # fmt: skip
def test_no_trusted_name_contains_what_a_trust_policy_interprets(
    setting: str, character: str
) -> None:
    """Wildcards, the beginning of a policy variable, and the separator of subjects."""
    section, _, name = setting.partition(".")
    good: dict[str, object] = {**(GITHUB if section == "github" else GITLAB)}
    written = {"project": "a/b", "host": "gitlab.com"}.get(name, "main")
    for position in range(len(written) + 1):
        bad = f"{written[:position]}{character}{written[position:]}"
        value: object = {**good, name: bad} if name else [f"{ROLE[:-4]}{bad}"]
        found = _problems(changed(f"bootstrap.{section}", value))
        assert f"bootstrap.{setting}" in {field.removesuffix("[0]") for field in found}, bad


@pytest.mark.parametrize(
    ("bootstrap", "field", "says"),
    [
        ({"principals": [ROLE.replace("123456789012", "210987654321")]},
         "bootstrap.principals[0]", "in account 123456789012"),
        ({"principals": [ROLE, ROLE.replace("team/deployers", "co2-analysis/bootstrap/x")]},
         "", ""),
        ({"principals": [ROLE, ROLE.replace("deployers", "co2-analysis-dev-plan-role")]},
         "bootstrap.principals[1]", "more rights"),
        ({"principals": [ROLE.replace("role/team/deployers", "root")]},
         "bootstrap.principals[0]", "role or user"),
        ({"gitlab": {"project": "a/b"}}, "bootstrap.gitlab.project_id", "rename"),
        ({"gitlab": {**GITLAB, "host": "gitlab.example.org"}}, "", ""),
        ({"gitlab": {"project": "a/b/c", "host": "gitlab.example.org"}}, "", ""),
        ({"hcp": {}}, "bootstrap.hcp", "state.hcp"),
        ({"github": GITHUB, "gitlab": GITLAB, "principals": [ROLE]}, "", ""),
    ],
)  # fmt: skip
def test_only_those_are_trusted_who_can_be(
    bootstrap: dict[str, object], field: str, says: str
) -> None:
    document = changed("bootstrap", bootstrap) | {"account_id": "123456789012"}
    found = _problems(document)
    assert set(found) == ({field} if field else set())
    for problem in found.values():
        assert says in f"{problem.reason} {problem.remedy}"


def test_workspaces_are_trusted_where_the_state_is_in_workspaces() -> None:
    document = changed("state", {"hcp": {"organization": "my-company"}})
    document |= {"account_id": "123456789012", "bootstrap": {"hcp": {}}}
    assert _problems(document) == {}


@pytest.mark.parametrize(
    "trusted", [{"hcp": {}}, {"github": GITHUB}, {"gitlab": GITLAB}, {"principals": [ROLE]}]
)
def test_roles_exist_once_somebody_is_trusted(trusted: dict[str, object]) -> None:
    for bootstrap, roles in (({}, False), ({"principals": []}, False), (trusted, True)):
        settings, _ = structure(Settings, changed("bootstrap", bootstrap))
        assert settings.bootstrap is not None
        assert settings.bootstrap.roles is roles


def test_another_region_is_not_called_another_account() -> None:
    (problem,) = _problems(changed("backup", {"kms_key_arn": COPY_KEY})).values()
    assert "us-east-1" in problem.reason
    assert "account" not in problem.line


@pytest.mark.parametrize(("limit", "effective"), [(10, 10), (2000, 100)])
def test_the_default_limit_for_the_api_is_never_above_the_limit_for_all(
    limit: int, effective: int
) -> None:
    assert Firewall(rate_limit=limit).api_requests == effective


def test_all_problems_are_reported_together() -> None:
    document = changed("table.point_in_time_recovery", False)
    document["retian"] = True
    del document["region"]
    document["table"]["capacity"]["read"] = 0  # type: ignore[index]
    document["buckets"]["cors_origins"] = ["nowhere"]  # type: ignore[index]
    document["state"] = {}
    # `retian` was probably meant as `retain`: cross-field errors with `retain` are suppressed.
    assert set(_problems(document)) == {
        "retian",
        "region",
        "table.capacity.read",
        "buckets.cors_origins[0]",
        "state",
    }


def test_a_cross_field_problem_is_reported_beside_unrelated_problems() -> None:
    document = changed("table.point_in_time_recovery", False)
    document["function"] = {"memory": 5}
    assert set(_problems(document)) == {"table.point_in_time_recovery", "function.memory"}


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
_PATHS = st.sampled_from(
    ["region", "retain", "state", "state.s3", "table", "table.billing", "table.capacity",
     "table.capacity.read", "buckets", "buckets.cors_origins", "buckets.suffix", "function",
     "gemini.endpoint", "origin_access", "permissions_boundary", "backup", "local_aws", "new"]
)  # fmt: skip


@given(path=_PATHS, value=_VALUES)
def test_no_document_crashes_the_reader(path: str, value: object) -> None:
    document = deepcopy(dict(GOOD))
    section: dict[str, object] = document
    *parents, last = path.split(".")
    for parent in parents:
        section = section.setdefault(parent, {})  # type: ignore[assignment]
    section[last] = value
    value_read, problems = structure(Settings, document)
    assert isinstance(value_read, Settings)
    for problem in problems:
        assert problem.reason
        assert problem.remedy
        assert problem.field in str(problem)
