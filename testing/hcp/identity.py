"""Dynamic credentials of remote runs, as far as they are simulated.

The web identity token has the claims of the real service, and no signature.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from modules.settings import LocalAws
from ops.common.local_address import write_private
from ops.local.services.client import signed
from testing.emulator import Emulator
from testing.hcp.api import JsonObject
from testing.hcp.runner import Job
from testing.hcp.runs import Run

_LIFETIME = 3600
_FIELD = re.compile(r"<(\w+)>([^<]+)</")


def wanted(variables: Mapping[str, str]) -> bool:
    """Return whether a workspace asks for dynamic credentials."""
    return variables.get("TFC_AWS_PROVIDER_AUTH") == "true"


def mint(job: Job, phase: str, variables: Mapping[str, str]) -> str:
    """Return a token for a phase, whose subject the run remembers."""
    workspace = job.run.workspace
    organization, project = workspace.organization.name, workspace.project.settings.name
    subject = (
        f"organization:{organization}:project:{project}"
        f":workspace:{workspace.name}:run_phase:{phase}"
    )
    job.run.subjects[phase] = subject
    issued = int(time.time())
    claims: JsonObject = {
        "iss": f"https://{job.connection.hostname}",
        "aud": variables.get("TFC_AWS_WORKLOAD_IDENTITY_AUDIENCE", "aws.workload.identity"),
        "sub": subject,
        "iat": issued,
        "nbf": issued,
        "exp": issued + _LIFETIME,
        "terraform_organization_name": organization,
        "terraform_project_name": project,
        "terraform_workspace_name": workspace.name,
        "terraform_workspace_id": workspace.id,
        "terraform_run_id": job.run.id,
        "terraform_run_phase": phase,
    }
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}."


def files(folder: Path, token: str, phase: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Write a token where AWS SDKs find it; return the variables that tell them."""
    path = folder / f"{phase}-identity"
    write_private(path, token)
    return {"AWS_WEB_IDENTITY_TOKEN_FILE": str(path), "AWS_ROLE_ARN": _role(phase, variables)}


def exchange(
    emulator: Emulator, token: str, run: Run, environment: Mapping[str, str], file: Path
) -> None:
    """Write the temporary credentials of a token to the file that local stacks read.

    These name a profile, which wins over what the environment says.
    """
    question = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": environment["AWS_ROLE_ARN"],
        "RoleSessionName": run.id,
        "WebIdentityToken": token,
    }
    # Unlike AWS, the local one answers signed requests only, and boto3 does not sign this one.
    answer = signed(
        emulator.ports,
        emulator.key,
        service="sts",
        method="POST",
        url=f"{emulator.ports.endpoint}/",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        body=urlencode(question).encode(),
    )
    found = dict(_FIELD.findall(answer.body.decode()))
    if "SessionToken" not in found:
        raise RuntimeError(f"STS answered with {answer.status}")
    write_private(
        file,
        f"[{LocalAws.profile}]\n"
        f"aws_access_key_id = {found['AccessKeyId']}\n"
        f"aws_secret_access_key = {found['SecretAccessKey']}\n"
        f"aws_session_token = {found['SessionToken']}\n",
    )


def _role(phase: str, variables: Mapping[str, str]) -> str:
    return variables.get(f"TFC_AWS_{phase.upper()}_ROLE_ARN") or variables["TFC_AWS_RUN_ROLE_ARN"]


def _part(document: JsonObject) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()
