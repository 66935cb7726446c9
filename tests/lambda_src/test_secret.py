"""The forms that the secret of the Gemini API key may have."""

from __future__ import annotations

import json
import traceback

import pytest
from reasoning.aws import SECRETS_MANAGER
from reasoning.deadline import Deadline
from reasoning.errors import ConfigurationError
from reasoning.secret import ApiKey

from tests.lambda_src.builders import aws_client
from tests.lambda_src.scripted_server import ScriptedServer, reply

KEY = "key-that-must-stay-secret"
MEMBER = "GEMINI_API_KEY"


def read(server: ScriptedServer, secret: str) -> str:
    server.default = reply(200, {"SecretString": secret})
    return ApiKey(aws_client(SECRETS_MANAGER, server.url), "secret").value(Deadline.after(5))


@pytest.mark.parametrize(
    "secret",
    [
        KEY,
        f" {KEY}\n",
        json.dumps({MEMBER: KEY}),
        f'\n{{ "{MEMBER}" :\n "{KEY}"\n}}\n',
        json.dumps({MEMBER: f" {KEY}\n"}),
    ],
)
def test_the_key_is_text_or_the_only_member_of_an_object(
    aws_server: ScriptedServer, secret: str
) -> None:
    assert read(aws_server, secret) == KEY


@pytest.mark.parametrize(
    "secret",
    [
        "{}",
        "{",
        "[" * 100_000,
        '{"a":' * 100_000,
        json.dumps(KEY),
        json.dumps([KEY]),
        json.dumps({"gemini_api_key": KEY}),
        json.dumps({MEMBER: KEY, "other": KEY}),
        json.dumps({MEMBER: [KEY]}),
        json.dumps({MEMBER: None}),
        json.dumps({MEMBER: ""}),
        json.dumps({MEMBER: f"two\nlines {KEY}"}),
        json.dumps({MEMBER: json.dumps({MEMBER: KEY})}),
        f'{{"{MEMBER}": {KEY}}}',
        f'{{"{MEMBER}": "{KEY}"',
    ],
)
def test_other_json_is_a_configuration_error_without_the_value(
    aws_server: ScriptedServer, secret: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(aws_server, secret)

    assert f'{{"{MEMBER}": "<key>"}}' in raised.value.reason
    assert "put-secret-value" in raised.value.reason
    shown = "".join(traceback.format_exception(raised.value)) + raised.value.reason
    assert KEY not in shown
    assert raised.value.__context__ is None, "a JSON error holds the text that it rejects"
