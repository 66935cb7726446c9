"""The review of plans: 14 stacks, and one plan with 5,000 changes."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.processes import Usage, interleaved, median_cpu, ratio
from bench.results import Result, at_most
from bench.review_peers import BINARIES
from modules.catalogue import Layer
from ops.review.markdown import GITHUB_LIMIT, size

_STACKS, _A_STACK, _LARGE = 14, 40, 5_000
_DANGEROUS = 3


def measure(runs: int) -> Iterator[Result]:
    """Yield the measurements."""
    with tempfile.TemporaryDirectory(prefix="co2-bench-") as name:
        folder = Path(name)
        stacks, large = folder / "stacks", folder / "large"
        layers = [layer.key for layer in Layer]
        for number in range(_STACKS):
            environment, layer = divmod(number, len(layers))
            _write(stacks / f"env{environment}-{layers[layer]}.json", _A_STACK)
        _write(large / "dev-storage.json", _LARGE)
        megabytes = (large / "dev-storage.json").stat().st_size / 1e6
        comment = folder / "comment.md"
        found = interleaved(
            runs,
            stacks=_command(stacks, comment),
            large=_command(large, comment),
            tf_peek=[str(BINARIES / "tf-peek"), str(large / "dev-storage.json")],
            readtheplan=[str(BINARIES / "readtheplan"), "analyze", str(large / "dev-storage.json")],
        )
        length = size(comment.read_text(encoding="utf-8"))
    yield at_most(f"`ops review`, {_STACKS} stacks, CPU", median_cpu(found["stacks"]), 1, unit="s")
    what = f"`ops review`, {_LARGE:,} changes ({megabytes:.0f} MB)"
    yield at_most(f"{what}, CPU", median_cpu(found["large"]), 3, unit="s")
    yield at_most(f"{what}, peak memory", _peak(found["large"]), 150, unit="MB")
    for peer in ("tf_peek", "readtheplan"):
        measured = f"{ratio(found['large'], found[peer]):.2f}"
        yield Result(what=f"the same, CPU over {peer.replace('_', '-')}", figure=measured)
    yield Result(
        what="its comment",
        figure=f"{length:,} characters",
        promise=f"fewer than {GITHUB_LIMIT:,}",
        kept=length < GITHUB_LIMIT,
    )


def _command(plans: Path, comment: Path) -> list[str]:
    """Return a command that succeeds if the review ends with dangers."""
    review = f'"{sys.executable}" -m ops review "{plans}" --markdown "{comment}"'
    return ["sh", "-c", f"{review}; test $? -eq {_DANGEROUS}"]


def _peak(usages: list[Usage]) -> float:
    return statistics.median(usage.peak_mb for usage in usages)


def _write(file: Path, count: int) -> None:
    """Write a plan with the state and the configuration, which Terraform adds to it."""
    changes = [_change(number) for number in range(count)]
    resources = [
        {
            "address": one["address"],
            "type": one["type"],
            "values": one["change"]["after"] or one["change"]["before"],
        }
        for one in changes
    ]
    root = {"root_module": {"resources": resources}}
    plan = {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": root,
        "prior_state": {"format_version": "1.0", "values": root},
        "configuration": root,
        "resource_changes": changes,
    }
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(plan), encoding="utf-8")


def _change(number: int) -> dict[str, Any]:
    """Return one of five kinds of changes."""
    name = f"resource-{number}"
    padding = {f"attribute_{letter}": f"{name} {letter}" for letter in "abcdefgh"}
    kind = ("table", "policy", "cors", "secret", "dashboard")[number % 5]
    kinds: dict[str, tuple[str, dict[str, Any], dict[str, Any] | None, dict[str, Any]]] = {
        "table": ("aws_dynamodb_table", {"hash_key": "a"}, None, {"actions": ["delete"]}),
        "policy": ("aws_iam_role_policy", _policy("GetItem", name), _policy("*", name), {}),
        "cors": ("aws_s3_bucket_cors_configuration", _cors("a"), _cors("b"), {}),
        "secret": (
            "aws_ssm_parameter",
            {"value": f"old-{name}"},
            {"value": f"new-{name}"},
            {"before_sensitive": {"value": True}, "after_sensitive": {"value": True}},
        ),
        "dashboard": ("aws_cloudwatch_dashboard", _dashboard("a"), _dashboard("b"), {}),
    }
    type_, before, after, others = kinds[kind]
    change = {
        "actions": ["update"],
        "before": {**padding, **before},
        "after": None if after is None else {**padding, **after},
        **others,
    }
    return {
        "address": f"{type_}.one[{number}]",
        "mode": "managed",
        "type": type_,
        "name": "one",
        "index": number,
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": change,
    }


def _policy(action: str, name: str) -> dict[str, Any]:
    allowed = {"Effect": "Allow", "Action": f"dynamodb:{action}", "Resource": f"arn:aws:{name}"}
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": [allowed]})}


def _cors(origin: str) -> dict[str, Any]:
    origins = [f"https://{name}.example.org" for name in (origin, "c", "d")]
    return {"cors_rule": [{"allowed_methods": ["GET"], "allowed_origins": origins}]}


def _dashboard(title: str) -> dict[str, Any]:
    widgets = [{"type": "text", "width": n, "title": f"{title}{n}"} for n in range(8)]
    return {"dashboard_body": json.dumps({"widgets": widgets})}
