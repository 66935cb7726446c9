"""Validation of Gemini's answer."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

import fastjsonschema

from reasoning.errors import UpstreamAnswerError
from reasoning.prompt import ANSWER_SCHEMA
from reasoning.untrusted_json import member, parse_json


def parse_answer(text: str) -> str:
    """Return the model's answer, a JSON object, as compact JSON.

    Raises:
        UpstreamAnswerError: The text is not JSON, or does not conform to `ANSWER_SCHEMA`.

    """
    try:
        document = parse_json(text)
        answer = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        # Lone surrogates are valid JSON escapes, but cannot be stored.
        answer.encode()
    except (ValueError, RecursionError) as error:
        raise UpstreamAnswerError("Gemini's answer is not valid JSON.") from error
    try:
        _validator()(document)
    except fastjsonschema.JsonSchemaValueException as error:
        raise UpstreamAnswerError("Gemini's answer does not conform to its schema.") from error
    if not str(member(document, "summary")).strip():
        raise UpstreamAnswerError("Gemini's answer is empty.")
    return answer


@functools.cache
def _validator() -> Callable[[object], object]:
    validate: Callable[[object], object] = fastjsonschema.compile(dict(ANSWER_SCHEMA))
    return validate
