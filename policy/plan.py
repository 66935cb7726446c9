"""One plan of many stacks, without any account: nothing is asked of AWS.

Each stack is a module of one configuration. What a stack reads from another's state is the other
module's output, and the account is an example. All share one provider, because Terraform starts one
for each configuration of it; the plan therefore has the default tags and Regions of none of them,
which no rule of tf-nag reads.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.packaging import ROOT
from ops.common.environment import scrubbed
from ops.common.paths import LocalPaths
from ops.terraform.provider import find_provider
from ops.terraform.tools import find_tools
from policy.findings import Stacks
from policy.programs import run

Json = Mapping[str, Any]

# As in the documentation of AWS.
_ACCOUNT = "123456789012"
_OF_THE_STACK = {"//", "terraform", "provider", "import"}
_READS = {"aws_caller_identity", "terraform_remote_state"}
_ACCOUNT_READ = "data.aws_caller_identity.current.account_id"
_STATE_READ = re.compile(r"data\.terraform_remote_state\.(\w+)\.outputs\.(\w+)")
# Nothing listens there, so that a provider that asks AWS all the same fails.
_NO_AWS = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def plan(stacks: Stacks, folder: Path) -> Path:
    """Plan the creation of the stacks in ``folder``; return the file with the plan's JSON.

    Raises:
        MissingToolError: Terraform is missing or too old.
        OperatorError: Terraform rejects the stacks.

    """
    program = find_tools(os.environ).terraform
    paths = LocalPaths(ROOT)
    environment = {
        **scrubbed(os.environ),
        **_NO_AWS,
        **find_provider(paths, os.environ).configure(paths, os.environ),
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
    }
    for name, document in configuration(stacks).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(document, indent=2), encoding="utf-8")

    def terraform(*arguments: str) -> str:
        return run([program, *arguments], folder=folder, variables=environment)

    terraform("init", "-input=false", "-no-color")
    terraform("plan", "-input=false", "-no-color", "-refresh=false", "-lock=false", "-out=plan")
    file = folder / "plan.json"
    file.write_text(terraform("show", "-json", "plan"), encoding="utf-8")
    return file


def configuration(stacks: Stacks) -> dict[str, Json]:
    """Return the documents of the configuration by file name."""
    provider = {
        "region": "us-east-1",
        "access_key": "none",
        "secret_key": "none",
        "skip_credentials_validation": True,
        "skip_requesting_account_id": True,
        "skip_metadata_api_check": "true",
    }
    documents: dict[str, Json] = {}
    modules: dict[str, Json] = {}
    for name, stack in stacks.items():
        documents[f"{name}/main.tf.json"], arguments = _module(
            stack, environment=name.rpartition("-")[0]
        )
        modules[name] = {"source": f"./{name}", **arguments}
    versions = next(iter(stacks.values()))["terraform"]["required_providers"]
    documents["main.tf.json"] = {
        "terraform": {"required_providers": versions},
        "provider": {"aws": provider},
        "module": modules,
    }
    return documents


def _module(stack: Json, *, environment: str) -> tuple[Json, Json]:
    """Return a stack as a module, and the arguments of the call."""
    arguments = {"account_id": _ACCOUNT}

    def variable(read: re.Match[str]) -> str:
        layer, output = read.groups()
        name = f"{layer}_{output}"
        arguments[name] = f"${{module.{environment}-{layer}.{output}}}"
        return f"var.{name}"

    kept = {block: one for block, one in stack.items() if block not in _OF_THE_STACK}
    kept["data"] = {
        type_: one for type_, one in stack.get("data", {}).items() if type_ not in _READS
    }
    text = json.dumps(kept).replace(_ACCOUNT_READ, "var.account_id")
    module: dict[str, Any] = json.loads(_STATE_READ.sub(variable, text))
    for block in (module["resource"], module["data"]):
        for one in [one for named in block.values() for one in named.values()]:
            one.pop("provider", None)
    if not module["data"]:
        del module["data"]  # Terraform rejects an empty one.
    module["variable"] = {name: {} for name in arguments}
    return module, arguments
