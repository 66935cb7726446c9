"""What the plan review finds in the corpus of plans, beside tf-peek and readtheplan.

Each fact is a pattern that the text of any tool may meet. A plan over which a tool crashes is given
to it again without the resources that are forgotten.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from bench.processes import ROOT

BINARIES = ROOT / "build" / "peers" / "bin"
_CORPUS = ROOT / "tests" / "review"
_TABLES = 6  # that the plan with hostile names destroys
_NAME = "stack.json"  # a tool that repeats the file's name has found nothing by it

Test = Callable[[str], bool]


@dataclass(frozen=True)
class Fact:
    """What a reader looks for in a plan."""

    plan: str
    what: str
    test: Test


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a tool says about a plan."""

    code: int
    out: str
    err: str

    @property
    def crashed(self) -> bool:
        """Whether it ended with an error of its own."""
        return bool(re.search("Traceback|KeyError|[Vv]alidationError", self.err))

    @property
    def refused(self) -> bool:
        """Whether it said that it cannot read the plan."""
        return self.code != 0 and not self.out.strip()


def _says(pattern: str) -> Test:
    found = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    return lambda text: bool(found.search(text))


def _never(pattern: str) -> Test:
    found = re.compile(pattern)
    return lambda text: bool(text.strip()) and not found.search(text)


def _first(address: str) -> Test:
    """Return whether the first resource that is named is this one."""
    found = re.compile(r"\baws_\w+\.\w+")

    def test(text: str) -> bool:
        match = found.search(text)
        return match is not None and match[0] == address

    return test


def _rated(address: str) -> Test:
    """Return whether a resource is rated as more than an ordinary change."""
    rates = r"(critical|high|dangerous|irreversible)\b"
    return _says(rf"^.*\b{rates}.*{re.escape(address)}|^- .*`{re.escape(address)}` .*{rates}")


