"""What the emulator lacks: enough of it that the provider creates, reads, changes and deletes.

Application Auto Scaling, CloudFront's origin access identities, Lambda's code signing and packages
that Signer has signed, locks of backup vaults, the log of a web ACL, changes of the key of a log
group, and configurations of buckets that the emulator accepts and forgets. Nothing is validated,
and nothing has an effect.
"""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from ops.local.services.request_filter import App, Message, Receive, Scope, Send

_IDENTITIES = re.compile(r"/2020-05-31/origin-access-identity/cloudfront(/(?P<id>\w+))?(/config)?")
_SIGNING = re.compile(r"/2020-04-22/code-signing-configs/?(?P<arn>.+)?")
_SIGNING_OF_FUNCTION = re.compile(r"/2020-06-30/functions/[^/]+/code-signing-config")
_SIGNING_ARN = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0"
_TAGS = re.compile(r"/2017-03-31/tags/" + _SIGNING_ARN)
_FUNCTION = re.compile(r"/2015-03-31/functions(/[^/]+/code)?")
_VAULT = re.compile(r"/backup-vaults/[^/]+")
_NAMESPACE = 'xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"'
_FORGOTTEN = {"analytics", "metrics", "intelligent-tiering"}
_ID = "E1SAMPLE"

_OK, _CREATED, _NO_CONTENT, _NOT_FOUND = 200, 201, 204, 404


