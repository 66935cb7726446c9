"""Record the calls of real Terraform on all layers: python -m tests.iam.record."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from modules.deploy_rights import Scope, boundary
from modules.iam import policy
from modules.naming import BOOTSTRAP_PATH, Naming
from ops.common import processes
from ops.common.paths import LocalPaths
from ops.terraform.stacks import Stack
from testing.emulator import Emulator, running_emulator
from testing.iam import recording_emulator
from testing.iam.calls import ACCOUNT, BOUNDARY, ENVIRONMENT, REGION
from testing.iam.recording import APPLY, CHANGE, DESTROY, PLAN, Calls, Recording, write
from tests.integration.terraform import Installation, Terraform, install, synthesize

FILE = Path(__file__).with_name("recorded_calls.json")
SETTINGS = Path(__file__).with_name("settings")
STATES = f"co2-analysis-{ENVIRONMENT}-terraform-state"
SCOPE = Scope(
    naming=Naming(environment=ENVIRONMENT),
    region=REGION,
    account_id=ACCOUNT,
    boundary_arn=BOUNDARY,
    state_bucket=STATES,
    state_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000001",
)

_OTHER_REGION = "eu-west-1"
_PACKAGES, _PROFILE = "our-signed-packages", "co2_analysis"


@contextmanager
def emulator(home: Path, *, enforce_iam: bool = False) -> Iterator[tuple[Emulator, Recording]]:
    """Run the extended emulator with what the stacks expect to exist."""
    requests = home / "requests.jsonl"
    with running_emulator(
        home,
        enforce_iam=enforce_iam,
        command=processes.python("-P", str(recording_emulator.__file__)),
        variables={recording_emulator.FILE: str(requests)},
    ) as running:
        s3 = running.client("s3")
        for bucket in (STATES, _PACKAGES):
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        running.client("signer").put_signing_profile(
            profileName=_PROFILE, platformId="AWSLambda-SHA384-ECDSA"
        )
        running.client("iam").create_policy(
            PolicyName=BOUNDARY.rpartition("/")[2],
            Path=BOOTSTRAP_PATH,
            PolicyDocument=policy(*boundary(SCOPE)),
        )
        for region in (REGION, _OTHER_REGION):
            kms = running.client("kms", region_name=region)
            key = kms.create_key()["KeyMetadata"]["KeyId"]
            kms.create_alias(AliasName="alias/aws/dynamodb", TargetKeyId=key)
        recording = Recording(requests)
        recording.skip()
        yield running, recording


def stacks(settings: str, home: Path, running: Emulator) -> dict[str, Stack]:
    """Return the stacks of ``settings/{settings}``, in dependency order."""
    found = synthesize(
        ENVIRONMENT,
        settings=SETTINGS / settings,
        output=home / settings / "cdktf.out",
        port=running.ports.emulator,
    )
    key = credentials_file(settings, home)
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_bytes(running.credentials_file.read_bytes())
    return {stack.name: stack for stack in found}


def credentials_file(settings: str, home: Path) -> Path:
    """Return where the stacks of ``settings/{settings}`` look for the key to use."""
    return LocalPaths(home / settings).credentials


def record(home: Path, installation: Installation) -> Calls:
    """Create, plan, change and destroy all layers; return the calls of Terraform."""
    with emulator(home) as (running, recording):
        for settings, phase in (("created", APPLY), ("changed", CHANGE)):
            with installation.applying(stacks(settings, home, running), running) as layers:
                _apply(layers, recording, phase)
                if phase == CHANGE:
                    for terraform in reversed([*layers.values()]):
                        terraform.destroy()
                        recording.add(DESTROY)
        return recording.calls


def _apply(layers: Mapping[str, Terraform], recording: Recording, phase: str) -> None:
    for terraform in layers.values():
        plan = ("plan", "-input=false", "-no-color", "-out=plan")
        terraform.run("init", "-input=false", "-no-color")
        terraform.run(*plan)
        recording.add(PLAN)
        terraform.run("apply", "-input=false", "-no-color", "plan")
        recording.add(phase)
        terraform.run(*plan)
        recording.add(PLAN)


def main() -> None:
    """Write the recording."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "terraform").mkdir()
        some = synthesize(ENVIRONMENT, settings=SETTINGS / "created", output=home / "out")[0]
        installation = install(home / "terraform", some.document["terraform"]["required_providers"])
        write(FILE, record(home, installation))
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
