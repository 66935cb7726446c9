"""The comment as Markdown renders it: nothing that a plan says is markup, link or mention."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ops.review import markdown, sources
from ops.review.acceptance import Acceptances
from ops.review.report import Review
from ops.review.reviewing import Source, review
from tests.review.building import change, source

CORPUS = Path(__file__).resolve().parents[1] / "review"
# HTML and tables as on GitHub.
RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])

# All that a review consists of; what a plan says is in code.
BLOCKS = {
    *("heading", "paragraph", "inline", "bullet_list", "list_item", "fence", "html_block"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
HEADINGS = {"Plan review", "Dangerous", "Notes"}
INLINE = {"text", "code_inline", "strong", "softbreak"}
# The words of a review itself, and cells of its summary, which are words and numbers.
WORDS = re.compile(r"[\w ,.:()'…+*-]*")

HOSTILE = st.one_of(
    st.sampled_from(
        [
            "```",
            "````",
            "~~~",
            "`",
            "``",
            "\n",
            "\r\n",
            "\n\n",
            "\n# x\n",
            "\n- x",
            "\n    x",
            "\n> x",
            "</details>",
            "<!-- ops-review -->",
            "-->",
            "<img src=x>",
            "<b",
            "@everyone",
            "@a/b",
            "#1",
            "a@b.example",
            "https://evil.example",
            "www.evil.example",
            "[a](b)",
            "![a](b)",
            "|",
            "\n| a | b |\n|---|---|\n",
            "\\",
            "\\`",
            "**",
            "__",
            "~~",
            "&#64;",
            "$x$",
            ":tada:",
            "\u202e",
            "\u200b",
            "\u2028",
            "\x00",
            "\x1b[2J",
            "\ufeff",
            "🛰️",
            "a" * 700,
            " ",
            "\t",
            "[^1]",
            "\x85",
            "\x0c",
            "+",
            "-",
            "=",
            "===\n",
        ]
    ),
    st.text(st.characters(), max_size=6),
)
TEXT = st.lists(HOSTILE, max_size=6).map("".join)


def _tokens(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _tokens(token.children or [])


def _require_only_code(text: str) -> list[Token]:
    """Fail if anything but our own words is outside of code; return the tokens."""
    assert text.startswith(f"{markdown.MARKER}\n")
    tokens = RENDERER.parse(text)
    html = [token for token in tokens if token.type == "html_block"]
    assert [token.content.strip() for token in html] == [markdown.MARKER]
    assert tokens[0] is html[0]
    for token in _tokens(tokens):
        kind = re.sub("_(open|close)$", "", token.type)
        assert kind in BLOCKS | INLINE, (token.type, token.content)
        if kind == "text":
            assert WORDS.fullmatch(token.content), token.content
        if kind == "fence":
            assert token.info == "diff"
            assert token.map is not None
            # It ends with its own fence, not with the document.
            assert text.split("\n")[token.map[1] - 1] == token.markup
    return tokens


@st.composite
def _reviews(draw: st.DrawFn) -> Review:
    def some() -> str:
        return draw(TEXT)

    def rules() -> list[dict[str, str]]:
        return [{"name": some(), "a": some()}]

    def of(number: int) -> dict[str, Any]:
        actions = draw(
            st.sampled_from([["update"], ["delete"], ["delete", "create"], ["no-op"], ["forget"]])
        )
        policy = {
            "Statement": [{"Sid": some(), "Effect": "Allow", "Action": "*", "Resource": some()}]
        }
        return {
            **change(
                f'aws_dynamodb_table.t{number}["{some()}"]',
                {some(): some(), "hash_key": some(), "rule": rules()},
                {some(): some(), "policy": json.dumps(policy), "rule": rules()},
                actions=actions,
                after_unknown={some(): True},
                replace_paths=[[some()]],
                importing=draw(st.none() | st.just({"id": some()})),
                previous_address=some(),
                deposed=draw(st.none() | st.just(some())),
                action_reason=some(),
            ),
            "type": draw(st.sampled_from(["aws_dynamodb_table", "aws_s3_bucket", some()])),
        }

    changes = [of(number) for number in range(draw(st.integers(0, 6)))]
    check = {
        "address": {"to_display": some()},
        "status": "fail",
        "instances": [{"problems": [{"message": some()}]}],
    }
    first = source(
        *changes,
        name=f"{some()}-storage",
        resource_drift=[of(99)],
        output_changes={
            some(): {"actions": ["update"], "before": some(), "after": {some(): some()}}
        },
        deferred_changes=[{"reason": some(), "resource_change": of(98)}],
        checks=[check],
        errored=draw(st.booleans()),
    )
    waiting = Source(name=some(), file=some(), waits_for=(some(),), waits_because=some())
    return review([first, waiting], Acceptances())


@given(_reviews(), st.integers(markdown.SMALLEST_LIMIT, 6_000), TEXT)
@settings(max_examples=30, deadline=None)
def test_nothing_of_a_plan_is_markup(found: Review, limit: int, pointer: str) -> None:
    comment = markdown.comment(found, limit=limit, pointer=pointer)
    assert markdown.size(comment) <= limit
    _require_only_code(comment)
    whole = markdown.full(found)
    _require_only_code(whole)
    whole.encode("utf-8")


@pytest.mark.parametrize("limit", [markdown.SMALLEST_LIMIT, 5_000, markdown.DEFAULT_LIMIT])
def test_the_corpus_is_rendered_as_it_was_meant(limit: int) -> None:
    files = sorted({*CORPUS.glob("*/*.json")} - {CORPUS / "by_hand" / "refused.json"})
    for found in (
        *(review(sources.load([file]), Acceptances()) for file in files),
        review(sources.load(files), Acceptances()),
    ):
        comment = markdown.comment(found, limit=limit, pointer="https://ci.example/1")
        assert markdown.size(comment) <= limit < markdown.GITHUB_LIMIT
        for text in (comment, markdown.full(found)):
            tokens = _require_only_code(text)
            headings = [
                tokens[at + 1] for at, one in enumerate(tokens) if one.type == "heading_open"
            ]
            assert headings[0].content == "Plan review"
            assert all("`" in one.content or one.content in HEADINGS for one in headings)


def test_the_summary_has_a_row_for_each_stack_and_a_cell_for_each_column() -> None:
    names = ["dev|x-storage", "`dev`-storage", "@dev-storage", "www.evil.example-storage", "_a_b_"]
    found = review([source(change("a.b", 1, 2), name=name) for name in names], Acceptances())
    tokens = _require_only_code(markdown.full(found))
    rows = [one for one in tokens if one.type == "tr_open"]
    cells = [one for one in tokens if one.type in {"th_open", "td_open"}]
    assert len(rows) == 1 + len(names)
    # Environment, layer, cost, and what is most frequent; of the others only those with a number.
    assert len(cells) == 7 * len(rows)
    moved = change("a.b", 1, 1, actions=["no-op"], previous_address="a.c")
    (row,) = re.findall(
        r"^\| environment .*", markdown.full(review([source(moved)], Acceptances())), re.MULTILINE
    )
    assert row == "| environment | layer | add | change | replace | destroy | move | cost |"


def test_what_a_plan_says_is_still_there() -> None:
    evil = "@everyone </details> | `x` #1"
    text = markdown.full(review([source(change(f'a.b["{evil}"]', 1, 2))], Acceptances()))
    (fence,) = (token for token in _require_only_code(text) if token.type == "fence")
    assert evil in fence.content
