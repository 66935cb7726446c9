"""What a review shows, and what it never does."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.common.errors import OperatorError
from ops.review import json_report, markdown, sarif, sources, terminal
from ops.review.acceptance import Acceptances, parse, read, sort_out
from ops.review.plan import parse as parse_plan
from ops.review.plan import read as read_plan
from ops.review.report import Review
from ops.review.reviewing import Source, review
from ops.review.secrets import HIDDEN, Mask, recognized
from tests.ops.conftest import Run
from tests.review.building import change, document, item, kinds, reviewed, shown, source, stack

PLANS = Path(__file__).resolve().parents[1] / "review" / "plans"
TODAY = date(2026, 11, 25)


def outputs(found: Review) -> dict[str, str]:
    """Return every output of a review."""
    return {
        "terminal": "\n".join(terminal.lines(found, colour=True)),
        "comment": markdown.comment(found, limit=65_000),
        "full": markdown.full(found),
        "json": json.dumps(json_report.document(found), ensure_ascii=False),
        "sarif": json.dumps(sarif.document(found), ensure_ascii=False),
    }


@pytest.fixture(scope="module")
def corpus() -> Review:
    return review(sources.load([PLANS]), Acceptances())


# --- Secrets -----------------------------------------------------------------------------------

SECRET = st.text(st.characters(exclude_categories=["Cs"]), min_size=6, max_size=30).filter(
    lambda text: text.strip() == text and text not in HIDDEN
)


@given(SECRET, st.sampled_from(["before", "after"]), st.booleans())
def test_what_the_provider_marks_is_shown_nowhere(secret: str, side: str, nested: bool) -> None:
    """Neither where it is marked, nor where it stands unmarked, alone or in a longer text."""
    secret = f"<{secret}>"  # no word of the report itself
    marked = {"a": [{"b": secret}]} if nested else {"a": secret}
    mark: dict[str, Any] = {"a": [{"b": True}]} if nested else {"a": True}
    values = {"before": marked, "after": {"a": "other"}}
    if side == "after":
        values = {"before": {"a": "other"}, "after": marked}
    rules = [{"name": secret, "v": 1}, {"name": "other", "v": 1}]
    document = json.dumps({"deep": [secret, {"k": f"x{secret}y"}]})
    policy = json.dumps(
        {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:{secret}"}]}
    )
    found = reviewed(
        change("aws_sns_topic.one", **values, **{f"{side}_sensitive": mark}),
        change("aws_sns_topic.two", {"c": 1}, {"c": secret, "d": f"url?{secret}", secret: 1}),
        change("aws_sns_topic.four", {"r": rules}, {"r": [{**rules[0], "v": 2}, rules[1]]}),
        change("aws_sns_topic.three", {"c": "{}"}, {"c": document, "policy": policy}),
        change(f'aws_dynamodb_table.t["{secret}"]', {}, actions=["delete"]),
        resource_drift=[change("aws_sns_topic.two", {"c": 1}, {"c": secret})],
        output_changes={"o": {"actions": ["create"], "before": None, "after": [secret]}},
        checks=[
            {
                "address": {"to_display": "check.a"},
                "status": "fail",
                "instances": [{"problems": [{"message": f"not {secret}"}]}],
            }
        ],
    )
    forms = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    for name, text in outputs(found).items():
        assert not [form for form in forms if form in text], name


@pytest.mark.parametrize("mark", ["before_sensitive", "after_sensitive"])
def test_a_value_whose_mark_changes_is_masked_on_both_sides(mark: str) -> None:
    values = {"a": "pin", "b": 1}, {"a": "pin", "b": 2}
    one = item(change("aws_sns_topic.one", *values, **{mark: {"a": True}}))
    assert shown(one) == [f"a: {HIDDEN} -> {HIDDEN}", "b: 1 -> 2"]


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("password", "correct horse battery"),
        ("db_password", "abc123xyz"),
        ("GEMINI_API_KEY", "not-a-known-form"),
        ("value", "AIza" + "Sy0123456789abcdefghijklmnopqrstuvw"),
        ("value", "AKIA" + "IOSFODNN7EXAMPLE"),
        ("value", "ghp_" + "a1B2" * 9),
        ("value", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY9"),
        ("value", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"),
        ("value", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"),
        ("url", "https://somebody:hunter2@example.org/x"),
    ],
)
def test_what_the_provider_forgot_is_masked(attribute: str, value: str) -> None:
    found = reviewed(change("aws_sns_topic.one", {"a": 1}, {"a": 2, attribute: value}))
    secret = value.partition("://")[2].partition("@")[0] or value
    for name, text in outputs(found).items():
        assert secret not in text, name
        assert json.dumps(secret)[1:-1] not in text, name


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("source_code_hash", "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="),
        ("arn", "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("secret_arn", "arn:aws:secretsmanager:us-east-1:123456789012:secret:gemini-AbCdEf"),
        ("GEMINI_SECRET_ID", "co2-analysis/dev/gemini-api-key"),
        ("name", "co2-analysis-prod-storage-access-logs-2026"),
        ("token_validity_days", "30"),
        ("token.actions.githubusercontent.com:sub", "repo:octo/co2:ref:refs/heads/main"),
        ("etag", "d41d8cd98f00b204e9800998ecf8427e"),
    ],
)
def test_what_is_no_secret_is_shown(attribute: str, value: str) -> None:
    one = item(change("aws_sns_topic.one", {"a": 1}, {"a": 1, attribute: value}))
    assert shown(one) == [f'{attribute}: (absent) -> "{value}"']


def test_a_sensitive_output_that_a_resource_shows_does_not_mask_the_resource() -> None:
    output = {
        "actions": ["create"],
        "before": None,
        "after": "the-table",
        "after_sensitive": True,
    }
    one = stack(
        change("aws_sns_topic.one", {"name": "the-topic"}, {"name": "the-table"}),
        output_changes={"table": output},
    )
    assert shown(one.items[0]) == ['name: "the-topic" -> "the-table"']
    assert [line.after for _, line in one.outputs] == [HIDDEN]


def test_overlapping_secrets_are_removed_whole() -> None:
    assert Mask(["abcdef", "defghijkl"])("xabcdefghijkly") == f"x{HIDDEN}y"
    assert Mask(["abcdef", "abcdefgh"])("abcdefgh abcdef") == f"{HIDDEN} {HIDDEN}"


@given(st.text(), st.lists(st.text(min_size=6), max_size=4), st.sampled_from([0, 100]))
def test_the_mask_leaves_no_secret(text: str, known: list[str], others: int) -> None:
    known = [one for one in known if one.strip() and one not in HIDDEN]
    masked = Mask([*known, *(f"{n:06}-another" for n in range(others))])(
        "".join((text, *known, text))
    )
    for part in masked.split(HIDDEN):
        assert not [one for one in known if one in part]


def test_words_are_no_secrets() -> None:
    assert recognized("an ordinary sentence with a-rather-long-hyphenated-word-in-it-2026") == ()


# --- Size and safety ---------------------------------------------------------------------------

ANY = st.text(st.characters(), max_size=40)


@given(
    st.lists(st.tuples(ANY, ANY, ANY), max_size=30),
    st.integers(markdown.SMALLEST_LIMIT, 5_000),
    ANY,
)
def test_a_comment_never_exceeds_its_limit(
    values: list[tuple[str, str, str]], limit: int, pointer: str
) -> None:
    found = reviewed(
        *(
            change(
                f'aws_dynamodb_table.t["{number}{key}"]',
                {key: one},
                {key: other},
                actions=["delete", "create"],
            )
            for number, (key, one, other) in enumerate(values)
        )
    )
    text = markdown.comment(found, limit=limit, pointer=pointer)
    assert markdown.size(text) <= limit
    assert text.startswith(markdown.MARKER)
    text.encode("utf-8")


def test_a_cut_comment_says_how_much_is_missing_and_where_it_is() -> None:
    changes = [change(f"aws_kms_key.k{n}", {}, actions=["delete"]) for n in range(200)]
    tables = [change("aws_new_thing.last", {}, actions=["delete"])]
    text = markdown.comment(reviewed(*tables, *changes), limit=3_000, pointer="https://ci/1")
    assert re.search(r"[\d,]+ parts are left out. All: `https://ci/1`", text)
    assert "aws_kms_key.k0" in text
    assert "aws_new_thing" not in text
    assert len(markdown.comment(reviewed(*changes), limit=65_000)) <= 65_000


def test_very_many_stacks_fit_a_comment() -> None:
    many = [source(change("a.b", 1, 2), name=f"e{n}-storage") for n in range(500)]
    assert markdown.size(markdown.comment(review(many, Acceptances()), limit=2_000)) <= 2_000


def test_values_cannot_leave_their_place() -> None:
    evil = "``` <!-- ops-review --> @everyone | <img src=x> \x1b[2J \u202e"
    found = reviewed(change(f'aws_kms_key.k["{evil}"]', {"a": evil}, {"a": "b"}))
    assert "\x1b" not in "\n".join(terminal.lines(found, colour=False))
    assert "\u202e" not in "\n".join(terminal.lines(found, colour=False))
    text = markdown.full(found)
    assert "````diff" in text
    outside = re.sub(r"(?ms)^(````+)diff$.*?^\1$", "", text)
    assert outside.count(markdown.MARKER) == 1
    assert "@everyone" not in outside


def test_half_of_a_surrogate_pair_is_no_failure() -> None:
    plan = b'{"format_version":"1.2","resource_changes":[{"address":"a.b","type":"a","change":'
    plan += b'{"actions":["update"],"before":{"a":"\\ud800"},"after":{"a":"\\udfff x"}}}]}'
    found = review([Source(name="x", file="x", plan=read_plan(parse_plan(plan)))], Acceptances())
    for text in outputs(found).values():
        assert text
    outputs(found)["comment"].encode()


# --- Structure ---------------------------------------------------------------------------------


def _strict(schema: Any) -> Any:
    """Return a schema that allows no field which it does not name."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "properties" in schema else {}
    return {**{key: _strict(one) for key, one in schema.items()}, **closed}


