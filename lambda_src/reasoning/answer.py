"""The check of what Gemini answers."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING

from reasoning.documents import member, parse_json
from reasoning.errors import UpstreamAnswerError
from reasoning.prompt import ANSWER_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable


def parse_answer(text: str) -> str:
    """Return the answer in a model's text as compact JSON, an object.

    Raises:
        UpstreamAnswerError: The text is not JSON, or does not conform to `ANSWER_SCHEMA`.

    """
    try:
        document = parse_json(text)
        answer = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        # Unpaired surrogates are valid JSON escapes and yet no text that could be stored.
        answer.encode()
    except (ValueError, RecursionError) as error:
        raise UpstreamAnswerError("Gemini's answer is not valid JSON.") from error
    if not _conforms(document):
        raise UpstreamAnswerError("Gemini's answer does not conform to its schema.")
    if not str(member(document, "summary")).strip():
        raise UpstreamAnswerError("Gemini's answer is empty.")
    return answer


def _conforms(document: object) -> bool:
    # Only a miss needs the validator; a hit does not pay for loading and compiling it.
    import fastjsonschema  # noqa: PLC0415

    try:
        _validator()(document)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


@functools.cache
def _validator() -> Callable[[object], object]:
    import fastjsonschema  # noqa: PLC0415

    validate: Callable[[object], object] = fastjsonschema.compile(dict(ANSWER_SCHEMA))
    return validate
