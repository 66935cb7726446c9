"""What exists in the account although no state has it: a killed run, or an administrator, made it.

Terraform would create such resources again, which fails for most of them and makes a second key of
a key. So they are imported. Only what has a name of its own, or costs, is looked for: the settings
of a bucket and the policies of a role are written over what is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modules import catalogue
from modules.settings import Settings
from ops.common.aws_errors import error_code, if_exists
from ops.common.session import Session

_IDENTITY = ("Project", "Environment")
_PROVIDER = re.compile(r"oidc-provider/([^\"\\]+)")
_REFERENCE = re.compile(r"\$\{aws_kms_key\.(\w+)\.")
_GITHUB = "token.actions.githubusercontent.com"

_ENABLED, _PENDING = "Enabled", "PendingDeletion"

Tags = Mapping[str, str]
Resource = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Existing:
    """A resource that exists; ``tags`` is None where ownership is decided otherwise."""

    id: str
    tags: Tags | None


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """Why nothing can be applied, and what to do about it."""

    what: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The resources to import, by their addresses, and what is wrong."""

    imports: Mapping[str, str]
    mistakes: tuple[Mistake, ...]


class Account:
    """Looks for the resources of a synthesized stack in the account."""

    def __init__(self, ops: Session, document: Mapping[str, Any], *, bucket_exists: bool) -> None:
        self._ops = ops
        self._resources: Mapping[str, Mapping[str, Resource]] = document.get("resource", {})
        self._tags: Tags = document["provider"]["aws"][0]["default_tags"][0]["tags"]
        self._bucket_exists = bucket_exists

    def survey(self, known: frozenset[str]) -> Survey:
        """Return what exists and is not among the ``known`` addresses, and what is wrong."""
        imports: dict[str, str] = {}
        mistakes = [*self._missing_providers(), *self._unusable_keys()]
        for type_, find in self._finders().items():
            for name, resource in self._resources.get(type_, {}).items():
                address = f"{type_}.{name}"
                found = None if address in known else find(name, resource)
                if found is None:
                    continue
                if isinstance(found, Mistake):
                    mistakes.append(found)
                    continue
                if found.tags is None or self._is_ours(found.tags):
                    imports[address] = found.id
                else:
                    mistakes.append(self._foreign(address, found))
        return Survey(imports=imports, mistakes=tuple(mistakes))

    def _finders(self) -> Mapping[str, Callable[[str, Resource], Existing | Mistake | None]]:
        return {
            "aws_s3_bucket": self._bucket,
            "aws_iam_openid_connect_provider": self._provider,
            "aws_iam_policy": self._policy,
            "aws_iam_role": self._role,
            "aws_kms_key": self._key,
            "aws_kms_alias": self._alias,
        }

    def _bucket(self, _name: str, resource: Resource) -> Existing | None:
        # The account is checked before.
        if not self._bucket_exists:
            return None
        name, settings = resource["bucket"], self._ops.target.settings
        region = (settings.state.s3 and settings.state.s3.region) or settings.region
        s3 = self._ops.aws.client("s3", region_name=region)
        try:
            tags = _tags(s3.get_bucket_tagging(Bucket=name)["TagSet"])
        except Exception as error:
            if error_code(error) != "NoSuchTagSet":
                raise
            tags = {}
        # One that an administrator made has none of these tags.
        foreign = any(tags.get(tag, self._tags[tag]) != self._tags[tag] for tag in _IDENTITY)
        return Existing(id=name, tags=tags if foreign else None)

    def _role(self, _name: str, resource: Resource) -> Existing | None:
        iam = self._ops.aws.client("iam")
        found = if_exists(lambda: iam.get_role(RoleName=resource["name"]))
        return found and Existing(id=resource["name"], tags=_tags(found["Role"].get("Tags")))

    def _policy(self, _name: str, resource: Resource) -> Existing | None:
        iam = self._ops.aws.client("iam")
        arn = self._iam_arn(f"policy{resource.get('path', '/')}{resource['name']}")
        found = if_exists(lambda: iam.get_policy(PolicyArn=arn))
        return found and Existing(id=arn, tags=_tags(found["Policy"].get("Tags")))

    def _provider(self, _name: str, resource: Resource) -> Existing | None:
        return self._find_provider(resource["url"].removeprefix("https://"))

    def _find_provider(self, host: str) -> Existing | None:
        iam = self._ops.aws.client("iam")
        arn = self._iam_arn(f"oidc-provider/{host}")
        found = if_exists(lambda: iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn))
        return found and Existing(id=arn, tags=_tags(found.get("Tags")))

    def _unusable_keys(self) -> Iterator[Mistake]:
        """Yield a mistake for each alias of a key that cannot be used: Terraform makes another."""
        kms = self._ops.aws.client("kms")
        for alias in self._resources.get("aws_kms_alias", {}).values():
            if id_ := self._aliased(alias):
                key = kms.describe_key(KeyId=id_)["KeyMetadata"]
                if key["KeyState"] != _ENABLED:
                    yield _unusable(id_, key["KeyState"], alias["name"])

    def _alias(self, _name: str, resource: Resource) -> Existing | None:
        # Its key's tags decide.
        return Existing(id=resource["name"], tags=None) if self._aliased(resource) else None

    def _key(self, name: str, _resource: Resource) -> Existing | Mistake | None:
        """Find a key by its alias, or, if a run was killed before it made one, by its tags."""
        for alias in self._resources.get("aws_kms_alias", {}).values():
            reference = _REFERENCE.match(alias["target_key_id"])
            if reference and reference[1] == name and (id_ := self._aliased(alias)):
                return Existing(id=id_, tags=self._key_tags(id_))
        keys = list(self._tagged_keys())
        usable = [key for key, state in keys if state == _ENABLED]
        # One that is being deleted and has lost its alias is given up.
        others = [(key, state) for key, state in keys if state != _PENDING]
        if usable or not others:
            return next(iter(usable), None)
        ((key, state), *_) = others
        return _unusable(key.id, state)

    def _aliased(self, alias: Resource) -> str | None:
        kms = self._ops.aws.client("kms")
        found = if_exists(lambda: kms.describe_key(KeyId=alias["name"]))
        return found["KeyMetadata"]["KeyId"] if found else None

    def _tagged_keys(self) -> Iterator[tuple[Existing, str]]:
        """Yield the keys with the tags of the layer, and their states."""
        kms = self._ops.aws.client("kms")
        for page in kms.get_paginator("list_keys").paginate():
            for key in page["Keys"]:
                tags = self._key_tags(key["KeyId"])
                if tags.get("Layer") != self._tags["Layer"] or not self._is_ours(tags):
                    continue
                state = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"]
                yield Existing(id=key["KeyId"], tags=tags), state

    def _key_tags(self, id_: str) -> dict[str, str]:
        kms = self._ops.aws.client("kms")
        try:
            found = kms.list_resource_tags(KeyId=id_)["Tags"]
        except Exception as error:
            # A key of others, whose policy does not let the account's identities in.
            if error_code(error) != "AccessDeniedException":
                raise
            return {}
        return {tag["TagKey"]: tag["TagValue"] for tag in found}

    def _missing_providers(self) -> Iterator[Mistake]:
        """Yield a mistake for each provider that a role trusts and nobody creates."""
        created = {
            provider["url"].removeprefix("https://")
            for provider in self._resources.get("aws_iam_openid_connect_provider", {}).values()
        }
        trusted = {
            host
            for role in self._resources.get("aws_iam_role", {}).values()
            for host in _PROVIDER.findall(json.dumps(role["assume_role_policy"]))
        }
        for host in sorted(trusted - created):
            if self._find_provider(host) is None:
                yield Mistake(
                    what=f"the OIDC provider of {host} does not exist in this account",
                    remedy=f"set {self._setting(host)}.create_provider = true in the one "
                    "environment of the account that is to own it",
                )

    def _foreign(self, address: str, found: Existing) -> Mistake:
        type_ = address.partition(".")[0]
        if type_ == "aws_iam_openid_connect_provider":
            host = found.id.partition("oidc-provider/")[2]
            return Mistake(
                what=f"the OIDC provider of {host} exists already, and is not this environment's",
                remedy=f"set {self._setting(host)}.create_provider = false: it is then referenced",
            )
        if type_ == "aws_s3_bucket":
            owner = ", ".join(f"{tag}={(found.tags or {}).get(tag, '')}" for tag in _IDENTITY)
            return Mistake(
                what=f"the bucket {found.id} belongs to another project or environment ({owner})",
                remedy="set buckets.suffix, which makes the names unique; or, to leave the bucket "
                f"to its owner and keep the states in it, state.s3.bucket = {found.id!r}",
            )
        wanted = ", ".join(f"{name}={self._tags[name]}" for name in _IDENTITY)
        return Mistake(
            what=f"{found.id} ({address}) exists, and is not tagged as this environment's",
            remedy=f"delete or rename it; if it is this environment's, tag it: {wanted}",
        )

    def _setting(self, host: str) -> str:
        return f"bootstrap.{issuer(host, self._ops.target.settings)}"

    def _is_ours(self, tags: Tags) -> bool:
        return all(tags.get(name) == self._tags[name] for name in _IDENTITY)

    def _iam_arn(self, resource: str) -> str:
        partition = catalogue.partition(self._ops.target.settings.region)
        return f"arn:{partition}:iam::{self._ops.aws.account}:{resource}"


def issuer(host: str, settings: Settings) -> str:
    """Return the name of the table below [bootstrap] that trusts the OIDC provider of ``host``."""
    if host == _GITHUB:
        return "github"
    hcp = settings.state.hcp
    return "hcp" if hcp and host == hcp.hostname else "gitlab"


def _unusable(id_: str, state: str, alias: str | None = None) -> Mistake:
    """Return what to do about a key that encrypts the states and is not enabled."""
    name = f"the KMS key {id_}" + (f" ({alias})" if alias else "")
    if state == _PENDING:
        return Mistake(
            what=f"{name} is being deleted; the states that it encrypted will be unreadable",
            remedy=f"keep it: aws kms cancel-key-deletion --key-id {id_} && aws kms enable-key "
            f"--key-id {id_}; or give it up: aws kms delete-alias --alias-name {alias}",
        )
    return Mistake(
        what=f"{name} cannot be used: its state is {state}",
        remedy=f"enable it: aws kms enable-key --key-id {id_}",
    )


def _tags(found: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in found or []}
