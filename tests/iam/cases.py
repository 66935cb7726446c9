"""What the evaluators are asked: recorded calls, and what no deploy role may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from modules.catalogue import INDEX, PROJECT, Layer
from modules.deploy_rights import apply_rights, plan_rights
from modules.naming import Naming
from testing.iam import recording
from testing.iam.calls import ACCOUNT, BOUNDARY, ENVIRONMENT, REGION, Call
from testing.iam.evaluators import Role
from tests.iam.record import FILE, SCOPE, STATES

ROLES: Mapping[str, Role] = {
    "plan": Role(policies=plan_rights(SCOPE)),
    "apply": Role(policies=apply_rights(SCOPE)),
}
RECORDED = recording.read(FILE)

# One environment's name begins with that of this one.
OTHER_ENVIRONMENTS = ("staging", f"{ENVIRONMENT}-eu")

# Calls that name no environment, since AWS authorizes them by an id without tags or not at all by
# the resource. A change of them can reach another environment in the same account.
NAMELESS = {
    "cloudfront:CreateCachePolicy",
    "cloudfront:CreateCloudFrontOriginAccessIdentity",
    "cloudfront:CreateFunction",
    "cloudfront:CreateOriginAccessControl",
    "cloudfront:CreateResponseHeadersPolicy",
    "cloudfront:DeleteCachePolicy",
    "cloudfront:DeleteCloudFrontOriginAccessIdentity",
    "cloudfront:DeleteOriginAccessControl",
    "cloudfront:DeleteResponseHeadersPolicy",
    "cloudfront:UpdateCachePolicy",
    "cloudfront:UpdateResponseHeadersPolicy",
    "signer:StartSigningJob",
}

_READS = ("Describe", "Get", "List", "View")


def is_read(call: Call) -> bool:
    """Return whether a call changes nothing."""
    return call.action.partition(":")[2].startswith(_READS)


def recorded_for(role: str) -> list[Call]:
    """Return the recorded calls that a role makes."""
    return [
        call for call, phases in RECORDED.items() if role == "apply" or recording.PLAN in phases
    ]


def elsewhere(call: Call, environment: str) -> Call:
    """Return a call with the names of another environment."""

    context = {
        key: value if key == "iam:PermissionsBoundary" else value.replace(ENVIRONMENT, environment)
        for key, value in call.context.items()
    }
    return replace(call, resource=call.resource.replace(ENVIRONMENT, environment), context=context)


def calls_elsewhere(role: str) -> Iterator[Call]:
    """Yield the recorded calls of a role on other environments, where they name one."""
    for call in recorded_for(role):
        for environment in OTHER_ENVIRONMENTS:
            other = elsewhere(call, environment)
            if other != call:
                yield other


@dataclass(frozen=True, kw_only=True)
class Forbidden:
    """Calls that a role must not make, and why."""

    reason: str
    calls: tuple[Call, ...]
    roles: tuple[str, ...] = ("plan", "apply")


def _iam(resource: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:{resource}"


def _role(name: str) -> str:
    return _iam(f"role/co2-analysis-{ENVIRONMENT}-{name}")


_OWN_ROLES = tuple(
    _iam(f"role/co2-analysis/bootstrap/co2-analysis-{ENVIRONMENT}-{name}-role")
    for name in ("plan", "apply")
)
_LAYER_ROLES = tuple(
    _role(name) for name in ("lambda-execution-role", "s3-replication-role", "backup-role")
)
_OIDC = _iam("oidc-provider/token.actions.githubusercontent.com")
_ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
_OTHER_BOUNDARY = {"iam:PermissionsBoundary": _ADMIN}
_BOUNDED = {"iam:PermissionsBoundary": BOUNDARY}
_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000"
_SAVED_PLAN = f"arn:aws:s3:::{STATES}/{SCOPE.naming.saved_plans}0a1b/20260101T000000Z-0a1b"
_THROUGH_S3 = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
_BOOTSTRAP_KEY = {"aws:ResourceTag/Layer": Layer.BOOTSTRAP.tag}
_ALARM = "AlarmHigh-00000000-0000-0000-0000-000000000000"
_KEY_CHANGES = (
    "kms:CreateAlias kms:CreateGrant kms:DeleteAlias kms:DisableKey kms:DisableKeyRotation "
    "kms:EnableKeyRotation kms:PutKeyPolicy kms:ScheduleKeyDeletion kms:TagResource "
    "kms:UntagResource kms:UpdateAlias kms:UpdateKeyDescription"
)
_OWN_TAGS = {"aws:ResourceTag/Project": PROJECT, "aws:ResourceTag/Environment": ENVIRONMENT}
_TAGGED_AS_OWN = {"aws:RequestTag/Project": PROJECT, "aws:RequestTag/Environment": ENVIRONMENT}


def _each(actions: str, *resources: str, **context: str) -> Iterator[Call]:
    for action in actions.split():
        for resource in resources:
            yield Call(
                action=action,
                resource=resource,
                context={"aws:RequestedRegion": REGION, **context},
            )


def _passed(role: str, service: str) -> Call:
    (call,) = _each("iam:PassRole", role, **{"iam:PassedToService": f"{service}.amazonaws.com"})
    return call


# What no recording contains, and the roles that must be able to do it.
NEEDED = (
    *(
        (role, call)
        for role in ROLES
        for call in (
            *_each(
                "kms:Decrypt kms:GenerateDataKey",
                str(SCOPE.state_key_arn),
                **_OWN_TAGS,
                **_BOOTSTRAP_KEY,
                **_THROUGH_S3,
            ),
            # The states were encrypted with it before the settings named another.
            *_each("kms:Decrypt", _KEY, **_OWN_TAGS, **_BOOTSTRAP_KEY, **_THROUGH_S3),
            *_each("s3:ListBucket", f"arn:aws:s3:::{STATES}"),
            *_each(
                "s3:ListBucket",
                f"arn:aws:s3:::{STATES}",
                **{"s3:prefix": f"{SCOPE.naming.saved_plans}0a1b/"},
            ),
            *_each("s3:GetObject", _SAVED_PLAN),
        )
    ),
    *(
        ("apply", call)
        for call in _each(
            "cloudwatch:DeleteAlarms cloudwatch:PutMetricAlarm",
            *(
                f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:TargetTracking-table/"
                f"{SCOPE.naming.cache_table}{tracked}"
                for tracked in (f"-{_ALARM}", f"/index/{INDEX}-{_ALARM}")
            ),
        )
    ),
    *(("plan", call) for call in _each("s3:PutObject", _SAVED_PLAN, **{"s3:if-none-match": "*"})),
    *(("apply", call) for call in _each("s3:DeleteObjectVersion", _SAVED_PLAN)),
)

FORBIDDEN = (
    Forbidden(
        reason="reads the value of the secret",
        calls=tuple(
            _each(
                "secretsmanager:GetSecretValue",
                f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:co2-analysis-{ENVIRONMENT}-gemini-api-key-AbCdEf",
            )
        ),
    ),
    Forbidden(
        reason="raises its own rights",
        calls=tuple(
            _each(
                "iam:AttachRolePolicy iam:DetachRolePolicy iam:PutRolePolicy iam:DeleteRolePolicy "
                "iam:UpdateAssumeRolePolicy iam:PutRolePermissionsBoundary iam:TagRole "
                "iam:DeleteRole iam:UpdateRole",
                *_OWN_ROLES,
                **_BOUNDED,
            )
        ),
    ),
    Forbidden(
        reason="changes or drops the boundary",
        calls=(
            *_each(
                "iam:CreatePolicyVersion iam:DeletePolicy iam:DeletePolicyVersion "
                "iam:SetDefaultPolicyVersion",
                BOUNDARY,
                _iam(f"policy/co2-analysis/bootstrap/co2-analysis-{ENVIRONMENT}-apply-roles"),
            ),
            *_each("iam:DeleteRolePermissionsBoundary", *_LAYER_ROLES, **_BOUNDED),
            *_each("iam:PutRolePermissionsBoundary", *_LAYER_ROLES, **_OTHER_BOUNDARY),
            *_each("iam:PutRolePermissionsBoundary", *_LAYER_ROLES),
        ),
    ),
    Forbidden(
        reason="makes or changes a role without the boundary",
        calls=(
            *_each("iam:CreateRole iam:PutRolePolicy", *_LAYER_ROLES),
            *_each(
                "iam:CreateRole iam:PutRolePolicy",
                *_LAYER_ROLES,
                **_OTHER_BOUNDARY,
            ),
        ),
    ),
    Forbidden(
        reason="lets somebody else assume a role of the layers",
        calls=tuple(_each("iam:UpdateAssumeRolePolicy", *_LAYER_ROLES, **_BOUNDED)),
    ),
    Forbidden(
        reason="tags what else CloudFront has as its own",
        calls=tuple(
            _each(
                "cloudfront:TagResource",
                f"arn:aws:cloudfront::{ACCOUNT}:function/checkout",
                f"arn:aws:cloudfront::{ACCOUNT}:vpcorigin/E123",
                **_TAGGED_AS_OWN,
            )
        ),
    ),
    Forbidden(
        reason="takes what carries the tag of another project",
        calls=tuple(
            call
            for action, resource in (
                ("kms:TagResource", _KEY),
                ("cloudfront:TagResource", f"arn:aws:cloudfront::{ACCOUNT}:distribution/E123"),
                (
                    "lambda:TagResource",
                    f"arn:aws:lambda:{REGION}:{ACCOUNT}:code-signing-config:csc-0123456789abcdef0",
                ),
                (
                    "application-autoscaling:TagResource",
                    f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/0a1b",
                ),
                ("backup:TagResource", f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-plan:0a1b"),
                ("logs:TagResource", f"arn:aws:logs:{REGION}:{ACCOUNT}:delivery:0a1b"),
            )
            for call in _each(
                action, resource, **_TAGGED_AS_OWN, **{"aws:ResourceTag/Project": "shop"}
            )
        ),
    ),
    Forbidden(
        reason="changes the scaling alarms of another table",
        calls=tuple(
            _each(
                "cloudwatch:DeleteAlarms cloudwatch:PutMetricAlarm",
                *(
                    f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:TargetTracking-table/"
                    f"{Naming(environment=f'{ENVIRONMENT}-{other}').cache_table}{tracked}"
                    for other in ("eu", "cache", "cache-eu", "cache-alarm")
                    for tracked in (f"-{_ALARM}", f"/index/{INDEX}-{_ALARM}")
                ),
            )
        ),
    ),
    Forbidden(
        reason="makes another role, or gives one a managed policy",
        calls=(
            *_each(
                "iam:CreateRole iam:PutRolePolicy",
                _role("admin-role"),
                _iam("role/admin"),
                **_BOUNDED,
            ),
            *_each("iam:AttachRolePolicy", *_LAYER_ROLES, **_BOUNDED, **{"iam:PolicyARN": _ADMIN}),
        ),
    ),
    Forbidden(
        reason="passes a role to another service, or another role",
        calls=(
            *(_passed(role, "ec2") for role in _LAYER_ROLES),
            _passed(_LAYER_ROLES[1], "lambda"),
            _passed(_LAYER_ROLES[2], "lambda"),
            _passed(_LAYER_ROLES[0], "backup"),
            *(_passed(role, "lambda") for role in _OWN_ROLES),
            _passed(_iam("role/admin"), "lambda"),
        ),
    ),
    Forbidden(
        reason="becomes somebody else",
        calls=(
            *_each("sts:AssumeRole", *_OWN_ROLES, *_LAYER_ROLES, _iam("role/admin")),
            *_each("iam:CreateUser iam:CreateAccessKey iam:AttachUserPolicy", _iam("user/mine")),
            *_each(
                "iam:CreateOpenIDConnectProvider iam:DeleteOpenIDConnectProvider "
                "iam:UpdateOpenIDConnectProviderThumbprint iam:AddClientIDToOpenIDConnectProvider",
                _OIDC,
            ),
            *_each("iam:CreatePolicy", _iam("policy/mine")),
        ),
    ),
    Forbidden(
        reason="reads or writes a state that is not its own",
        calls=tuple(
            _each(
                "s3:GetObject s3:PutObject s3:DeleteObject s3:DeleteObjectVersion",
                *(
                    f"arn:aws:s3:::{STATES}/{key}{end}"
                    for key in (
                        f"{ENVIRONMENT}/bootstrap/terraform.tfstate",
                        "staging/base/terraform.tfstate",
                        f"{ENVIRONMENT}-eu/base/terraform.tfstate",
                        "staging/plans/0a1b/20260101T000000Z-0a1b",
                        f"{ENVIRONMENT}-eu/plans/0a1b/20260101T000000Z-0a1b",
                    )
                    for end in ("", ".tflock")
                ),
            )
        ),
    ),
    Forbidden(
        reason="lists the states of others",
        # Without a prefix it may: S3 may ask so for an object that does not exist.
        calls=tuple(_each("s3:ListBucket", f"arn:aws:s3:::{STATES}", **{"s3:prefix": "staging/"})),
    ),
    Forbidden(
        reason="destroys states, or lists their versions, or changes their bucket",
        calls=(
            *_each(
                "s3:DeleteObject s3:DeleteObjectVersion",
                f"arn:aws:s3:::{STATES}/{ENVIRONMENT}/base/terraform.tfstate",
            ),
            *_each(
                "s3:DeleteBucket s3:DeleteBucketPolicy s3:ListBucketVersions s3:PutBucketPolicy "
                "s3:PutBucketVersioning "
                "s3:PutEncryptionConfiguration s3:PutLifecycleConfiguration "
                "s3:PutBucketPublicAccessBlock s3:PutReplicationConfiguration",
                f"arn:aws:s3:::{STATES}",
            ),
        ),
    ),
    Forbidden(
        reason="writes a state, or replaces or deletes a plan",
        roles=("plan",),
        calls=(
            *_each("s3:PutObject", f"arn:aws:s3:::{STATES}/{ENVIRONMENT}/base/terraform.tfstate"),
            *_each("s3:PutObject s3:DeleteObject s3:DeleteObjectVersion", _SAVED_PLAN),
        ),
    ),
    Forbidden(
        reason="stores a plan, or hides one instead of deleting it",
        roles=("apply",),
        calls=(
            *_each("s3:PutObject s3:DeleteObject", _SAVED_PLAN),
            *_each("s3:PutObject", _SAVED_PLAN, **{"s3:if-none-match": "*"}),
        ),
    ),
    Forbidden(
        reason="invokes the function, or gives somebody else the right to",
        calls=(
            *_each(
                "lambda:InvokeFunction",
                f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:co2-analysis-{ENVIRONMENT}-reasoning-function",
            ),
            *_each(
                "lambda:AddPermission",
                f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:co2-analysis-{ENVIRONMENT}-reasoning-function",
                **{"lambda:Principal": "*"},
            ),
        ),
    ),
    Forbidden(
        reason="uses a key without a service",
        calls=tuple(
            _each(
                "kms:Decrypt kms:Encrypt kms:CreateGrant",
                _KEY,
                **_OWN_TAGS,
            )
        ),
    ),
    Forbidden(
        reason="changes the key of the states",
        calls=(
            *_each(
                _KEY_CHANGES,
                _KEY,
                **_OWN_TAGS,
                **_BOOTSTRAP_KEY,
            ),
            *_each(
                "kms:TagResource kms:UntagResource",
                _KEY,
                **_OWN_TAGS,
                **_TAGGED_AS_OWN,
                **_BOOTSTRAP_KEY,
                **{"aws:RequestTag/Layer": Layer.BASE.tag},
            ),
            # Named in the settings: without tags, or tagged as the environment's.
            *_each(_KEY_CHANGES, str(SCOPE.state_key_arn), **_TAGGED_AS_OWN),
            *_each(_KEY_CHANGES, str(SCOPE.state_key_arn), **_OWN_TAGS, **_TAGGED_AS_OWN),
        ),
    ),
    Forbidden(
        reason="reads through S3 what another's key encrypted",
        roles=("plan",),
        calls=tuple(_each("kms:Decrypt", _KEY, **_THROUGH_S3)),
    ),
    Forbidden(
        reason="changes a key that is not the environment's",
        calls=tuple(
            _each(
                "kms:PutKeyPolicy kms:ScheduleKeyDeletion",
                _KEY,
            )
        ),
    ),
)