def test_the_json_fits_its_schema(corpus: Review) -> None:
    schema = json.loads(json_report.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    entries = read(_ACCEPTANCES, where="a")
    accepted = reviewed(
        change("aws_kms_key.one", {}, actions=["delete"]),
        acceptances=sort_out(entries, TODAY),
    )
    for found in (corpus, accepted):
        jsonschema.validate(json_report.document(found), _strict(schema))


# What the standard requires of the parts that are written: SARIF 2.1.0, sections 3.13 to 3.52.
_SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "required": ["id"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": {"required": ["text"]},
                                            },
                                            "additionalProperties": False,
                                        },
                                    },
                                },
                                "additionalProperties": False,
                            }
                        },
                        "additionalProperties": False,
                    },
                    "invocations": {
                        "type": "array",
                        "items": {
                            "required": ["executionSuccessful"],
                            "properties": {
                                "executionSuccessful": {"type": "boolean"},
                                "toolExecutionNotifications": {
                                    "type": "array",
                                    "items": {
                                        "required": ["message"],
                                        "properties": {
                                            "level": {"enum": ["none", "note", "warning", "error"]},
                                            "message": {"required": ["text"]},
                                        },
                                        "additionalProperties": False,
                                    },
                                },
                            },
                            "additionalProperties": False,
                        },
                    },
                    "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
    "$defs": {
        "result": {
            "required": ["message"],
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": -1},
                "level": {"enum": ["none", "note", "warning", "error"]},
                "message": {"required": ["text"], "properties": {"text": {"type": "string"}}},
                "locations": {
                    "type": "array",
                    "items": {
                        "properties": {
                            "physicalLocation": {
                                "required": ["artifactLocation"],
                                "properties": {
                                    "artifactLocation": {
                                        "properties": {
                                            "uri": {"type": "string", "format": "uri-reference"}
                                        }
                                    },
                                    "region": {"properties": {"startLine": {"minimum": 1}}},
                                },
                            },
                            "logicalLocations": {"type": "array", "uniqueItems": True},
                        },
                        "additionalProperties": False,
                    },
                },
                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                "suppressions": {
                    "type": "array",
                    "items": {
                        "required": ["kind"],
                        "properties": {
                            "kind": {"enum": ["inSource", "external"]},
                            "justification": {"type": "string"},
                        },
                        "additionalProperties": False,
                    },
                },
            },
            "additionalProperties": False,
        }
    },
}


