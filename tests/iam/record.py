"""Record the calls of real Terraform on all layers: python -m tests.iam.record."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ops.local.services import processes
from ops.local.terraform.stacks import Stack
from testing.emulator import Emulator, running_emulator
from testing.iam import recording_emulator
from testing.iam.calls import BOUNDARY, ENVIRONMENT, REGION
from testing.iam.recording import APPLY, CHANGE, DESTROY, PLAN, Calls, Recording, write
from tests.integration.terraform import Installation, Terraform, install, synthesize

FILE = Path(__file__).with_name("recorded_calls.json")
SETTINGS = Path(__file__).with_name("settings")
STATES = f"co2-analysis-{ENVIRONMENT}-terraform-state"

_OTHER_REGION = "eu-west-1"
_PACKAGES, _PROFILE = "our-signed-packages", "co2_analysis"
_ANYTHING = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'


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
        path, _, name = BOUNDARY.partition(":policy")[2].rpartition("/")
        running.client("iam").create_policy(
            PolicyName=name, Path=f"{path}/", PolicyDocument=_ANYTHING
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
    # The stacks look for the key in the checkout that they were synthesized to.
    key = home / settings / running.credentials_file.relative_to(home)
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_bytes(running.credentials_file.read_bytes())
    return {stack.name: stack for stack in found}


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
