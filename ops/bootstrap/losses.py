"""What a plan would delete that nothing can bring back.

Terraform's `prevent_destroy` protects a resource only while it is in the configuration. A setting
that removes the resource removes the protection with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from ops.common.errors import OperatorError, RefusedError

# A log of requests is not needed to read or to protect a state.
_MAY_GO = frozenset({"aws_s3_bucket_logging"})
_BUCKET = "aws_s3_bucket"
_LOST: Mapping[str, str] = {
    _BUCKET: "the states of all layers",
    "aws_kms_key": "every state that it has encrypted, which nothing else can decrypt",
    "aws_kms_alias": "the name by which the key of the states is found",
    "aws_iam_openid_connect_provider": "the access of every role of the account that trusts it",
}


def refuse_losses(plan: str, *, stack: str) -> None:
    """Refuse a plan (``terraform show -json``) that deletes or replaces such a resource.

    Raises:
        RefusedError: It does; the message has each address and what would be lost.
        OperatorError: The text is not a plan.

    """
    try:
        document = json.loads(plan)
        # A plan of outputs alone has no changes of resources.
        changes = document.get("resource_changes", []) if document["format_version"] else []
        deleted = {
            one["address"]: (lost, "create" in one["change"]["actions"])
            for one in changes
            if "delete" in one["change"]["actions"] and (lost := _lost(one["type"]))
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OperatorError(
            "terraform show -json printed no plan", remedy="run it again"
        ) from error
    if not deleted:
        return
    told = [
        f"  - {address} would be {'replaced' if again else 'deleted'}, and with it {lost}"
        for address, (lost, again) in deleted.items()
    ]
    raise RefusedError(
        "nothing was changed, because:\n" + "\n".join(told),
        remedy="undo the change of the settings; or keep what exists outside Terraform: synthesize "
        f"with the old settings, in cdktf.out/stacks/{stack} run terraform init && terraform state "
        f"rm {' '.join(deleted)}, and bootstrap with the new settings",
    )


def _lost(type_: str) -> str | None:
    if type_.startswith(f"{_BUCKET}_") and type_ not in _MAY_GO:
        return "a protection of the states"
    return _LOST.get(type_)