def test_the_sarif_has_the_structure_of_2_1_0(corpus: Review) -> None:
    accepted = reviewed(
        change("aws_kms_key.one", {}, actions=["delete"]),
        acceptances=sort_out(parse(["aws_kms_key.one:destroy"]), TODAY),
    )
    for found in (corpus, accepted):
        log: Any = sarif.document(found)
        jsonschema.validate(log, _SARIF)
        (run,) = log["runs"]
        assert len(run["results"]) == sum(1 for _ in found.dangers())
        for result in run["results"]:
            assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert run["results"][0]["suppressions"]


# --- The corpus of real plans ------------------------------------------------------------------


def test_a_real_plan_is_reviewed(corpus: Review) -> None:
    stacks = {one.name: one for one in corpus.stacks}
    changes = stacks["changes"]
    assert dict(+changes.counts) == {
        "add": 3,
        "change": 11,
        "replace": 2,
        "destroy": 3,
        "import": 1,
        "move": 1,
        "forget": 1,
        "drift": 3,
    }
    found = {one.address: one for one in changes.items}
    assert kinds(found["aws_dynamodb_table.cache"]) == [
        *("replace", "deletion-protection", "recovery")
    ]
    assert shown(found["aws_s3_bucket_cors_configuration.data"]) == [
        'cors_rule.allowed_origins: "https://b.example.org" -> "https://c.example.org"'
    ]
    assert shown(found["aws_cloudwatch_dashboard.overview"]) == [
        'dashboard_body.widgets[1].properties.markdown: "Gemini" -> "Calls to Gemini"'
    ]
    assert set(kinds(found["aws_s3_bucket_policy.data"])) == {"public", "denial-dropped"}
    assert found["aws_s3_bucket.website"].previous_address == "aws_s3_bucket.pages"
    assert found["aws_cloudwatch_log_group.adopted"].imports == "/aws/lambda/adopted"
    assert changes.failed_checks[0][2] == ("The table is not provisioned.",)
    assert {one.address for one in changes.drift} >= {
        *("aws_dynamodb_table.cache", "aws_ssm_parameter.model")
    }
    assert stacks["failed"].errored
    assert not stacks["nothing"].has_changes
    assert stacks["drift"].has_changes
    assert stacks["destroy"].counts["destroy"] > 10


