"""Check before Terraform runs that the stacks can reach the emulator only."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ops.common.errors import RefusedError
from ops.terraform.stacks import Stack

# What is in a stack's folder after synthesis, and what `terraform init` and the cdktf command line
# add. Terraform would also read any other .tf, .tf.json and .tfvars file; an override file could
# replace the endpoints.
_KNOWN = frozenset({"cdk.tf.json", "assets", ".terraform", ".terraform.lock.hcl"})


def check(stacks: Sequence[Stack], *, port: int, state_root: Path) -> None:
    """Check that every endpoint is ``port`` of this machine and every state below ``state_root``.

    Raises:
        RefusedError: A provider, a state or a remote state is not provably local, or a folder
            contains what the synthesis has not written.

    """
    foreign = [problem for stack in stacks for problem in _folder_problems(stack.folder)]
    if foreign:
        raise RefusedError(
            "not applied, because Terraform would read what is not from the synthesis:\n  "
            + "\n  ".join(foreign),
            remedy="move it elsewhere; settings belong in environments/local.toml",
        )
    problems = [
        f"{stack.name}: {problem}"
        for stack in stacks
        for problem in (
            *_provider_problems(stack.document, port),
            *_state_problems(stack, state_root.resolve()),
        )
    ]
    if problems:
        raise RefusedError(
            "not applied, because a stack may not be local:\n  " + "\n  ".join(problems),
            remedy="environments/local.toml needs [local_aws] and a plain [state.local]",
        )


def _folder_problems(folder: Path) -> Iterator[str]:
    if not folder.exists():
        return  # a dry run before the first synthesis
    inside = sorted(folder.iterdir())
    # Terraform links to unpacked providers in its own folder, whose content is no configuration.
    found = [folder, *inside, *(folder / "assets").rglob("*")]
    yield from (f"{path} is a symbolic link" for path in found if path.is_symlink())
    yield from (f"{path} is unknown" for path in inside if path.name not in _KNOWN)


def _provider_problems(document: Mapping[str, Any], port: int) -> Iterator[str]:
    providers = document.get("provider") or {}
    blocks = _as_list(providers.get("aws"))
    if not blocks:
        yield "it has no aws provider block, so Terraform would use the default credentials"
    if document.get("module"):
        yield "it has modules, whose providers would not be checked"
    for name in providers.keys() - {"aws"}:
        yield f"provider {name} has no local counterpart"
    for block in blocks:
        endpoints = [item for group in _as_list(block.get("endpoints")) for item in group.items()]
        if not endpoints:
            yield "an aws provider block has no endpoints, so it would reach AWS"
        for service, url in endpoints:
            if not _is_local(url, port):
                yield f"the endpoint of {service}, {url!r}, is not port {port} of this machine"


def _state_problems(stack: Stack, root: Path) -> Iterator[str]:
    terraform = stack.document.get("terraform", {})
    if set(terraform.get("backend", {})) != {"local"} or "cloud" in terraform:
        yield "its state is not in a local file"
    elif not stack.state_file.is_relative_to(root):
        yield f"its state file {stack.state_file} is not below {root}"
    for name, source in stack.document.get("data", {}).get("terraform_remote_state", {}).items():
        path = source.get("config", {}).get("path", "")
        if source.get("backend") != "local":
            yield f"the remote state {name} is not a local file"
        elif not (stack.folder / path).resolve().is_relative_to(root):
            yield f"the remote state {name} is not below {root}"


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _is_local(url: Any, port: int) -> bool:
    try:
        parts = urlsplit(str(url))
        host = parts.hostname or ""
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
        found = parts.port
    except ValueError:
        return False
    return loopback and parts.scheme == "http" and found == port
