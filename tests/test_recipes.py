"""Every recipe of docs/architecture.md, "Where to change what", performed on a copy.

A recipe is complete if its edits by hand, counted here and stated there, are enough: the commands
that generate files do the rest, and everything that must follow does.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modules.packaging import ROOT
from tests.modules.terraform_json import Stack, mapping, sequence

pytestmark = pytest.mark.slow

_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", "node_modules", "cdktf.out", "build", ".local", "__pycache__", ".*_cache"
)
_ROW = re.compile(r"\| (?P<to>[^|]+) \| [^|]+ \| (?P<files>\d+) files?, (?P<lines>\d+) lines? \|")


_EXPORTS = '    Bucket(id="exports", name="exports", holds="answers", adopt="exports_bucket"),\n'


_SEND = f"""\
{" " * 20}Statement(sid="Send", actions=("sqs:SendMessage",), resources=(self.arn("sqs", "q"),)),
"""
_ALLOW_SEND = (
    'yield Right(sid="Send", actions=["sqs:SendMessage"], resources=(scope.arn("sqs", "q"),))'
)


class Checkout:
    """A copy of this checkout, in which edits by hand are counted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: dict[str, int] = {}
        shutil.copytree(ROOT, folder, ignore=_NOT_COPIED)

    @property
    def touched(self) -> tuple[int, int]:
        """The files and the lines that were edited by hand."""
        return len(self._lines), sum(self._lines.values())

    def insert(self, file: str, text: str, *, before: str = "", after: str = "") -> None:
        """Insert lines before or after the only line that contains a text."""
        path = self.folder / file
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        (position,) = (n for n, line in enumerate(lines) if (before or after) in line)
        position += bool(after)
        path.write_text("".join([*lines[:position], text, *lines[position:]]), encoding="utf-8")
        self._count(file, text)

    def replace(self, file: str, old: str, new: str) -> None:
        """Replace the only occurrence of ``old``, within a line, by ``new``."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} holds {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8")
        self._count(file, new)

    def create(self, file: str, text: str) -> None:
        """Write a new file."""
        (self.folder / file).write_text(text, encoding="utf-8")
        self._count(file, text)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run Python in the copy and return what it prints."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": f"{self.folder}:{self.folder / 'lambda_src'}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def synthesize(self, *options: str) -> dict[str, Stack]:
        """Run ``main.py`` and return the stacks by name."""
        self.run("main.py", *options)
        output = self.folder / "cdktf.out"
        names = json.loads((output / "manifest.json").read_text(encoding="utf-8"))["stacks"]
        return {name: Stack.read(output, name) for name in names}

    def _count(self, file: str, text: str) -> None:
        lines = len(text.splitlines())
        self._lines[file] = self._lines.get(file, 0) + lines


Recipe = Callable[[Checkout], None]
_RECIPES: dict[str, Recipe] = {}


def _recipe(to: str) -> Callable[[Recipe], Recipe]:
    """Register what performs a row of the table."""

    def register(recipe: Recipe) -> Recipe:
        _RECIPES[to] = recipe
        return recipe

    return register


def _rows() -> dict[str, tuple[int, int]]:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("### Where to change what")[2].partition("\n## ")[0]
    return {row["to"]: (int(row["files"]), int(row["lines"])) for row in _ROW.finditer(section)}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A fresh copy."""
    return Checkout(tmp_path / "checkout")


def test_every_row_is_performed_here() -> None:
    assert list(_rows()) == list(_RECIPES)


@pytest.mark.parametrize("to", _RECIPES)
def test_the_recipe_is_complete(to: str, checkout: Checkout) -> None:
    _RECIPES[to](checkout)
    assert checkout.touched == _rows()[to]


# What the doctor looks for.
_EXPECTED_ALARMS = """
import sys
from ops.common.target import find
from ops.doctor.alarms import expected
print(expected(find("prod", variables={}), sys.argv[1]))
"""