def test_no_secret_of_a_real_plan_is_shown(corpus: Review) -> None:
    for name, text in outputs(corpus).items():
        for secret in ("the-first-secret", "the-second-secret", "parameter-that-is-secret"):
            assert secret not in text, name


# --- Acceptance, exit codes --------------------------------------------------------------------

_ACCEPTANCES = """
[[accepted]]
address = "aws_kms_key.one"
kind = "destroy"
stacks = ["dev-*"]
who = "Ada"
why = "Replaced by another key"
until = "2026-12-31"
"""
DESTROYED = change("aws_kms_key.one", {}, actions=["delete"])


def _exit(*changes: dict[str, Any], **others: Any) -> int:
    return reviewed(*changes, **others).exit_code


def test_exit_codes() -> None:
    assert _exit() == 0
    assert _exit(change("a.b", 1, 1, actions=["no-op"])) == 0
    assert _exit(change("data.a.b", None, 1, actions=["read"], mode="data")) == 0
    assert _exit(change("a.b", {"a": 1}, {"a": 2})) == 2
    assert _exit(change("a.b", actions=["no-op"], previous_address="a.c")) == 2
    assert _exit(change("a.b", actions=["no-op"], importing={"id": "x"})) == 2
    assert _exit(output_changes={"a": {"actions": ["create"], "after": 1}}) == 2
    assert _exit(applyable=True, resource_drift=[change("a.b", 1, 2)]) == 2
    assert _exit(resource_drift=[change("a.b", {"a": 1}, {"a": 2})]) == 0
    assert _exit(DESTROYED) == 3
    assert _exit(DESTROYED, errored=True) == 1


