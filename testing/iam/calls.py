"""Recorded requests as IAM sees them: actions on resources, in a context.

AWS documents which resources and context keys belong to an action in its Service Authorization
Reference. What AWS checks beside the call itself is added: the tags of a new resource, a role that
is passed to a service, a replica of a table.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree

from modules.naming import BOOTSTRAP_PATH

ACCOUNT = "000000000000"
REGION = "us-east-1"
ENVIRONMENT = "sample"
BOUNDARY = (
    f"arn:aws:iam::{ACCOUNT}:policy/co2-analysis/bootstrap/co2-analysis-{ENVIRONMENT}-boundary"
)

Context = Mapping[str, str]

_SCOPE = re.compile(r"Credential=[^/]+/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")


@dataclass(frozen=True, kw_only=True)
class Call:
    """What IAM is asked: an action on a resource, with the condition keys of the request."""

    action: str
    resource: str
    context: Context = field(default_factory=dict[str, str])

    def __hash__(self) -> int:
        """Return the hash of all three."""
        return hash((self.action, self.resource, frozenset(self.context.items())))


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as the recording emulator writes it down."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def read(cls, line: str) -> Request:
        """Return the request of a line of the recording."""
        found = json.loads(line)
        query = parse_qs(found["query"], keep_blank_values=True)
        return cls(
            method=found["method"],
            path=unquote(found["path"]),
            query={name: values[0] for name, values in query.items()},
            headers={name.lower(): value for name, value in found["headers"].items()},
            body=base64.b64decode(found["body"]),
        )

    @property
    def scope(self) -> tuple[str, str]:
        """The service that signed the request, and its Region."""
        found = _SCOPE.search(self.headers.get("authorization", ""))
        if found is None:
            raise ValueError(f"unsigned: {self.method} {self.path}")
        return found["service"], found["region"]

    @property
    def parameters(self) -> dict[str, Any]:
        """The members of a JSON or form body; an XML body gives its elements by name."""
        if self.body.startswith((b"{", b"[")):
            members: dict[str, Any] = json.loads(self.body)
            return members
        if self.body.startswith(b"<"):
            elements = ElementTree.fromstring(self.body).iter()  # noqa: S314 - Terraform wrote it
            return {one.tag.partition("}")[2] or one.tag: one.text or "" for one in elements}
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


# Actions that AWS authorizes by the boundary that the role has, or is to have.
_BOUNDED = {
    f"iam:{operation}"
    for operation in (
        "CreateRole",
        "DeleteRole",
        "DeleteRolePolicy",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
        "UpdateAssumeRolePolicy",
    )
}


def calls(request: Request, boundary_of: Callable[[str], str | None]) -> Iterator[Call]:
    """Yield the calls that a request is, or consists of.

    ``boundary_of`` returns the permissions boundary of a role that exists.
    """
    service, region = request.scope
    for action, resource, more in _SERVICES[service](request, region):
        context = {"aws:RequestedRegion": region, **more}
        if action in _BOUNDED:
            asked = request.parameters
            boundary = (
                asked.get("PermissionsBoundary")
                if action in {"iam:CreateRole", "iam:PutRolePermissionsBoundary"}
                else boundary_of(asked["RoleName"])
            )
            context |= {"iam:PermissionsBoundary": boundary} if boundary else {}
        yield Call(action=action, resource=_stable(resource), context=context)


_Found = Iterator[tuple[str, str, Context]]

_OWN_TAGS = ("Project", "Environment")


def _request_tags(tags: Mapping[str, str]) -> Context:
    return {f"aws:RequestTag/{key}": tags[key] for key in _OWN_TAGS if key in tags}


def _own() -> Context:
    return {
        "aws:ResourceTag/Project": "co2-analysis",
        "aws:ResourceTag/Environment": ENVIRONMENT,
    }


def _pairs(tags: Any, key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {tag[key]: tag[value] for tag in tags or ()}


def _arn(service: str, resource: str, region: str) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


# Ids that AWS chooses: the recording has the same each time.
_IDS = (
    (
        re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        "00000000-0000-0000-0000-000000000000",
    ),
    (re.compile(r"(?<=/)E[0-9A-Z]{7,13}(?=$|/)"), "E00000000000"),
    (re.compile(r"(secret:.+-)[0-9A-Za-z]{6}$"), r"\g<1>AbCdEf"),
    (re.compile(r"(delivery:)\w+$"), r"\g<1>0123456789abcdef"),
)


def _stable(resource: str) -> str:
    for pattern, replacement in _IDS:
        resource = pattern.sub(replacement, resource)
    return resource


# --- Services with JSON or form bodies -------------------------------------------------------


def _target(request: Request) -> str:
    return request.headers["x-amz-target"].rpartition(".")[2]


def _ssm(request: Request, region: str) -> _Found:
    asked, operation = request.parameters, _target(request)
    name = asked.get("Name") or asked.get("ResourceId")
    resource = _arn("ssm", f"parameter{name}", region) if name else "*"
    tags = _request_tags(_pairs(asked.get("Tags")))
    yield f"ssm:{operation}", resource, tags
    if tags and operation == "PutParameter":
        yield "ssm:AddTagsToResource", resource, tags


def _secretsmanager(request: Request, region: str) -> _Found:
    asked, operation = request.parameters, _target(request)
    resource = asked.get("SecretId") or _arn(
        "secretsmanager", f"secret:{asked['Name']}-AbCdEf", region
    )
    tags = _request_tags(_pairs(asked.get("Tags")))
    yield f"secretsmanager:{operation}", resource, tags
    if operation == "CreateSecret":
        yield "secretsmanager:TagResource", resource, tags


def _kms(request: Request, region: str) -> _Found:
    asked, operation = request.parameters, _target(request)
    key = _arn("kms", "key/00000000-0000-0000-0000-000000000000", region)
    tags = _request_tags(_pairs(asked.get("Tags"), "TagKey", "TagValue"))
    if operation == "CreateKey":
        yield "kms:CreateKey", "*", tags
        yield "kms:TagResource", key, tags
    elif operation == "ListAliases":
        yield "kms:ListAliases", "*", {}
    elif operation == "DescribeKey":
        yield "kms:DescribeKey", key, {}  # of any key, for example one that AWS manages
    else:
        yield f"kms:{operation}", key, {**tags, **_own()}
    if "Alias" in operation and "AliasName" in asked:
        yield f"kms:{operation}", _arn("kms", asked["AliasName"], region), {}


def _logs(request: Request, region: str) -> _Found:
    asked, operation = request.parameters, _target(request)
    tags = _request_tags(asked.get("tags") or {})
    source = _arn("logs", f"delivery-source:{asked.get('deliverySourceName')}", region)
    if operation == "DescribeLogGroups":
        yield "logs:DescribeLogGroups", "*", {}
    elif operation == "CreateDelivery":
        delivery = _arn("logs", "delivery:0123456789abcdef", region)
        for resource in (source, asked["deliveryDestinationArn"], delivery):
            yield "logs:CreateDelivery", resource, tags
        yield "logs:TagResource", delivery, tags
    elif kind := re.fullmatch(r"\w+?(Delivery(?:Source|Destination)?)", operation):
        name = re.sub(r"(?<=y)(?=[SD])", "-", kind[1]).lower()
        resource = _arn("logs", f"{name}:{asked.get('name') or asked.get('id')}", region)
        yield f"logs:{operation}", resource, tags or (_own() if "id" in asked else {})
        if tags:
            yield "logs:TagResource", resource, tags
        if "resourceArn" in asked:
            yield "cloudfront:AllowVendedLogDeliveryForResource", asked["resourceArn"], _own()
    elif "resourceArn" in asked:
        own = _own() if ":delivery:" in asked["resourceArn"] else {}
        yield f"logs:{operation}", asked["resourceArn"], {**tags, **own}
    else:
        resource = _arn("logs", f"log-group:{asked['logGroupName']}", region)
        yield f"logs:{operation}", resource, tags
        if tags:
            yield "logs:TagResource", resource, tags


def _dynamodb(request: Request, region: str) -> _Found:
    asked, operation = request.parameters, _target(request)
    name = asked.get("ResourceArn") or asked["TableName"]
    resource = name if name.startswith("arn:") else _arn("dynamodb", f"table/{name}", region)
    tags = _request_tags(_pairs(asked.get("Tags")))
    yield f"dynamodb:{operation}", resource, tags
    if tags and operation == "CreateTable":
        yield "dynamodb:TagResource", resource, tags
    for update in asked.get("ReplicaUpdates", ()):
        for kind, replica in update.items():
            there = _arn("dynamodb", f"table/{name}", replica["RegionName"])
            if kind in {"Create", "Delete"}:
                for arn in (resource, there):
                    yield f"dynamodb:{kind}TableReplica", arn, {}


def _scaling(request: Request, region: str) -> _Found:
    asked, operation = request.parameters, _target(request)
    if operation.startswith("Describe"):
        yield f"application-autoscaling:{operation}", "*", {}
        return
    tags = _request_tags(asked.get("Tags") or {})
    resource = _arn("application-autoscaling", "scalable-target/0123456789abcdef", region)
    context = {**tags} if tags else {**_own()}
    if "ServiceNamespace" in asked:
        context["application-autoscaling:service-namespace"] = asked["ServiceNamespace"]
    yield f"application-autoscaling:{operation}", resource, context
    if tags and operation == "RegisterScalableTarget":
        yield "application-autoscaling:TagResource", resource, tags


def _wafv2(request: Request, region: str) -> _Found:
    asked, operation = request.parameters, _target(request)
    resource = asked.get("ResourceARN") or asked.get("ResourceArn")
    if "LoggingConfiguration" in asked:
        resource = asked["LoggingConfiguration"]["ResourceArn"]
    id_ = asked.get("Id", "00000000-0000-0000-0000-000000000000")
    resource = resource or _arn("wafv2", f"global/webacl/{asked['Name']}/{id_}", region)
    tags = _request_tags(_pairs(asked.get("Tags")))
    own = {} if operation == "CreateWebACL" else _own()
    yield f"wafv2:{operation}", resource, {**tags, **own}
    if tags and operation == "CreateWebACL":
        yield "wafv2:TagResource", resource, tags


def _budgets(request: Request, _: str) -> _Found:
    asked, operation = request.parameters, _target(request)
    name = asked.get("BudgetName") or (asked.get("Budget") or asked.get("NewBudget", {})).get(
        "BudgetName"
    )
    resource = asked.get("ResourceARN") or f"arn:aws:budgets::{ACCOUNT}:budget/{name}"
    tags = _request_tags(_pairs(asked.get("ResourceTags")))
    # Most operations are one of two actions.
    if not operation.endswith("Resource"):
        operation = "ViewBudget" if operation.startswith("Describe") else "ModifyBudget"
    yield f"budgets:{operation}", resource, tags
    if tags and operation == "ModifyBudget":
        yield "budgets:TagResource", resource, tags


def _cloudwatch(request: Request, region: str) -> _Found:
    asked, operation = _cloudwatch_parameters(request)
    tags = _request_tags(_pairs(asked.get("Tags")))
    if "Dashboard" in operation:
        (name,) = asked.get("DashboardNames") or [asked["DashboardName"]]
        resource = f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{name}"
    elif operation == "DescribeAlarms":
        resource = _arn("cloudwatch", "alarm:*", region)
    else:
        names = asked.get("AlarmNames") or [asked.get("AlarmName")]
        resource = asked.get("ResourceARN") or _arn("cloudwatch", f"alarm:{names[0]}", region)
    yield f"cloudwatch:{operation}", resource, tags
    if tags and operation != "TagResource":
        yield "cloudwatch:TagResource", resource, tags


def _cloudwatch_parameters(request: Request) -> tuple[dict[str, Any], str]:
    if "x-amz-target" in request.headers:
        return request.parameters, _target(request)
    form = request.parameters
    tags: dict[str, dict[str, str]] = {}
    for name, value in form.items():
        if found := re.fullmatch(r"Tags\.member\.(\d+)\.(Key|Value)", name):
            tags.setdefault(found[1], {})[found[2]] = value
    names = {
        kind: [form[f"{kind}.member.1"]]
        for kind in ("AlarmNames", "DashboardNames")
        if f"{kind}.member.1" in form
    }
    return {**form, **names, "Tags": [*tags.values()]}, form["Action"]


def _form_tags(form: Mapping[str, str]) -> Context:
    found = {}
    for name, value in form.items():
        if name.startswith("Tags.member.") and name.endswith(".Key"):
            found[value] = form[f"{name.removesuffix('Key')}Value"]
    return _request_tags(found)


def _sns(request: Request, region: str) -> _Found:
    asked = request.parameters
    operation = asked["Action"]
    resource = next(
        (asked[name] for name in ("TopicArn", "SubscriptionArn", "ResourceArn") if name in asked),
        None,
    ) or _arn("sns", asked["Name"], region)
    # A subscription is authorized as its topic.
    resource = ":".join(resource.split(":")[:6])
    tags = _form_tags(asked)
    yield f"sns:{operation}", resource, tags
    if tags and operation == "CreateTopic":
        yield "sns:TagResource", resource, tags


def _iam(request: Request, _: str) -> _Found:
    asked = request.parameters
    operation = asked["Action"]
    if operation == "GetUser":
        return  # only with `skip_credentials_validation`, which is for the local AWS
    if name := asked.get("RoleName"):
        # The request does not have the path of a role.
        path = BOOTSTRAP_PATH if name.endswith(("-plan-role", "-apply-role")) else "/"
        resource = f"arn:aws:iam::{ACCOUNT}:role{path}{name}"
    else:
        resource = asked.get("PolicyArn") or f"arn:aws:iam::{ACCOUNT}:policy/{asked['PolicyName']}"
    tags = _form_tags(asked)
    yield f"iam:{operation}", resource, tags
    if tags and operation == "CreateRole":
        yield "iam:TagRole", resource, tags


def _sts(request: Request, _: str) -> _Found:
    yield f"sts:{request.parameters['Action']}", "*", {}


# --- Services with paths ---------------------------------------------------------------------


def _passed(role: str, service: str) -> tuple[str, str, Context]:
    return "iam:PassRole", role, {"iam:PassedToService": f"{service}.amazonaws.com"}


_BACKUP = (
    (r"PUT /backup/plans", "CreateBackupPlan", "backup-plan:ID"),
    (r"(GET|POST|DELETE) /backup/plans/[^/]+", "{}BackupPlan", "backup-plan:ID"),
    (r"PUT /backup/plans/[^/]+/selections", "CreateBackupSelection", "backup-plan:ID"),
    (r"(GET|DELETE) /backup/plans/[^/]+/selections/[^/]+", "{}BackupSelection", "backup-plan:ID"),
    (r"PUT /backup-vaults/(?P<name>[^/]+)", "CreateBackupVault", "backup-vault:NAME"),
    (r"GET /backup-vaults/(?P<name>[^/]+)", "DescribeBackupVault", "backup-vault:NAME"),
    (r"DELETE /backup-vaults/(?P<name>[^/]+)", "DeleteBackupVault", "backup-vault:NAME"),
    (
        r"(PUT|DELETE) /backup-vaults/(?P<name>[^/]+)/vault-lock",
        "{}BackupVaultLockConfiguration",
        "backup-vault:NAME",
    ),
    (
        r"GET /backup-vaults/(?P<name>[^/]+)/recovery-points",
        "ListRecoveryPointsByBackupVault",
        "backup-vault:NAME",
    ),
    (r"GET /tags/(?P<arn>.+)", "ListTags", "ARN"),
    (r"POST /tags/(?P<arn>.+)", "TagResource", "ARN"),
    (r"POST /untag/(?P<arn>.+)", "UntagResource", "ARN"),
)
_VERBS = {"GET": "Get", "POST": "Update", "PUT": "Put", "DELETE": "Delete"}


def _backup(request: Request, region: str) -> _Found:
    line = f"{request.method} {request.path.rstrip('/')}"
    names, operation, kind = next(
        (found.groupdict(), operation, kind)
        for pattern, operation, kind in _BACKUP
        if (found := re.fullmatch(pattern, line))
    )
    resource = kind.replace("ID", "00000000-0000-0000-0000-000000000000").replace(
        "NAME", names.get("name") or ""
    )
    resource = names.get("arn") or _arn("backup", resource, region)
    operation = operation.format(_VERBS[request.method])
    asked = request.parameters if request.body else {}
    tags = _request_tags(asked.get("BackupPlanTags") or asked.get("BackupVaultTags") or {})
    creates = operation in {"CreateBackupPlan", "CreateBackupVault"}
    own = _own() if "backup-plan" in resource and not creates else {}
    yield f"backup:{operation}", resource, {**tags, **own}
    if creates:
        yield "backup:TagResource", resource, tags
    if role := asked.get("BackupSelection", {}).get("IamRoleArn"):
        yield _passed(role, "backup")


_EDGE = {
    "distribution": "Distribution",
    "origin-access-control": "OriginAccessControl",
    "origin-access-identity/cloudfront": "CloudFrontOriginAccessIdentity",
    "cache-policy": "CachePolicy",
    "response-headers-policy": "ResponseHeadersPolicy",
    "function": "Function",
}


def _cloudfront(request: Request, _: str) -> _Found:
    path = request.path.removeprefix("/2020-05-31/").rstrip("/")
    start = f"arn:aws:cloudfront::{ACCOUNT}:"
    if path == "tagging":
        operation = {"Tag": "TagResource", "Untag": "UntagResource"}.get(
            request.query.get("Operation", ""), "ListTagsForResource"
        )
        resource = _stable(request.query["Resource"])
        tags = _request_tags(_xml_tags(request.body)) if operation == "TagResource" else {}
        yield f"cloudfront:{operation}", resource, {**tags, **_own()}
        return
    kind = next(one for one in _EDGE if path == one or path.startswith(f"{one}/"))
    id_, _, part = path.removeprefix(kind).strip("/").partition("/")
    resource = f"{start}{kind.partition('/cloudfront')[0]}/{id_}"
    own = _own() if kind == "distribution" else {}
    if not id_:
        tags = _request_tags(_xml_tags(request.body))
        yield f"cloudfront:Create{_EDGE[kind]}", "*", tags
        if tags:
            yield "cloudfront:TagResource", f"{resource}E00000000000", tags
    elif kind == "function" and part in {"describe", "publish"}:
        yield f"cloudfront:{part.capitalize()}Function", resource, {}
    elif request.method == "PUT":
        yield f"cloudfront:Update{_EDGE[kind]}", resource, own
    else:
        suffix = "Config" if part == "config" and request.method == "GET" else ""
        verb = request.method.capitalize()
        yield f"cloudfront:{verb}{_EDGE[kind]}{suffix}", resource, own


def _xml_tags(body: bytes) -> dict[str, str]:
    return dict(
        re.findall(r"<Tag><Key>([^<]*)</Key><Value>([^<]*)</Value></Tag>", body.decode("utf-8"))
    )


_FUNCTION = (
    (r"POST functions", "CreateFunction"),
    (r"(GET|DELETE) functions/NAME", "{}Function"),
    (r"PUT functions/NAME/code", "UpdateFunctionCode"),
    (r"PUT functions/NAME/configuration", "UpdateFunctionConfiguration"),
    (r"GET functions/NAME/configuration", "GetFunctionConfiguration"),
    (r"GET functions/NAME/versions", "ListVersionsByFunction"),
    (r"POST functions/NAME/versions", "PublishVersion"),
    (r"POST functions/NAME/aliases", "CreateAlias"),
    (r"PUT functions/NAME/aliases/.+", "UpdateAlias"),
    (r"(GET|DELETE) functions/NAME/aliases/.+", "{}Alias"),
    (r"POST functions/NAME/url", "CreateFunctionUrlConfig"),
    (r"PUT functions/NAME/url", "UpdateFunctionUrlConfig"),
    (r"(GET|DELETE) functions/NAME/url", "{}FunctionUrlConfig"),
    (r"GET functions/NAME/policy", "GetPolicy"),
    (r"POST functions/NAME/policy", "AddPermission"),
    (r"DELETE functions/NAME/policy/.+", "RemovePermission"),
    (r"(GET|PUT|DELETE) functions/NAME/code-signing-config", "{}FunctionCodeSigningConfig"),
    (r"(PUT|DELETE) functions/NAME/concurrency", "{}FunctionConcurrency"),
    (r"(GET|PUT|DELETE) functions/NAME/provisioned-concurrency", "{}ProvisionedConcurrencyConfig"),
)


def _lambda(request: Request, region: str) -> _Found:
    path = re.sub(r"^/\d{4}-\d\d-\d\d/", "", request.path).rstrip("/")
    asked = request.parameters if request.body else {}
    tags = _request_tags(asked.get("Tags") or {})
    if path.startswith("tags/"):
        verb = {"GET": "ListTags", "POST": "TagResource", "DELETE": "UntagResource"}
        resource = path.removeprefix("tags/")
        own = _own() if "code-signing" in resource else {}
        yield f"lambda:{verb[request.method]}", resource, {**tags, **own}
    elif path.startswith("code-signing-configs"):
        arn = path.removeprefix("code-signing-configs").strip("/")
        verb = {"GET": "Get", "POST": "Create", "PUT": "Update", "DELETE": "Delete"}
        operation = f"lambda:{verb[request.method]}CodeSigningConfig"
        yield operation, arn or "*", _own() if arn else tags
        if tags:
            arn = _arn("lambda", "code-signing-config:csc-0123456789abcdef0", region)
            yield "lambda:TagResource", arn, tags
    else:
        yield from _function(request, path, asked, region)


def _function(request: Request, path: str, asked: dict[str, Any], region: str) -> _Found:
    _, _, rest = path.partition("/")
    named, _, part = rest.partition("/")
    name = (asked.get("FunctionName") or named).removeprefix(_arn("lambda", "function:", region))
    name = name.partition(":")[0]
    line = f"{request.method} functions{named and '/NAME'}{part and '/'}{part}"
    operation = next(found for pattern, found in _FUNCTION if re.fullmatch(pattern, line))
    operation = operation.format(_VERBS[request.method])
    resource = _arn("lambda", f"function:{name}", region)
    principal = asked.get("Principal")
    if operation == "RemovePermission":
        principal = "cloudfront.amazonaws.com"
    if "ProvisionedConcurrency" in operation:
        resource = f"{resource}:{request.query['Qualifier']}"
    tags = _request_tags(asked.get("Tags") or {})
    yield (
        f"lambda:{operation}",
        resource,
        {**tags, **({"lambda:Principal": principal} if principal else {})},
    )
    if operation == "CreateFunction":
        yield "lambda:TagResource", resource, tags
    if "Role" in asked:
        yield _passed(asked["Role"], "lambda")
    code = asked.get("Code", asked)
    if "S3Key" in code:
        yield "s3:GetObject", f"arn:aws:s3:::{code['S3Bucket']}/{code['S3Key']}", {}


def _signer(request: Request, region: str) -> _Found:
    if request.method == "POST":
        asked = request.parameters
        profile = _arn("signer", f"/signing-profiles/{asked['profileName']}", region)
        yield "signer:StartSigningJob", profile, {}
        source, to = asked["source"]["s3"], asked["destination"]["s3"]
        package = f"arn:aws:s3:::{source['bucketName']}/{source['key']}"
        yield "s3:GetObjectVersion", package, {}
        yield "s3:PutObject", f"arn:aws:s3:::{to['bucketName']}/{to['prefix']}job.zip", {}
    else:
        yield "signer:DescribeSigningJob", _arn("signer", request.path, region), {}


# --- S3 --------------------------------------------------------------------------------------

_SUBRESOURCES = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "analytics": "AnalyticsConfiguration",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "metrics": "MetricsConfiguration",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}


def _s3(request: Request, _: str) -> _Found:
    bucket, _, key = request.path.strip("/").partition("/")
    resource = f"arn:aws:s3:::{bucket}"
    part = next((one for one in request.query if one in _SUBRESOURCES), None)
    method = request.method
    if key:
        yield _object_action(request, part), f"{resource}/{key}", _if_none_match(request)
    elif "versions" in request.query:
        yield "s3:ListBucketVersions", resource, _prefix(request)
    elif part == "policy" and method == "DELETE":
        yield "s3:DeleteBucketPolicy", resource, {}
    elif part:
        verb = "Get" if method == "GET" else "Put"
        yield f"s3:{verb}{_SUBRESOURCES[part]}", resource, {}
        if part == "replication" and method == "PUT":
            yield _passed(request.parameters["Role"], "s3")
    elif method in {"GET", "HEAD"}:
        yield "s3:ListBucket", resource, _prefix(request)
    elif method == "POST":
        raise ValueError("DeleteObjects")
    else:
        yield f"s3:{'Create' if method == 'PUT' else 'Delete'}Bucket", resource, {}


def _prefix(request: Request) -> Context:
    prefix = request.query.get("prefix")
    return {"s3:prefix": prefix} if prefix else {}


def _if_none_match(request: Request) -> Context:
    tag = request.headers.get("if-none-match")
    return {"s3:if-none-match": tag} if tag and request.method == "PUT" else {}


def _object_action(request: Request, part: str | None) -> str:
    verb = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "DELETE": "Delete"}[request.method]
    version = "Version" if "versionId" in request.query else ""
    return f"s3:{verb}Object{version}{'Tagging' if part else ''}"


_SERVICES: Mapping[str, Callable[[Request, str], _Found]] = {
    "application-autoscaling": _scaling,
    "backup": _backup,
    "budgets": _budgets,
    "cloudfront": _cloudfront,
    "dynamodb": _dynamodb,
    "iam": _iam,
    "kms": _kms,
    "lambda": _lambda,
    "logs": _logs,
    "monitoring": _cloudwatch,
    "s3": _s3,
    "secretsmanager": _secretsmanager,
    "signer": _signer,
    "sns": _sns,
    "ssm": _ssm,
    "sts": _sts,
    "wafv2": _wafv2,
}