class MissingServices:
    """The ASGI application before ``app``: answers what ``app`` cannot."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._targets: dict[tuple[str, ...], dict[str, Any]] = {}
        self._policies: dict[tuple[str, ...], dict[str, Any]] = {}
        self._identity: bytes | None = None
        self._code_signing: dict[str, Any] | None = None
        self._locked = False
        self._firewall_log: dict[str, Any] = {}
        self._configurations: dict[str, bytes] = {}
        self._operations: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "AnyScaleFrontendService.RegisterScalableTarget": self._register,
            "AnyScaleFrontendService.DescribeScalableTargets": self._describe_targets,
            "AnyScaleFrontendService.DeregisterScalableTarget": self._deregister,
            "AnyScaleFrontendService.PutScalingPolicy": self._put_policy,
            "AnyScaleFrontendService.DescribeScalingPolicies": self._describe_policies,
            "AnyScaleFrontendService.DeleteScalingPolicy": self._delete_policy,
            "AnyScaleFrontendService.ListTagsForResource": lambda _: {"Tags": {}},
            "AnyScaleFrontendService.TagResource": lambda _: {},
            "AWSWAF_20190729.PutLoggingConfiguration": self._log_firewall,
            "AWSWAF_20190729.GetLoggingConfiguration": self._log_of_firewall,
            "AWSWAF_20190729.DeleteLoggingConfiguration": self._log_firewall,
            "Logs_20140328.AssociateKmsKey": lambda _: {},
            "Logs_20140328.DisassociateKmsKey": lambda _: {},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        target = headers.get("x-amz-target", "")
        if operation := self._operations.get(target):
            asked = json.loads(await _read(receive))
            await _answer_json(send, operation(asked))
        elif not await self._answer_path(scope, receive, send):
            await self._app(scope, receive, send)

    async def _answer_path(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Answer a request of a service with paths; return whether there is an answer."""
        method, path = scope["method"], scope["path"]
        query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
        if _SIGNING.fullmatch(path):
            await _answer_json(send, self._signing(method, await _read(receive)))
        elif _SIGNING_OF_FUNCTION.fullmatch(path):
            arn = self._code_signing and _SIGNING_ARN
            await _answer_json(send, {"CodeSigningConfigArn": arn})
        elif _TAGS.fullmatch(path):
            await _answer_json(send, {"Tags": {}})
        elif path.endswith("/vault-lock"):
            self._locked = method == "PUT"
            await _answer_json(send, {})
        elif _IDENTITIES.fullmatch(path):
            await self._answer_identity(method, await _read(receive), send)
        elif "id" in query and (kind := _FORGOTTEN & query.keys()):
            key = f"{path}?{kind}&{query['id'][0]}"
            await self._answer_configuration(method, key, await _read(receive), send)
        elif self._locked and method == "GET" and _VAULT.fullmatch(path):
            await self._app(scope, receive, _changed(send, {"Locked": True, "MinRetentionDays": 7}))
        elif method in {"POST", "PUT"} and _FUNCTION.fullmatch(path):
            await self._app(scope, _replayed(_packaged(await _read(receive))), send)
        else:
            return False
        return True

    def _register(self, asked: dict[str, Any]) -> dict[str, Any]:
        known = self._targets.setdefault(_target(asked), {"CreationTime": 1.8e9})
        known.update(asked, RoleARN="arn:aws:iam::000000000000:role/scaling")
        arn = f"arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/{_ID}"
        known["ScalableTargetARN"] = arn
        return {"ScalableTargetARN": arn}

    def _describe_targets(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = [
            one
            for one in self._targets.values()
            if one["ResourceId"] in asked["ResourceIds"]
            and one["ScalableDimension"] == asked["ScalableDimension"]
        ]
        return {"ScalableTargets": found}

    def _deregister(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._targets.pop(_target(asked), None)
        return {}

    def _put_policy(self, asked: dict[str, Any]) -> dict[str, Any]:
        arn = (
            "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:1:resource/dynamodb/"
            f"{asked['ResourceId']}:policyName/{asked['PolicyName']}"
        )
        key = (*_target(asked), asked["PolicyName"])
        self._policies[key] = {**asked, "PolicyARN": arn, "CreationTime": 1.8e9, "Alarms": []}
        return {"PolicyARN": arn, "Alarms": []}

    def _describe_policies(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = [
            one for key, one in self._policies.items() if key[-1] in asked.get("PolicyNames", key)
        ]
        return {"ScalingPolicies": found}

    def _delete_policy(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._policies.pop((*_target(asked), asked["PolicyName"]), None)
        return {}

    def _signing(self, method: str, body: bytes) -> dict[str, Any]:
        if method in {"POST", "PUT"}:
            known = {"CodeSigningConfigArn": _SIGNING_ARN, "CodeSigningConfigId": "csc-1"}
            self._code_signing = {**json.loads(body), **known, "LastModified": "2026-01-01"}
        if method == "DELETE":
            self._code_signing = None
        return {"CodeSigningConfig": self._code_signing} if self._code_signing else {}

    def _log_firewall(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._firewall_log = asked if "LoggingConfiguration" in asked else {}
        return self._firewall_log

    def _log_of_firewall(self, _: dict[str, Any]) -> dict[str, Any]:
        return self._firewall_log

    async def _answer_identity(self, method: str, body: bytes, send: Send) -> None:
        if method in {"POST", "PUT"}:
            self._identity = re.sub(rb"^<\?xml[^>]*\?>|\sxmlns=\"[^\"]*\"", b"", body)
        if method == "DELETE":
            self._identity = None
            await _answer(send, _NO_CONTENT)
        elif self._identity is None:
            error = "<ErrorResponse><Error><Code>NoSuchCloudFrontOriginAccessIdentity</Code></Error></ErrorResponse>"  # noqa: E501
            await _answer(send, _NOT_FOUND, error.encode())
        else:
            kind = "CloudFrontOriginAccessIdentity"
            document = (
                f"<{kind} {_NAMESPACE}><Id>{_ID}</Id><S3CanonicalUserId>c0ffee</S3CanonicalUserId>"
                f"{self._identity.decode()}</{kind}>"
            )
            await _answer(send, _CREATED if method == "POST" else _OK, document.encode())

    async def _answer_configuration(self, method: str, key: str, body: bytes, send: Send) -> None:
        if method == "PUT":
            self._configurations[key] = body
            await _answer(send, _OK)
        elif method == "DELETE":
            self._configurations.pop(key, None)
            await _answer(send, _NO_CONTENT)
        elif found := self._configurations.get(key):
            await _answer(send, _OK, found)
        else:
            error = "<Error><Code>NoSuchConfiguration</Code><Message>none</Message></Error>"
            await _answer(send, _NOT_FOUND, error.encode())


def _target(asked: Mapping[str, Any]) -> tuple[str, ...]:
    return asked["ResourceId"], asked["ScalableDimension"]


def _packaged(body: bytes) -> bytes:
    """Return a request with a package in it, instead of what the emulator calls a signed one."""
    asked = json.loads(body)
    if "S3Key" not in asked.get("Code", asked):
        return body
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as file:
        file.writestr("handler.py", "")
    code = {"ZipFile": base64.b64encode(package.getvalue()).decode()}
    old = {key: value for key, value in asked.items() if not key.startswith("S3")}
    return json.dumps({**old, "Code": code} if "Code" in asked else {**old, **code}).encode()


def _replayed(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _changed(send: Send, more: Mapping[str, Any]) -> Send:
    """Return a ``send`` that adds members to the JSON of a response."""
    held: list[Message] = []

    async def sent(message: Message) -> None:
        held.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            body = b"".join(one.get("body", b"") for one in held)
            await _answer(
                send,
                held[0]["status"],
                json.dumps({**json.loads(body), **more}).encode(),
                "application/json",
            )

    return sent


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _answer_json(send: Send, answer: object) -> None:
    await _answer(send, _OK, json.dumps(answer).encode(), "application/json")


async def _answer(
    send: Send, status: int, body: bytes = b"", content_type: str = "text/xml"
) -> None:
    headers = [(b"content-type", content_type.encode()), (b"etag", b"E1")]
    headers += [] if status == _NO_CONTENT else [(b"content-length", str(len(body)).encode())]
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": body})
