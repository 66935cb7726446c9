"""The contract between the stacks and the function: parameters, variables, package."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modules.catalogue import OUTPUTS, PARAMETERS
from modules.naming import Naming
from tests.modules.terraform_json import Stack, mapping

SMALL = {
    "region": "us-east-1",
    "retain": False,
    "state": {"local": {}},
    "table": {"billing": "on-demand"},
}
# What AWS puts on the path of its Python runtimes, with what that needs.
RUNTIME = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")


def test_every_parameter_and_output_of_the_catalogue_is_created(
    everything: dict[str, Stack],
    hardened: dict[str, Stack],
) -> None:
    prefix = Naming(environment="everything").parameters
    # The other one names an existing bucket for its states, and an existing boundary.
    for layer, stack in (everything | {"bootstrap": hardened["bootstrap"]}).items():
        created = {
            arguments["name"]
            for address, arguments in stack.resources().items()
            if address.startswith("aws_ssm_parameter.")
        }
        assert created == {f"{prefix}/{row.path}" for row in PARAMETERS if row.layer.key == layer}
        outputs = mapping(stack.document.get("output", {}))
        for row in OUTPUTS:
            if row.layer.key == layer:
                output = mapping(outputs[row.name])
                assert output["description"] == row.description
                assert "sensitive" not in output, "a reviewer reads it in the plan"


def test_a_later_layer_reads_outputs_that_its_producer_has(every: dict[str, Stack]) -> None:
    read = re.compile(r"data\.terraform_remote_state\.([a-z]+)\.outputs\.([A-Za-z0-9_]+)")
    found = 0
    for name, stack in every.items():
        environment = name.rpartition("-")[0]
        states = mapping(mapping(stack.document.get("data", {})).get("terraform_remote_state", {}))
        references = set(read.findall(json.dumps(stack.document)))
        assert {layer for layer, _ in references} == set(states), "each state that is read is used"
        for layer, output in references:
            found += 1
            assert output in mapping(every[f"{environment}-{layer}"].at("output"))
    assert found


def test_release_1_0_still_finds_the_outputs_that_it_reads(every: dict[str, Stack]) -> None:
    """Its names, as they are in states that it was applied to."""
    read_by_1_0 = {
        "base": {"aws_s3_bucketaccess_logsarn", "aws_s3_bucketaccess_logsbucket"},
        "storage": {
            "aws_dynamodb_tablecachearn",
            "aws_dynamodb_tablecachename",
            "aws_s3_bucketgeojsonbucket",
            "aws_s3_bucketgeojsonbucket_regional_domain_name",
            "aws_s3_bucketstatic_websitebucket",
            "aws_s3_bucketstatic_websitebucket_regional_domain_name",
            (
                "aws_cloudfront_origin_access_identityorigin_access_identity"
                "cloudfront_access_identity_path"
            ),
        },
        "compute": {
            "aws_lambda_function_urlreasoning_urlurl_id",
            "aws_lambda_functionreasoningfunction_name",
        },
        "frontend": {"aws_cloudfront_distributiondistributionid"},
    }
    for layer, names in read_by_1_0.items():
        outputs = mapping(every[f"prod-{layer}"].at("output"))
        for name in names:
            value = str(mapping(outputs[f"cross-stack-output-{name}"])["value"])
            # Its name is the address and the attribute, without dots.
            assert value.strip("${}").replace(".", "") == name


def test_the_function_has_the_expected_variables(shipped: dict[str, Stack]) -> None:
    function = shipped["dev-compute"].resource("aws_lambda_function.reasoning")
    naming = Naming(environment="dev")
    assert mapping(function["environment"])["variables"] == {
        "PARAMETER_PREFIX": naming.parameters,
        "GEMINI_SECRET_ID": naming.gemini_secret,
        "GEMINI_HOSTS": "generativelanguage.googleapis.com",
        "BROWSER_SECONDS": "300",
        "EDGE_SECONDS": "3600",
        "STALE_WHILE_REVALIDATE_SECONDS": "60",
        "CONSISTENT_READS": "0",
    }
    secret = shipped["dev-base"].resource("aws_secretsmanager_secret.gemini_api_key")
    assert secret["name"] == naming.gemini_secret


def test_terraform_ignores_the_namespace_unless_it_is_set(
    shipped: dict[str, Stack], synthesized: Callable[..., dict[str, Stack]]
) -> None:
    left_alone = shipped["dev-base"].resource("aws_ssm_parameter.cache_namespace")
    assert left_alone["insecure_value"] == "1"
    assert mapping(left_alone["lifecycle"]) == {"ignore_changes": ["insecure_value"]}

    held = synthesized({**SMALL, "cache": {"namespace": "2"}})["base"].resource(
        "aws_ssm_parameter.cache_namespace"
    )
    assert held["insecure_value"] == "2"
    assert "lifecycle" not in held


def test_cors_allows_the_configured_origins(
    synthesized: Callable[..., dict[str, Stack]],
) -> None:
    origins = ["https://a.example.org", "https://b.example.org"]
    stacks = synthesized({**SMALL, "function": {"cors_origins": origins}, "frontend": {}})

    function = stacks["compute"].resource("aws_lambda_function.reasoning")
    variables = mapping(mapping(function["environment"])["variables"])
    assert variables["CORS_ORIGINS"] == ",".join(origins)
    policy = stacks["frontend"].resource("aws_cloudfront_cache_policy.api_cache")
    key = mapping(policy["parameters_in_cache_key_and_forwarded_to_origin"])
    assert key["headers_config"] == {
        "header_behavior": "whitelist",
        "headers": {"items": ["Origin"]},
    }


def test_the_handler_is_in_the_package(shipped: dict[str, Stack]) -> None:
    stack = shipped["dev-compute"]
    function = stack.resource("aws_lambda_function.reasoning")
    module, _, _ = str(function["handler"]).rpartition(".")
    with zipfile.ZipFile(stack.folder / str(function["filename"])) as archive:
        assert f"{module.replace('.', '/')}.py" in archive.namelist()


def _lambda_python() -> str:
    """Return an interpreter of the function's Python version; skip the test if none is found."""
    found = [shutil.which("python3.13"), *sorted(_PYENV.glob("3.13*/bin/python"))]
    for candidate in (str(path) for path in found if path):
        # A shim of pyenv exists for every version that is installed, and fails for most.
        version = subprocess.run(
            [candidate, "-c", "import sys; print(sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if version.stdout.strip() == "(3, 13)":
            return candidate
    pytest.skip("NOT CHECKED on Lambda's own Python: no python3.13 here (pyenv install 3.13)")


_PYENV = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
_PROGRAM = """
import sys
sys.path[:0] = [{package!r}, {runtime!r}]
import pkgutil, importlib, reasoning
for module in pkgutil.iter_modules(reasoning.__path__):
    importlib.import_module(f"reasoning.{{module.name}}")
import fastjsonschema
from reasoning.answer import parse_answer
from reasoning.handler import handler

class Context:
    aws_request_id = "1"
    function_name = "f"
    def get_remaining_time_in_millis(self):
        return 1000

http = {{"method": "GET"}}
response = handler({{"requestContext": {{"http": http}}, "rawPath": "/api/reasoning"}}, Context())
parse_answer('{{"summary":"s","causes":[{{"cause":"c","explanation":"e","likelihood":"low"}}],'
             '"distinguishing_evidence":"d","confidence":1}}')
print(handler.__module__, response["statusCode"], fastjsonschema.__file__)
"""


@pytest.mark.parametrize("version", ["this", "3.13"])
def test_the_package_runs_on_the_bare_runtime(
    shipped: dict[str, Stack], tmp_path: Path, version: str
) -> None:
    """The emulator would hide a missing package: functions can import its own packages."""
    interpreter = sys.executable if version == "this" else _lambda_python()
    stack = shipped["dev-compute"]
    function = stack.resource("aws_lambda_function.reasoning")
    assert function["runtime"] == "python3.13"
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    for name in RUNTIME:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        installed = origin.parent if origin.name == "__init__.py" else origin
        (runtime / installed.name).symlink_to(installed)
    package = stack.folder / str(function["filename"])
    done = subprocess.run(
        [
            interpreter,
            "-I",
            "-S",
            "-c",
            _PROGRAM.format(package=str(package), runtime=str(runtime)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answer = done.stdout.splitlines()[-1]
    assert answer.startswith("reasoning.handler 400 ")
    assert str(package) in answer