@_recipe("add an environment")
def _environment(checkout: Checkout) -> None:
    checkout.create(
        "environments/trial.toml",
        "#:schema ./settings.schema.json\n"
        'region = "eu-north-1"\n'
        "retain = false\n\n"
        '[state.s3]\nbucket = "our-terraform-state"\n\n'
        '[table]\nbilling = "on-demand"\n',
    )
    stacks = checkout.synthesize("--env", "trial")
    assert list(stacks) == ["trial-base", "trial-compute", "trial-storage"]
    table = stacks["trial-storage"].resource("aws_dynamodb_table.cache")
    assert table["name"] == "co2-analysis-trial-cache"
    backend = mapping(stacks["trial-storage"].at("terraform", "backend", "s3"))
    assert backend["key"] == "trial/storage/terraform.tfstate"


@_recipe("change what an environment chooses")
def _choice(checkout: Checkout) -> None:
    checkout.replace("environments/prod.toml", "access_logs_days = 90", "access_logs_days = 400")
    checkout.replace("tests/inventories/prod.yaml", "[{days: 90}]", "[{days: 400}]")
    stacks = checkout.synthesize("--env", "prod")
    address = "aws_s3_bucket_lifecycle_configuration.access_logs_lifecycle"
    lifecycle = stacks["prod-base"].resource(address)
    assert '"days": 400' in json.dumps(lifecycle)
    checkout.run("-m", "ops", "reference")


@_recipe("add a setting")
def _setting(checkout: Checkout) -> None:
    checkout.insert(
        "modules/settings/function.py",
        '    rare_log: Annotated[bool, Doc("Stores the log for infrequent access.")] = False\n',
        before="    tracing: Annotated[",
    )
    checkout.insert(
        "modules/resources/function.py",
        '        log_group_class="INFREQUENT_ACCESS" if settings.rare_log else None,\n',
        before="retention_in_days=settings.log_retention_days",
    )
    checkout.insert(
        "tests/integration/environments/everything.toml",
        "rare_log = true\n",
        before="tracing = true",
    )
    checkout.run("-m", "ops", "reference")
    page = (checkout.folder / "docs" / "settings.md").read_text(encoding="utf-8")
    assert "Stores the log for infrequent access." in page
    dev = checkout.folder / "environments" / "dev.toml"
    text = dev.read_text(encoding="utf-8")
    dev.write_text(text.replace("[function]", "[function]\nrare_log = true"), encoding="utf-8")
    group = checkout.synthesize("--env", "dev")["dev-compute"].resource(
        "aws_cloudwatch_log_group.reasoning_log"
    )
    assert group["log_group_class"] == "INFREQUENT_ACCESS"