def test_an_accepted_danger_is_no_longer_in_the_way() -> None:
    accepted = sort_out(read(_ACCEPTANCES, where="a"), TODAY)
    found = reviewed(DESTROYED, acceptances=accepted)
    assert found.exit_code == 2
    assert "accepted by Ada: Replaced by another key" in outputs(found)["terminal"]
    assert reviewed(DESTROYED, acceptances=accepted, name="prod-storage").exit_code == 3


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ("aws_kms_key.one:destroy", 2),
        ("dev-storage/aws_kms_key.one:destroy", 2),
        ("prod-storage/aws_kms_key.one:destroy", 3),
        ("aws_kms_key.one:replace", 3),
        ("aws_kms_key.two:destroy", 3),
    ],
)
def test_a_danger_is_accepted_in_the_command_line(option: str, code: int) -> None:
    accepted = sort_out(parse([option]), TODAY)
    assert reviewed(DESTROYED, acceptances=accepted).exit_code == code


def test_a_danger_in_two_stacks_is_accepted_by_stack(ops: Run, tmp_path: Path) -> None:
    for name in ("dev-base", "prod-base"):
        _plan(tmp_path, f"{name}.json", DESTROYED)
    answer = ops("review", str(tmp_path), "--accept", "aws_kms_key.one:destroy")
    assert answer.code == 1
    assert "--accept 'dev-base/aws_kms_key.one:destroy'" in answer.err
    each = [f"--accept={name}-base/aws_kms_key.one:destroy" for name in ("dev", "prod")]
    assert ops("review", str(tmp_path), *each).code == 2


def test_an_address_may_have_colons_and_slashes() -> None:
    address = 'aws_kms_key.one["a/b:c"]'
    destroyed = change(address, {}, actions=["delete"])
    for option in (f"{address}:destroy", f"dev-storage/{address}:destroy"):
        assert reviewed(destroyed, acceptances=sort_out(parse([option]), TODAY)).exit_code == 2


def test_expired_and_unneeded_acceptances_are_named() -> None:
    entries = read(_ACCEPTANCES, where="a")
    late = reviewed(DESTROYED, acceptances=sort_out(entries, date(2027, 1, 1)))
    assert late.exit_code == 3
    assert "expired acceptance: aws_kms_key.one:destroy (Ada" in outputs(late)["comment"]
    idle = reviewed(acceptances=sort_out(entries, TODAY))
    assert "not needed: aws_kms_key.one:destroy (Ada)" in outputs(idle)["terminal"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("a", "a.toml"),
        ("[other]\na = 1", "a.toml"),
        ("[[accepted]]\naddress = 'a'", "kind"),
        (_ACCEPTANCES.replace("2026-12-31", "soon"), "until"),
        (_ACCEPTANCES.replace('"Ada"', '" "'), "who"),
    ],
)
def test_a_wrong_acceptance_file_says_what_is_wrong(text: str, cause: str) -> None:
    with pytest.raises(OperatorError, match=cause) as error:
        read(text, where="a.toml")
    assert "\n" not in str(error.value)