def _stays_text(text: str) -> bool:
    """Return whether what a plan says becomes no element, image, link or mention."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    while tokens:
        token = tokens.pop()
        tokens += token.children or []
        if token.type in {"html_block", "html_inline"} and re.search(
            "<(img|script)", token.content
        ):
            return False
        if token.type in {"image", "link_open"}:
            return False
        if token.type == "text" and "@everyone" in token.content:
            return False
    return bool(text.strip())


FACTS = (
    Fact("changes", "the table's replacement comes first", _first("aws_dynamodb_table.cache")),
    Fact("changes", "which attribute forces it",
         _says(r"forc.*hash_key|hash_key: \"cache_key\" -> \"key\"|hash_key cannot")),
    Fact("changes", "its values before and after", _says(r"hash_key.*\"cache_key\".*\"key\"")),
    Fact("changes", "which right is new, readable", _says(r"^(?!.*\\\").*dynamodb:\*")),
    Fact("changes", "that wider rights are dangerous", _rated("aws_iam_policy.reader")),
    Fact("changes", "that the bucket becomes public", _says(r"bucket_policy\.data.*public")),
    Fact("changes", "that logs are kept shorter", _rated("aws_cloudwatch_log_group.function")),
    Fact("changes", "that versioning is suspended: dangerous",
         _rated("aws_s3_bucket_versioning.data")),
    Fact("changes", "one CORS origin as one value",
         _says(r"^(?!.*a\.example).*b\.example\.org.*c\.example\.org")),
    Fact("changes", "one widget of a dashboard as one value",
         _says(r"^(?!.*\\\").*\"Gemini\".*\"Calls to Gemini\"")),
    Fact("changes", "the move", _says(r"aws_s3_bucket\.pages")),
    Fact("changes", "the import", _says(r"log_group\.adopted.*import")),
    Fact("changes", "the forgotten resource", _says(r"log_group\.kept.*forget")),
    Fact("changes", "drift", _says(r"gemini-by-hand|outside terraform|drift +\d")),
    Fact("changes", "the failing check", _says("The table is not provisioned")),
    Fact("kinds", "why what holds nothing is replaced", _says(r"_role\.renamed.*\bname\b")),
    Fact("kinds", "that it is tainted", _says(r"\btainted\b.*taint|(is|as) tainted")),
    Fact("kinds", "that it is triggered", _says(r"triggered.*trigger(?!ed[<`])")),
    Fact("kinds", "which is created first", _says(r"created (first|before)|before .*destroyed")),
    Fact("kinds", "why one of several is destroyed", _says(r"counted.*\bcount\b")),
    Fact("kinds", "values of a new resource", _says("/kinds/created")),
    Fact("kinds", "values of a destroyed resource", _says(r"\"/kinds/deleted\"")),
    Fact("kinds", "a move with a change", _says("old_name_changed")),
    Fact("kinds", "outputs", _says(r"output .*\bnested\b|\bknown_later\b")),
    Fact("kinds", "what is read during the apply", _says(r"data\.aws_ssm_parameter\.read_later")),
    Fact("kinds", "what is gone in AWS", _says(r"outside terraform[\s\S]*gone_in_aws")),
    Fact("secrets", "masks what the provider marks", _never("sesame-(secure|in-json|output)")),
    Fact("secrets", "masks it where it stands unmarked, too",
         _never("sesame-(user|nested|listed|in-a|password|destroyed)|777700")),
    Fact("secrets", "masks what it forgot", _never("sesame-(environment|build|tag)")),
    Fact("secrets", "which attribute is secret and changes", _says("secret_string")),
    Fact("secrets", "that a policy differs in a secret", _says("ExternalId")),
    Fact("unicode", "stays text in Markdown", _stays_text),
    Fact("unicode", "all six destroyed tables",
         lambda text: text.count("aws_dynamodb_table.each") >= _TABLES),
    Fact("deposed", "that it is a deposed object", _says("deposed (?!/)")),
    Fact("destroy", "that destroying the table is dangerous", _rated("aws_dynamodb_table.cache")),
    Fact("drift", "what a refresh would change", _says(r"aws_ssm_parameter\.model")),
    Fact("failed", "that the plan has failed", _says(r"plan.*failed|errored")),
    Fact("deferred", "what is deferred", _says(r"aws_s3_object\.each")),
    Fact("forgets", "that a replaced table stays behind",
         _says(r"_table\.kept.*(forget|stays|no longer manage)")),
    Fact("opentofu", "the change", _says("delay_seconds")),
)  # fmt: skip

_REFUSES = "refuses format 2.0"


def table() -> str:
    """Run the tools and return a Markdown table of what each finds."""
    with tempfile.TemporaryDirectory(prefix="co2-bench-") as name:
        rows = [(plan, what, *cells) for plan, what, cells in _rows(Path(name))]
    tools = list(_TOOLS)
    totals = [sum(row[2 + at] in {"yes", "yes*"} for row in rows) for at in range(len(tools))]
    found = ("", "**found**", *(f"**{total} of {len(rows)}**" for total in totals))
    lines = [("Plan", "Fact", *tools), ("---",) * (2 + len(tools)), *rows, found]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _rows(folder: Path) -> Iterator[tuple[str, str, list[str]]]:
    plans = dict.fromkeys(fact.plan for fact in FACTS)
    answers = {plan: _answers(folder, plan) for plan in plans}
    for plan in plans:
        yield (
            plan,
            "reads it",
            [
                "crash" if first.crashed or first.code not in _CODES else "yes"
                for first, _ in answers[plan]
            ],
        )
        for fact in FACTS:
            if fact.plan == plan:
                yield plan, fact.what, [_cell(fact, *each) for each in answers[plan]]
    yield (
        "refused",
        _REFUSES,
        [
            "yes" if first.refused and not first.crashed else "no"
            for first, _ in _answers(folder, "refused")
        ],
    )


_CODES = {0, 1, 2, 3}


def _cell(fact: Fact, first: Answer, second: Answer | None) -> str:
    if second is None:
        return "yes" if fact.test(first.out) else "no"
    return "yes*" if not second.crashed and fact.test(second.out) else "no"


def _answers(folder: Path, plan: str) -> list[tuple[Answer, Answer | None]]:
    """Return what each tool says; where it crashes, also without what is forgotten."""
    (source,) = _CORPUS.glob(f"*/{plan}.json")
    document = json.loads(source.read_text(encoding="utf-8"))
    whole, rest = folder / _NAME, folder / "rest" / _NAME
    rest.parent.mkdir(exist_ok=True)
    whole.write_text(json.dumps(document), encoding="utf-8")
    rest.write_text(json.dumps(_without_forgotten(document)), encoding="utf-8")
    found = []
    for ask in _TOOLS.values():
        first = ask(whole)
        found.append((first, ask(rest) if first.crashed else None))
    return found


def _without_forgotten(document: dict[str, Any]) -> dict[str, Any]:
    changes = document.get("resource_changes", [])
    kept = [one for one in changes if "forget" not in one["change"]["actions"]]
    return {**document, "resource_changes": kept}


def _ours(plan: Path) -> Answer:
    full = plan.with_suffix(".md")
    full.unlink(missing_ok=True)
    answer = _run(sys.executable, "-m", "ops", "review", str(plan), "--full", str(full))
    text = full.read_text(encoding="utf-8") if full.exists() else ""
    return Answer(code=answer.code, out=text, err=answer.err)


def _tf_peek(plan: Path) -> Answer:
    return _run(str(BINARIES / "tf-peek"), str(plan))


def _readtheplan(plan: Path) -> Answer:
    """Return what the analysis says, and the comment that it would write."""
    program = str(BINARIES / "readtheplan")
    summary = _run(program, "analyze", str(plan))
    gate = _run(program, "agent-gate", str(plan))
    try:
        comment = json.loads(gate.out)["pr_comment"]
    except (ValueError, KeyError):
        comment = ""
    out = f"{summary.out}\n{comment}" if summary.out else ""
    return Answer(code=summary.code, out=out, err=summary.err)


_TOOLS: dict[str, Callable[[Path], Answer]] = {
    "ops review": _ours,
    "tf-peek 1.3.0": _tf_peek,
    "readtheplan 0.4.0": _readtheplan,
}


def _run(*command: str) -> Answer:
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    return Answer(code=done.returncode, out=done.stdout, err=done.stderr)
