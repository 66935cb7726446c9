"""The function conforms to docs/openapi.yaml, tested over HTTP with generated requests."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from reasoning.cache import CacheStatus
from reasoning.errors import ApiError
from reasoning.events import METHODS, PATH
from reasoning.handler import respond
from reasoning.prompt import ANSWER_SCHEMA

from ops.serve.http_events import Context
from ops.serve.server import FunctionResponse, FunctionServer, Instances, Invoke
from testing.questions import FIELDS
from tests.lambda_src.builders import Api

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.yaml"
EXAMPLES = 60


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    api = Api()

    def create() -> Invoke:
        service = api.instance()

        def invoke(event: Mapping[str, object]) -> FunctionResponse:
            context = Context(function_name="test", timeout_seconds=10)
            return FunctionResponse(**respond(event, context, lambda _: service))

        return invoke

    with FunctionServer(0, Instances(create)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def _subclasses(of: type[ApiError]) -> Iterator[type[ApiError]]:
    for subclass in of.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def test_paths_methods_and_enums_are_those_of_the_code(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert {path: set(item) for path, item in document["paths"].items()} == {
        PATH: {method.lower() for method in METHODS}
    }
    assert schemas["Reasoning"] == ANSWER_SCHEMA
    assert schemas["CacheStatus"]["enum"] == [status.value for status in CacheStatus]
    kinds = {f"/problems/{subclass.kind}" for subclass in _subclasses(ApiError)}
    assert set(schemas["Problem"]["properties"]["type"]["enum"]) == kinds


def test_every_server_error_of_the_code_is_documented(document: dict[str, Any]) -> None:
    codes = {str(int(subclass.status)) for subclass in _subclasses(ApiError)}
    server_errors = {code for code in codes if code >= "500"}
    for method, operation in document["paths"][PATH].items():
        # 502 is Gemini's, which a HEAD never calls.
        possible = server_errors - {"502"} if method == "head" else server_errors
        assert possible <= set(operation["responses"]), method


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("method", METHODS)
def test_responses_to_generated_requests_conform_to_the_document(
    document: dict[str, Any], url: str, method: str
) -> None:
    # Imported here because it would slow down the collection of the unit tests.
    import schemathesis  # noqa: PLC0415
    from hypothesis import HealthCheck, given, settings  # noqa: PLC0415
    from hypothesis import strategies as st  # noqa: PLC0415

    # A schema cannot say "until tomorrow".
    today = datetime.datetime.now(datetime.UTC).date()
    dates = st.dates(datetime.date(2003, 1, 1), today).map(datetime.date.isoformat)
    schemathesis.openapi.format("date", dates)
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    operation = schema[PATH][method]
    modes = schemathesis.GenerationMode
    cases = st.one_of(
        operation.as_strategy(generation_mode=modes.POSITIVE),
        operation.as_strategy(generation_mode=modes.NEGATIVE),
    )
    statuses = set()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cases)
    def check(case: schemathesis.Case[Any]) -> None:
        statuses.add(case.call_and_validate().status_code)

    check()
    if method == "HEAD":
        # Generated queries may be those that a GET has cached; this one is asked by nobody else.
        unasked = {**FIELDS, "lat": "-77.77", "lon": "77.77", "co2": "777.7"}
        statuses.add(operation.Case(query=unasked).call_and_validate().status_code)
    assert {404 if method == "HEAD" else 200, 400} <= statuses