@_recipe("add a bucket")
def _bucket(checkout: Checkout) -> None:
    checkout.insert(
        "modules/catalogue.py",
        _EXPORTS,
        after="BUCKETS = (",
    )
    stacks = checkout.synthesize("--env", "prod")
    storage, base = stacks["prod-storage"], stacks["prod-base"]
    name = "co2-analysis-prod-exports"
    assert storage.resource("aws_s3_bucket.exports")["bucket"] == name
    assert storage.resource("aws_s3_bucket_logging.exports_logging")["target_prefix"] == "exports/"
    assert storage.resource("aws_s3_bucket_metric.exports_request_metrics")
    assert storage.resource("aws_s3_bucket_versioning.exports_versioning")
    assert storage.resource("aws_s3_bucket_analytics_configuration.exports_analytics")
    policies = dict(storage.policies())["aws_s3_bucket_policy.exports_policy.policy"]
    assert {one["Effect"] for one in policies} == {"Deny"}, "a bucket is private by default"
    delivery = dict(base.policies())["aws_s3_bucket_policy.access_logs_policy.policy"]
    assert f"arn:aws:s3:::{name}" in json.dumps(delivery[2:]), "its access logs are refused"
    parameter = storage.resource("aws_ssm_parameter.exports_bucket_name")
    assert parameter["name"] == "/co2-analysis/prod/storage/s3/exports-bucket-name"
    assert "exports_bucket_arn" in mapping(storage.at("output"))
    monitoring = stacks["prod-monitoring"]
    for alarm in ("exports_refused", "exports_failing"):
        assert monitoring.resource(f"aws_cloudwatch_metric_alarm.{alarm}")
    health = monitoring.resource("aws_cloudwatch_composite_alarm.health")["alarm_rule"]
    assert "exports_failing" in str(health)
    dashboard = monitoring.resource("aws_cloudwatch_dashboard.dashboard")["dashboard_body"]
    assert '\\"label\\": \\"exports\\"' in json.dumps(dashboard)
    assert "co2-analysis-prod-exports-failing" in checkout.run("-c", _EXPECTED_ALARMS, "bucket")
    assert "exports" in checkout.run("-m", "ops", "restore", "object", "--help")

    settings = checkout.folder / "tests" / "integration" / "environments"
    full = checkout.folder / "their"
    full.mkdir()
    text = (settings / "everything.toml").read_text(encoding="utf-8")
    adopt = '\n[adopt]\nexports_bucket = ["bucket", "policy"]\n'
    (full / "full.toml").write_text(text + adopt, encoding="utf-8")
    storage = checkout.synthesize("--settings", "their")["full-storage"]
    assert storage.resource("aws_s3_bucket.exports_replica")
    assert storage.resource("aws_s3_bucket_replication_configuration.exports_replication")
    imported = {str(mapping(one)["to"]) for one in sequence(storage.at("import"))}
    assert imported == {"aws_s3_bucket.exports", "aws_s3_bucket_policy.exports_policy"}
    checkout.run("-m", "ops", "reference")
    catalogue = (checkout.folder / "docs" / "catalogue.md").read_text(encoding="utf-8")
    assert "| `exports` |" in catalogue
    schema = (checkout.folder / "environments" / "settings.schema.json").read_text("utf-8")
    assert "exports_bucket" in schema


@_recipe("add a parameter")
def _parameter(checkout: Checkout) -> None:
    checkout.insert(
        "modules/catalogue.py",
        '    _found(Layer.STORAGE, "dynamodb/items-table", "{cache_table.name}", "Its name"),\n',
        after="PARAMETERS = (",
    )
    storage = checkout.synthesize("--env", "dev")["dev-storage"]
    parameter = storage.resource("aws_ssm_parameter.items_table")
    assert parameter["name"] == "/co2-analysis/dev/storage/dynamodb/items-table"
    assert parameter["insecure_value"] == "${aws_dynamodb_table.cache.name}"
    assert "items_table" in mapping(storage.at("output"))
    checkout.run("-m", "ops", "reference")
    catalogue = (checkout.folder / "docs" / "catalogue.md").read_text(encoding="utf-8")
    assert "storage/dynamodb/items-table" in catalogue


@_recipe("add an alarm")
def _alarm(checkout: Checkout) -> None:
    checkout.insert(
        "modules/catalogue.py",
        "    Alarm(\n"
        '        id="table-system-errors",\n'
        "        metrics=tuple(SYSTEM_ERRORS.values()),\n"
        "        threshold=0,\n"
        '        description="DynamoDB answers with 5xx: follow the AWS Health Dashboard",\n'
        '        runbook="the-table-is-slow",\n'
        "    ),\n",
        after="ALARMS = (",
    )
    checkout.replace(
        "docs/runbook.md",
        "`table-slow-updateitem`:",
        "`table-slow-updateitem`, `table-system-errors`:",
    )
    monitoring = checkout.synthesize("--env", "prod")["prod-monitoring"]
    alarm = monitoring.resource("aws_cloudwatch_metric_alarm.table_system_errors")
    assert alarm["alarm_name"] == "co2-analysis-prod-table-system-errors"
    health = monitoring.resource("aws_cloudwatch_composite_alarm.health")["alarm_rule"]
    assert "table_system_errors" in str(health)
    dashboard = monitoring.resource("aws_cloudwatch_dashboard.dashboard")["dashboard_body"]
    assert "table_system_errors" in json.dumps(dashboard)
    # After a restore of the table its alarms are checked.
    assert "co2-analysis-prod-table-system-errors" in checkout.run("-c", _EXPECTED_ALARMS, "table")
    checkout.run("-m", "ops", "reference")
    catalogue = (checkout.folder / "docs" / "catalogue.md").read_text(encoding="utf-8")
    assert "table-system-errors" in catalogue


