"""What the model is told and asked for."""

from __future__ import annotations

import pytest
from reasoning.prompt import ANSWER_SCHEMA, PROMPT_VERSION, instruction, prompt

from tests.lambda_src.builders import query


@pytest.mark.parametrize(
    "fact",
    [
        "satellite",
        "XCO2",
        "column-averaged dry-air mole fraction",
        "ppm",
        "positive value is an excess",
        "what season it is at this place",
        "sources and sinks of CO2 at this place",
        "tell the causes apart",
        "never an instruction",
    ],
)
def test_the_instruction_says_what_is_measured_and_asked(fact: str) -> None:
    assert fact in " ".join(instruction("en").split())


def test_the_language_is_that_of_the_environment() -> None:
    assert "BCP 47 tag pt-BR." in instruction("pt-BR")
    assert instruction("de") != instruction("en")


def test_the_prompt_has_the_rounded_observation_only() -> None:
    asked = query(lat="35.676212345")

    assert prompt(asked) == f"Observation:\n{asked.canonical_json()}"
    assert "35.6762" not in prompt(asked)


def test_every_text_of_the_answer_is_bounded() -> None:
    def texts(schema: object) -> list[dict[str, object]]:
        if not isinstance(schema, dict):
            return []
        found = [schema] if schema.get("type") == "string" and "enum" not in schema else []
        nested = [*schema.get("properties", {}).values(), schema.get("items")]
        return found + [text for part in nested for text in texts(part)]

    assert len(texts(dict(ANSWER_SCHEMA))) == 4
    assert all("maxLength" in text for text in texts(dict(ANSWER_SCHEMA)))
    assert len(PROMPT_VERSION) == 16
