"""Make the plans of the corpus again: real Terraform, the real provider, the local AWS.

Run it with ``python -m tests.review.regenerate``. The plans are kept without what no review reads.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from testing.emulator import Emulator, running_emulator
from tests.integration.terraform import Terraform, install

HERE = Path(__file__).parent
PLANS = HERE / "plans"
_FAILED, _CHANGES = 1, 2
_UNREAD = ("configuration", "planned_values", "prior_state", "variables", "timestamp")
_REQUIRED = {"aws": {"source": "hashicorp/aws", "version": ">= 5.100.0, < 7.0.0"}}


def main() -> None:
    """Apply ``before``, change some of it by hand, and plan ``after``."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "terraform").mkdir()
        installation = install(home / "terraform", _REQUIRED)
        folder = home / "stack"
        folder.mkdir()
        shutil.copy(HERE / "terraform" / "provider.tf", folder)
        with (
            running_emulator(home) as emulator,
            installation.running(folder, endpoint=emulator.ports.endpoint) as terraform,
        ):
            key = emulator.key
            credentials = f"aws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n"
            (folder / "credentials").write_text(f"[default]\n{credentials}", encoding="utf-8")
            _configure(terraform, "before")
            terraform.apply()
            _plan(terraform, "nothing", "-target=aws_dynamodb_table.cache", accept=0)
            _change_by_hand(emulator)
            _configure(terraform, "after")
            _plan(terraform, "changes", accept=_CHANGES)
            _plan(terraform, "drift", "-refresh-only", accept=_CHANGES)
            _plan(terraform, "destroy", "-destroy", accept=_CHANGES)
            _configure(terraform, "failing")
            _plan(terraform, "failed", accept=_FAILED)


def _configure(terraform: Terraform, which: str) -> None:
    shutil.copy(HERE / "terraform" / which / "main.tf", terraform.folder)
    terraform.run("init", "-input=false", "-no-color")


def _change_by_hand(emulator: Emulator) -> None:
    emulator.client("ssm").put_parameter(
        Name="/review/model", Value="gemini-by-hand", Type="String", Overwrite=True
    )
    emulator.client("dynamodb").tag_resource(
        ResourceArn=emulator.client("dynamodb").describe_table(TableName="review-cache")["Table"][
            "TableArn"
        ],
        Tags=[{"Key": "Owner", "Value": "somebody"}],
    )
    emulator.client("logs").create_log_group(logGroupName="/aws/lambda/adopted")


def _plan(terraform: Terraform, name: str, *options: str, accept: int) -> None:
    terraform.run(
        *("plan", "-input=false", "-no-color", "-detailed-exitcode", "-out=plan", *options),
        accept=(accept,),
    )
    plan = json.loads(terraform.run("show", "-json", "plan"))
    kept = {key: value for key, value in plan.items() if key not in _UNREAD}
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    (PLANS / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
