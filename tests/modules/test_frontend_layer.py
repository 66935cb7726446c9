"""The distribution: origins, access, caching and edge functions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from modules.resources.edge.functions import FOLDER
from modules.settings import FrontendSettings
from tests.modules.terraform_json import Json, Stack, mapping, sequence

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"


def _document(**more: object) -> dict[str, object]:
    return {
        "region": "eu-central-1",
        "retain": False,
        "state": {"local": {}},
        "table": {"billing": "on-demand"},
        "frontend": {},
        **more,
    }


def _site(stacks: dict[str, Stack], environment: str) -> dict[str, Stack]:
    """Return the stacks of one environment by layer."""
    start = f"{environment}-"
    return {
        name.removeprefix(start): stack for name, stack in stacks.items() if name.startswith(start)
    }


def _distribution(stacks: dict[str, Stack]) -> dict[str, Json]:
    return stacks["frontend"].resource("aws_cloudfront_distribution.distribution")


def _origins(stacks: dict[str, Stack]) -> dict[str, dict[str, Json]]:
    origins = map(mapping, sequence(_distribution(stacks)["origin"]))
    return {str(origin["origin_id"]): origin for origin in origins}


def _behaviours(stacks: dict[str, Stack]) -> dict[str, dict[str, Json]]:
    distribution = _distribution(stacks)
    ordered = map(mapping, sequence(distribution["ordered_cache_behavior"]))
    default = mapping(distribution["default_cache_behavior"])
    return {"*": default} | {str(behaviour["path_pattern"]): behaviour for behaviour in ordered}


@pytest.fixture(scope="module")
def stacks(synthesized: Callable[..., dict[str, Stack]]) -> dict[str, Stack]:
    return synthesized(_document())


def test_each_path_has_its_origin(stacks: dict[str, Stack]) -> None:
    targets = {path: b["target_origin_id"] for path, b in _behaviours(stacks).items()}
    assert targets == {"*": "pages", "/data/geojson/*": "data", "/api/*": "api"}


def test_operators_find_the_distribution_by_its_comment(stacks: dict[str, Stack]) -> None:
    parameters = [
        str(arguments["name"])
        for address, arguments in stacks["base"].resources().items()
        if address.startswith("aws_ssm_parameter.")
    ]

    assert all(name.startswith(f"{_distribution(stacks)['comment']}/") for name in parameters)


def test_https_is_required(stacks: dict[str, Stack]) -> None:
    policies = {path: b["viewer_protocol_policy"] for path, b in _behaviours(stacks).items()}
    # A redirected POST would lose its body, so the API rejects HTTP.
    assert policies == {
        "*": "redirect-to-https",
        "/data/geojson/*": "redirect-to-https",
        "/api/*": "https-only",
    }


def _headers_policy(stacks: dict[str, Stack], path: str) -> dict[str, Json]:
    """Return the response headers policy of a behaviour."""
    reference = str(_behaviours(stacks)[path]["response_headers_policy_id"])
    return stacks["frontend"].resource(reference.removeprefix("${").removesuffix(".id}"))


@pytest.mark.parametrize("path", ["*", "/data/geojson/*", "/api/*"])
def test_every_behaviour_adds_the_security_headers(path: str, shipped: dict[str, Stack]) -> None:
    policy = _headers_policy(_site(shipped, "prod"), path)
    headers = mapping(policy["security_headers_config"])
    transport = mapping(headers["strict_transport_security"])
    assert transport["access_control_max_age_sec"] == 31_536_000
    assert transport["include_subdomains"] is True
    assert mapping(headers["frame_options"])["frame_option"] == "DENY"
    assert "default-src 'self'" in str(mapping(headers["content_security_policy"]))
    assert {"content_type_options", "referrer_policy"} <= set(headers)


@pytest.mark.parametrize("environment", ["dev", "staging", "prod", "everything"])
def test_cors_headers_of_the_data_do_not_depend_on_who_asked_first(
    environment: str, every: dict[str, Stack]
) -> None:
    """A response is cached without the Origin in its key, with the CORS headers of the first."""
    stacks = _site(every, environment)
    rules = stacks["storage"].resource("aws_s3_bucket_cors_configuration.geojson_cors")
    (bucket,) = map(mapping, sequence(rules["cors_rule"]))

    edge = mapping(_headers_policy(stacks, "/data/geojson/*")["cors_config"])

    assert edge["origin_override"] is True
    assert edge["access_control_allow_credentials"] is False
    assert edge["access_control_max_age_sec"] == bucket["max_age_seconds"]
    for ours, of_the_bucket in (
        ("access_control_allow_origins", "allowed_origins"),
        ("access_control_allow_methods", "allowed_methods"),
        ("access_control_allow_headers", "allowed_headers"),
        ("access_control_expose_headers", "expose_headers"),
    ):
        assert mapping(edge[ours])["items"] == bucket[of_the_bucket], ours


def test_pages_and_api_get_no_cors_headers_from_the_edge(shipped: dict[str, Stack]) -> None:
    for path in ("*", "/api/*"):
        assert "cors_config" not in _headers_policy(_site(shipped, "prod"), path), path


def test_without_other_origins_the_data_has_no_cors_headers(stacks: dict[str, Stack]) -> None:
    assert "cors_config" not in _headers_policy(stacks, "/data/geojson/*")


def test_cors_without_headers_names_one_that_is_always_allowed(
    synthesized: Callable[..., dict[str, Stack]],
) -> None:
    buckets = {"cors_origins": ["*"], "cors_headers": [], "cors_exposed_headers": []}
    policy = _headers_policy(synthesized(_document(buckets=buckets)), "/data/geojson/*")

    cors = mapping(policy["cors_config"])
    assert cors["access_control_allow_headers"] == {"items": ["Accept"]}
    assert "access_control_expose_headers" not in cors


def _directives(policy: str) -> dict[str, set[str]]:
    """Return the sources of each directive of a Content-Security-Policy."""
    parts = (directive.split() for directive in policy.split(";"))
    return {name: set(sources) for name, *sources in parts}


def test_by_default_the_pages_load_from_the_site_alone() -> None:
    policy = _directives(FrontendSettings().csp_header)

    assert policy["default-src"] == {"'self'"}
    assert policy["form-action"] == {"'self'"}, "default-src does not cover it"
    assert set.union(*policy.values()) == {"'self'", "'none'", "data:"}
    assert [name for name, sources in policy.items() if "data:" in sources] == ["img-src"]


def test_tile_hosts_are_added_for_images_and_for_fetch() -> None:
    hosts = {"https://a.tiles.example.org", "https://b.tiles.example.org"}
    before = _directives(FrontendSettings().csp_header)
    after = _directives(FrontendSettings(tile_hosts=tuple(sorted(hosts))).csp_header)

    assert {name: values - before.get(name, set()) for name, values in after.items()} == {
        **{name: set() for name in before},
        "img-src": hosts,
        "connect-src": hosts,
        # MapLibre loads vector tiles in a worker of its own making.
        "worker-src": {"'self'", "blob:"},
    }


def test_the_pages_policy_is_the_configured_one(every: dict[str, Stack]) -> None:
    for environment, expected in (
        ("prod", FrontendSettings().csp_header),
        ("everything", "default-src 'self'"),
    ):
        policy = _headers_policy(_site(every, environment), "*")
        headers = mapping(policy["security_headers_config"])
        header = mapping(headers["content_security_policy"])["content_security_policy"]
        assert header == expected


def test_the_edge_uses_the_ttl_of_the_response(stacks: dict[str, Stack]) -> None:
    api = _behaviours(stacks)["/api/*"]
    assert api["cache_policy_id"] == "${aws_cloudfront_cache_policy.api_cache.id}"
    policy = stacks["frontend"].resource("aws_cloudfront_cache_policy.api_cache")
    assert (policy["min_ttl"], policy["default_ttl"], policy["max_ttl"]) == (0, 0, 3600 + 60)
    key = mapping(policy["parameters_in_cache_key_and_forwarded_to_origin"])
    assert mapping(key["query_strings_config"]) == {"query_string_behavior": "all"}


@pytest.mark.parametrize(("edge", "revalidating", "longest"), [(0, 0, 1), (60, 0, 60), (0, 9, 9)])
def test_the_edge_ttl_is_bounded_by_the_setting(
    edge: int, revalidating: int, longest: int, synthesized: Callable[..., dict[str, Stack]]
) -> None:
    cache = {"edge_seconds": edge, "stale_while_revalidate_seconds": revalidating}
    stacks = synthesized(_document(cache=cache))

    policy = stacks["frontend"].resource("aws_cloudfront_cache_policy.api_cache")
    # 0 would disable caching, which CloudFront rejects together with a query string in the key.
    assert policy["max_ttl"] == longest


def test_the_edge_caches_no_error_and_replaces_none(stacks: dict[str, Stack]) -> None:
    """A custom error page would apply to every behaviour and replace the API's errors.

    The codes are those that CloudFront caches, always or if the response has a max-age.
    """
    responses = [mapping(one) for one in sequence(_distribution(stacks)["custom_error_response"])]

    assert {response["error_code"] for response in responses} == {
        *(404, 414, 500, 501, 502, 503, 504),
        *(400, 403, 405),
    }
    for response in responses:
        assert response.keys() == {"error_code", "error_caching_min_ttl"}
        assert response["error_caching_min_ttl"] == 0


def test_only_the_pages_have_the_single_page_fallback(stacks: dict[str, Stack]) -> None:
    functions = {
        path: [mapping(f)["function_arn"] for f in sequence(b.get("function_association", []))]
        for path, b in _behaviours(stacks).items()
    }
    assert functions == {
        "*": ["${aws_cloudfront_function.spa_fallback.arn}"],
        "/data/geojson/*": ["${aws_cloudfront_function.strip_prefix.arn}"],
        "/api/*": [],
    }


@pytest.mark.parametrize("access", ["oai", "oac"])
def test_bucket_origins_use_the_configured_origin_access(
    access: str, synthesized: Callable[..., dict[str, Stack]]
) -> None:
    origins = _origins(synthesized(_document(origin_access=access)))
    for bucket in ("pages", "data"):
        assert ("s3_origin_config" in origins[bucket]) == (access == "oai")
        assert ("origin_access_control_id" in origins[bucket]) == (access == "oac")


def test_only_this_distribution_calls_the_function_with_sigv4(
    stacks: dict[str, Stack],
) -> None:
    api = _origins(stacks)["api"]
    control = "${aws_cloudfront_origin_access_control.function_access_control.id}"
    assert api["origin_access_control_id"] == control
    assert str(api["domain_name"]).endswith(".lambda-url.eu-central-1.on.aws")
    permissions = [
        arguments
        for address, arguments in stacks["frontend"].resources().items()
        if address.startswith("aws_lambda_permission.")
    ]
    actions = {permission["action"] for permission in permissions}
    assert actions == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    for permission in permissions:
        assert permission["principal"] == "cloudfront.amazonaws.com"
        assert permission["source_arn"] == "${aws_cloudfront_distribution.distribution.arn}"


def test_the_origin_read_timeout_exceeds_the_function_timeout(stacks: dict[str, Stack]) -> None:
    waits = mapping(_origins(stacks)["api"]["custom_origin_config"])["origin_read_timeout"]
    runs = stacks["compute"].resource("aws_lambda_function.reasoning")["timeout"]
    assert int(str(runs)) < int(str(waits)) <= 60


def test_a_domain_sets_its_certificate_and_the_minimum_tls_version(
    synthesized: Callable[..., dict[str, Stack]],
) -> None:
    domain = {"names": ["co2.example.org"], "certificate_arn": CERTIFICATE}
    stacks = synthesized(_document(frontend={"domain": domain}))
    distribution = _distribution(stacks)
    tls = mapping(stacks["frontend"].at("output", "viewer_tls_minimum"))
    assert tls["value"] == mapping(distribution["viewer_certificate"])["minimum_protocol_version"]
    assert distribution["aliases"] == ["co2.example.org"]
    assert distribution["viewer_certificate"] == {
        "acm_certificate_arn": CERTIFICATE,
        "minimum_protocol_version": "TLSv1.2_2021",
        "ssl_support_method": "sni-only",
    }
    assert stacks["frontend"].at("output", "site_url", "value") == "https://co2.example.org/"


def test_an_output_says_that_cloudfronts_certificate_allows_old_tls(
    stacks: dict[str, Stack],
) -> None:
    assert mapping(_distribution(stacks)["viewer_certificate"]) == {
        "cloudfront_default_certificate": True
    }
    output = mapping(stacks["frontend"].at("output", "viewer_tls_minimum"))
    assert output["value"] == "TLSv1"
    # A plan shows the value alone; the description is for whoever looks the output up.
    assert "frontend.domain" in str(output["description"])


@pytest.mark.parametrize(("rule", "kind"), [("only", "whitelist"), ("except", "blacklist")])
def test_countries_can_be_allowed_or_blocked(
    rule: str, kind: str, synthesized: Callable[..., dict[str, Stack]]
) -> None:
    countries = {"rule": rule, "codes": ["FR", "DE"]}
    distribution = _distribution(synthesized(_document(frontend={"countries": countries})))
    assert distribution["restrictions"] == {
        "geo_restriction": {"restriction_type": kind, "locations": ["DE", "FR"]}
    }


def test_the_frontend_stack_requires_its_section(shipped: dict[str, Stack]) -> None:
    assert "dev-frontend" in shipped
    assert "local-frontend" not in shipped


@pytest.mark.parametrize(
    ("function", "asked", "fetched"),
    [
        ("spa-fallback", "/", "/index.html"),
        ("spa-fallback", "/anomalies/2026-05-14", "/index.html"),
        ("spa-fallback", "/v1.2/map", "/index.html"),
        ("spa-fallback", "/assets/app.js", "/assets/app.js"),
        ("spa-fallback", "/robots.txt", "/robots.txt"),
        ("strip-prefix", "/data/geojson/observations/2026/05/a.geojson",
         "/observations/2026/05/a.geojson"),
        ("strip-prefix", "/data/geojson/data/geojson/a.json", "/data/geojson/a.json"),
    ],
)  # fmt: skip
def test_edge_functions_rewrite_paths(function: str, asked: str, fetched: str) -> None:
    code = (FOLDER / f"{function}.js").read_text(encoding="utf-8")
    event = json.dumps({"request": {"uri": asked, "method": "GET"}})
    done = subprocess.run(
        ["node", "-e", f"{code}\nconsole.log(handler({event}).uri);"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == fetched


@pytest.mark.parametrize("function", ["spa-fallback", "strip-prefix"])
def test_edge_functions_stay_within_cloudfronts_size_limit(function: str) -> None:
    assert (FOLDER / f"{function}.js").stat().st_size < 10 * 1024