def test_a_stack_that_waits_is_shown_with_the_reason(tmp_path: Path) -> None:
    text = '{"deferred": {"until": ["dev-base"], "reason": "its output key_arn is new"}}'
    (tmp_path / "dev-compute.json").write_text(text)
    found = review(sources.load([tmp_path]), Acceptances())
    assert found.exit_code == 2
    assert found.stacks[0].counts["deferred"] == 1
    expected = "deferred until dev-base is applied: its output key_arn is new"
    assert all(expected in outputs(found)[name] for name in ("terminal", "comment"))


def test_a_deferred_change_is_shown_with_the_reason() -> None:
    later = {"reason": "instance_count_unknown", "resource_change": change("a.b", None, {})}
    found = reviewed(deferred_changes=[later])
    assert found.exit_code == 2
    assert "deferred: change a.b: instance count unknown" in outputs(found)["terminal"]


# --- The command -------------------------------------------------------------------------------


def _plan(folder: Path, name: str, *changes: dict[str, Any]) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document(*changes)))
    return file


def test_where_long_values_differ_is_shown_and_the_whole_is_in_the_report() -> None:
    before, after = "a" * 500 + "b" * 500, "a" * 500 + "evil" + "b" * 500
    made = reviewed(change("aws_thing.one", {"code": before}, {"code": after}))

    page, whole = markdown.comment(made, limit=65_000), markdown.full(made)

    assert "evil" in page
    assert before not in page
    assert before in whole
    assert after in whole
    assert after in json.dumps(json_report.document(made))


def test_the_command_reviews_a_folder(ops: Run, tmp_path: Path) -> None:
    _plan(tmp_path, "plans/dev-base.json")
    _plan(tmp_path, "plans/dev-storage/plan.json", DESTROYED)
    for other in ("cdk.tf.json", "assets/a/b.json", ".terraform/c.json"):
        _plan(tmp_path, f"plans/dev-storage/{other}", DESTROYED)
    answer = ops(
        *("review", str(tmp_path / "plans"), "--json", "--markdown", str(tmp_path / "c.md")),
        *("--sarif", str(tmp_path / "s.json"), "--full", str(tmp_path / "f.md")),
    )
    assert answer.code == 3
    report = json.loads(answer.out)
    assert [(one["environment"], one["layer"]) for one in report["stacks"]] == [
        ("dev", "base"),
        ("dev", "storage"),
    ]
    assert "aws_kms_key.one:destroy" in (tmp_path / "c.md").read_text()
    assert json.loads((tmp_path / "s.json").read_text())["version"] == "2.1.0"


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["nowhere.json"], "nowhere.json cannot be read"),
        (["empty"], "has no plans"),
        (["broken.json"], "broken.json: it is not JSON"),
        (["twice", "twice"], "several plans of"),
        (["good.json", "--accept", "x"], "is not [STACK/]ADDRESS:KIND"),
        (["good.json", "--acceptances", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["good.json", "--markdown", "no/folder"], "cannot be written"),
    ],
)
def test_a_wrong_input_is_one_line_and_exit_code_1(
    ops: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], cause: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.json").write_text("{")
    _plan(tmp_path, "good.json")
    _plan(tmp_path, "twice/a.json")
    answer = ops("review", *arguments)
    assert answer.code == 1
    assert cause in answer.err
    assert [line.split(":")[0] for line in answer.err.splitlines()] == ["error", "remedy"]


def test_an_invalid_option_is_not_taken_for_changes(ops: Run) -> None:
    assert ops("review", "x", "--limit", "3").code == 1
    assert ops("review", "x", "--unknown").code == 1


def test_sources_are_named_like_their_stacks() -> None:
    named = Source(name="eu-dev-storage", file="x")
    assert (named.environment, named.layer) == ("eu-dev", "storage")
    assert (Source(name="other", file="x").environment, Source(name="x", file="").layer) == (
        "other",
        "",
    )