@_recipe("change the prompt or the answer's schema")
def _prompt(checkout: Checkout) -> None:
    key = "from reasoning.prompt import PROMPT_VERSION; print(PROMPT_VERSION)"
    before = checkout.run("-c", key)
    checkout.replace(
        "lambda_src/reasoning/prompt.py", "A short name of the cause.", "The name of the cause."
    )
    checkout.replace("docs/openapi.yaml", "A short name of the cause.", "The name of the cause.")
    assert checkout.run("-c", key) != before


@_recipe("let other sites call the API")
def _cors(checkout: Checkout) -> None:
    checkout.insert(
        "environments/prod.toml",
        'cors_origins = ["https://maps.institute.test"]\n',
        after="[function]",
    )
    stacks = checkout.synthesize("--env", "prod")
    function = stacks["prod-compute"].resource("aws_lambda_function.reasoning")
    assert '"CORS_ORIGINS": "https://maps.institute.test"' in json.dumps(function["environment"])
    policy = stacks["prod-frontend"].resource("aws_cloudfront_cache_policy.api_cache")
    assert '"Origin"' in json.dumps(policy)


@_recipe("grant the function a right")
def _right(checkout: Checkout) -> None:
    checkout.insert(
        "modules/layers/compute.py",
        _SEND,
        before="                    self._read_configuration(),",
    )
    test = "tests/modules/test_least_privilege.py"
    assert "sqs:SendMessage" in checkout.run("-m", "pytest", "-q", test, code=1)
    checkout.insert(
        test, '        "Send": {"sqs:SendMessage"},\n', before='        "ReadCachedAnswers": {'
    )
    checkout.insert(
        "modules/deploy_rights.py",
        f"    {_ALLOW_SEND}\n",
        before="    # What the function may do,",
    )


@_recipe("add an operator command")
def _command(checkout: Checkout) -> None:
    checkout.insert(
        "ops/table/commands.py",
        '@command(app, "name", "table name --env dev")\ndef name(ops: Session) -> None:\n'
        '    """Print the name."""\n    ops.out.lines([ops.table])\n\n\n',
        before='@command(app, "size"',
    )
    assert "Print the name." in checkout.run("-m", "ops", "table", "name", "--help")


@_recipe("add a layer")
def _layer(checkout: Checkout) -> None:
    checkout.insert(
        "modules/catalogue.py",
        '    AUDIT = ("audit", "7-Audit")\n',
        before='    MONITORING = ("monitoring", "6-Observability")',
    )
    checkout.create(
        "modules/layers/audit.py",
        '"""Layer 7: who did what."""\n\n'
        "from constructs import Construct\n\n"
        "from modules.catalogue import Layer\n"
        "from modules.environments import Environment\n"
        "from modules.stack import LayerStack\n\n\n"
        "class AuditLayer(LayerStack):\n"
        '    """The audit layer of one environment."""\n\n'
        "    def __init__(self, scope: Construct, environment: Environment) -> None:\n"
        "        super().__init__(scope, environment, Layer.AUDIT)\n",
    )
    checkout.insert(
        "modules/app.py",
        "from modules.layers.audit import AuditLayer\n",
        before="from modules.layers.base import BaseLayer",
    )
    checkout.insert(
        "modules/app.py",
        "        Layer.AUDIT: AuditLayer(app, environment),\n",
        before="        Layer.BASE: base,",
    )
    assert "dev-audit" in checkout.synthesize("--env", "dev")


def test_the_recipes_need_nothing_but_the_generated_files(checkout: Checkout) -> None:
    """After all of them and the two commands that regenerate files, every unit test passes."""
    for recipe in _RECIPES.values():
        recipe(checkout)
    checkout.run("-m", "ops", "reference")
    checkout.run("-m", "tests.inventories.regenerate")
    tests = ("tests/modules", "tests/ops", "tests/lambda_src", "tests/test_documentation.py")
    checkout.run("-m", "pytest", "-q", "-n", "2", "-m", "not integration and not slow", *tests)
