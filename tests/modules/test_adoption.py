"""What exists is imported where the settings ask for it, and nowhere else."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules import adoption, environments
from modules.catalogue import BUCKETS, PARAMETERS
from modules.naming import Naming
from modules.problems import InputError, Problem
from modules.schema.reader import structure
from modules.settings import Settings
from tests.modules.conftest import Synthesize
from tests.modules.terraform_json import Stack, mapping, sequence

ESTATE = Path(__file__).parents[1] / "integration" / "environments" / "estate.toml"
_UNIT = Naming(environment="unit")
SECRET = (
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:co2-analysis-unit-gemini-api-key-a1B2c3"
)
BASIS = """
region = "us-east-1"
retain = false
[state.local]
[table]
billing = "on-demand"
"""


_PLAIN, _ = structure(Settings, tomllib.loads(BASIS))


@pytest.fixture(scope="module")
def estate(synthesized: Synthesize) -> dict[str, Stack]:
    """An environment of which everything exists."""
    text = ESTATE.read_text(encoding="utf-8").replace("analysis/estate", "analysis/unit")
    document = tomllib.loads(text)
    document["adopt"] |= {bucket.adopt: list(bucket.parts) for bucket in BUCKETS if bucket.adopt}
    chosen, _ = structure(Settings, document)
    document["adopt"]["parameters"] = [
        _UNIT.parameter(row) for row in PARAMETERS if chosen.enables(row)
    ]
    return synthesized(document)


def _imports(stack: Stack) -> dict[str, str]:
    blocks = [mapping(block) for block in sequence(stack.document.get("import", []))]
    return {str(block["to"]): str(block["id"]) for block in blocks}


def test_everything_that_exists_is_imported_but_parameters_and_the_roles_policy(
    estate: dict[str, Stack],
) -> None:
    for layer, stack in estate.items():
        if layer == "frontend":
            # Of it only what outlives a destroy can be imported.
            continue
        left = stack.resources().keys() - _imports(stack).keys()
        assert {address.partition(".")[0] for address in left} <= {
            "aws_ssm_parameter",
            "aws_iam_role_policy",
        }


def test_every_import_has_a_resource_to_go_to(estate: dict[str, Stack]) -> None:
    for stack in estate.values():
        assert _imports(stack).keys() <= stack.resources().keys()


@pytest.mark.parametrize(
    ("layer", "to", "id_"),
    [
        ("storage", "aws_dynamodb_table.cache", "co2-analysis-unit-cache"),
        ("storage", "aws_s3_bucket_policy.geojson_policy", "co2-analysis-unit-geojson-data"),
        ("storage", "aws_cloudfront_origin_access_identity.origin_access_identity",
         "E74FTE3AJFJ256A"),
        ("base", "aws_s3_bucket.access_logs", "co2-analysis-unit-access-logs"),
        ("compute", "aws_iam_role.reasoning_role", "co2-analysis-unit-lambda-execution-role"),
        ("frontend", "aws_cloudwatch_log_group.firewall_log", "aws-waf-logs-co2-analysis-unit"),
        ("compute", "aws_cloudwatch_log_group.reasoning_log",
         "/aws/lambda/co2-analysis-unit-reasoning-function"),
    ],
)  # fmt: skip
def test_a_resource_is_imported_by_the_id_that_the_provider_asks_for(
    estate: dict[str, Stack], layer: str, to: str, id_: str
) -> None:
    assert _imports(estate[layer])[to] == id_


def test_parameters_are_written_over_because_an_import_would_keep_their_old_value(
    estate: dict[str, Stack],
) -> None:
    for layer in ("base", "storage"):
        for address, arguments in estate[layer].resources().items():
            if address.startswith("aws_ssm_parameter."):
                assert arguments["overwrite"] is True, address


def test_nothing_is_imported_that_is_not_asked_for(shipped: dict[str, Stack]) -> None:
    for stack in shipped.values():
        assert "import" not in stack.document
        assert not [one for one in stack.resources().values() if "overwrite" in one]


def test_a_parameter_that_no_layer_has_is_bad_input(tmp_path: Path) -> None:
    unknown = [
        "/co2-analysis/unit/config/gemini/modell",
        "/co2-analysis/unit/storage/s3/cache-name",
    ]
    text = f"{BASIS}[adopt]\nparameters = {unknown}\n"
    (tmp_path / "unit.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        environments.load(folder=tmp_path)
    assert [problem.value for problem in caught.value.problems] == unknown


def _problems(adopt: Mapping[str, object], extra: str = "") -> list[Problem]:
    document = tomllib.loads(BASIS + extra)
    return structure(Settings, {**document, "adopt": adopt})[1]


@pytest.mark.parametrize(
    ("adopt", "extra", "field", "says"),
    [
        ({"cache_tabel": True}, "", "adopt.cache_tabel", '"cache_table"'),
        ({"geojson_bucket": ["bucket", "polcy"]}, "", "adopt.geojson_bucket[1]", '"policy"'),
        ({"geojson_bucket": ["policy"]}, "", "adopt.geojson_bucket", 'add "bucket"'),
        ({"geojson_bucket": ["bucket", "versioning"]}, "", "adopt.geojson_bucket",
         "buckets.versioning"),
        ({"geojson_bucket": ["bucket", "lifecycle"]}, "", "adopt.geojson_bucket",
         "buckets.lifecycle"),
        ({"geojson_bucket": ["bucket", "logging"]}, "", "adopt.geojson_bucket",
         "buckets.access_logs_days"),
        ({"geojson_bucket": ["bucket", "cors"]}, "", "adopt.geojson_bucket",
         "buckets.cors_origins"),
        ({"static_website_bucket": ["bucket", "cors"]}, '[buckets]\ncors_origins = ["*"]',
         "adopt.static_website_bucket[1]", "write one of"),
        ({"access_log_bucket": ["bucket"]}, "", "adopt.access_log_bucket",
         "buckets.access_logs_days"),
        ({"access_log_bucket": ["bucket", "cors"]}, "[buckets]\naccess_logs_days = 9",
         "adopt.access_log_bucket[1]", "write one of"),
        ({"origin_access_control": "oac"}, "", "adopt.origin_access_control", "from CloudFront"),
        ({"gemini_secret": "co2-analysis-unit-gemini-api-key"}, "", "adopt.gemini_secret", "ARN"),
        ({"firewall_log_group": True}, "[frontend.firewall]", "adopt.firewall_log_group",
         "log_retention_days"),
        ({"function_url": True}, "", "adopt.function_url", "function = true"),
        ({"parameters": ["co2"]}, "", "adopt.parameters[0]", "path"),
    ],
)  # fmt: skip
def test_what_cannot_be_adopted_is_reported(
    adopt: Mapping[str, object], extra: str, field: str, says: str
) -> None:
    (found,) = _problems(adopt, extra)
    assert found.field == field
    assert says in f"{found.reason} {found.remedy}"


def test_an_identity_is_not_adopted_where_none_is_wanted() -> None:
    text = f'origin_access = "oac"\norigin_identity = false\n{BASIS}'
    adopt = {"origin_access_identity": "E74FTE3AJFJ256A"}
    (found,) = structure(Settings, {**tomllib.loads(text), "adopt": adopt})[1]
    assert found.field == "adopt.origin_access_identity"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f'gemini_secret = "{SECRET}"', ""),
        (f'gemini_secret = "{SECRET.replace("us-east-1", "eu-west-1")}"', "Region"),
        (f'gemini_secret = "{SECRET.replace("-unit-", "-prod-")}"', "name"),
        (f'gemini_secret = "{SECRET.replace("3456", "6543")}"', "account"),
        ('parameters = ["/co2-analysis/prod/config/gemini/model"]', "of this environment"),
    ],
)
def test_what_belongs_to_another_environment_is_not_adopted(
    tmp_path: Path, line: str, says: str
) -> None:
    text = f'account_id = "123456789012"\n{BASIS}[adopt]\n{line}\n'
    (tmp_path / "unit.toml").write_text(text, encoding="utf-8")
    if not says:
        assert environments.load(folder=tmp_path)
        return
    with pytest.raises(InputError, match=says):
        environments.load(folder=tmp_path)


@settings(max_examples=50)
@given(
    st.from_regex(r"/co2-analysis/unit(/[A-Za-z0-9_.-]+){1,4}", fullmatch=True)
    | st.sampled_from([_UNIT.parameter(row) for row in PARAMETERS if _PLAIN.enables(row)])
)
def test_a_path_is_overwritten_or_refused(path: str) -> None:
    chosen, _ = structure(Settings, {**tomllib.loads(BASIS), "adopt": {"parameters": [path]}})
    overwritten = [_UNIT.parameter(row) for row in adoption.overwrites(_UNIT, chosen.adopt)]
    refused = [problem.value for problem in adoption.problems(_UNIT, chosen)]
    assert [*overwritten, *refused] == [path]
