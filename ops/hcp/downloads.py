"""Plans and states as documents: HCP Terraform keeps them apart from what its API answers."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from pytfe.errors import AuthError, NotFound, ServerError
from pytfe.models import StateVersion

from ops.common.errors import AccessError, OperatorError
from ops.hcp.client import Client

_UNAUTHORIZED = 401
_UNAVAILABLE = 503
# The first has no sensitive values, and who may see a run may read it; the other one needs the
# right to administer the workspace.
_PLANS = ("json-output-redacted", "json-output")


def plan(client: Client, id_: str, what: str) -> bytes:
    """Return a plan as JSON, like that of ``terraform show -json``.

    Sensitive values are replaced by a text that is always the same, if HCP Terraform can.

    Raises:
        AccessError: The rights of the token do not suffice.
        OperatorError: It could not be read.

    """
    for kind in _PLANS:
        found = client.read(f"read the plan of {what}", partial(_plan, client, id_, kind))
        if found is not None:
            return _with_format(found, what)
    raise AccessError(
        f"{client.access.hostname}: cannot read the plan of {what} as JSON: without sensitive "
        "values that takes structured run output in the workspace and the right to read its runs; "
        "with them, the right to administer it",
        remedy="use a token with the rights that docs/hcp-terraform.md lists",
    )


def current_state(client: Client, workspace: str, what: str) -> StateVersion | None:
    """Return the current state of a workspace, None if it has none."""
    return client.read_if_exists(
        f"read the state of {what}", lambda: client.tfe.state_versions.read_current(workspace)
    )


def state(client: Client, id_: str, what: str) -> bytes:
    """Return the content of a state.

    Raises:
        MissingError: It is not kept any more.

    """

    def get() -> bytes:
        url = client.tfe.state_versions.read(id_).hosted_state_download_url
        if not url:
            raise ServerError("it is not uploaded yet", status=_UNAVAILABLE)
        return client.content(str(url))

    return client.read(f"read the state of {what}", get)


def _plan(client: Client, id_: str, kind: str) -> bytes | None:
    try:
        answer = client.tfe.plans.t.request(
            "GET", f"/api/v2/plans/{id_}/{kind}", allow_redirects=False
        )
    except (NotFound, AuthError) as error:
        if error.status == _UNAUTHORIZED:
            raise
        return None
    # The address lives for a minute, so each attempt asks for a new one.
    content = client.content(answer.headers["location"]) if answer.is_redirect else answer.content
    return content or None


def _with_format(content: bytes, what: str) -> bytes:
    """Return the document of a plan with the version of its format where Terraform has it."""
    try:
        document: dict[str, Any] = json.loads(content)
        has_changes = isinstance(document.get("resource_changes", []), list)
    except (ValueError, AttributeError, RecursionError):
        has_changes = False
    if not has_changes:
        raise OperatorError(
            f"HCP Terraform answered the plan of {what} in an unknown form",
            remedy="use a version of this command that knows it",
        )
    if "plan_format_version" not in document:
        return content
    # Those of the providers' resources, for whoever renders the plan.
    document.pop("provider_schemas", None)
    return json.dumps({**document, "format_version": document["plan_format_version"]}).encode()
