"""The plan as the API shows it to those who may not read the state: without sensitive values."""

from __future__ import annotations

from typing import Any

from testing.hcp.api import JsonObject

_HIDDEN = "REDACTED"


def redacted(plan: JsonObject, schemas: JsonObject) -> JsonObject:
    """Return what Terraform needs to render a plan, with the schemas of its resources."""
    document: JsonObject = {
        "plan_format_version": plan["format_version"],
        "provider_format_version": schemas["format_version"],
        "relevant_attributes": plan.get("relevant_attributes") or [],
    }
    for kind in ("resource_changes", "resource_drift"):
        document[kind] = [
            {**each, "change": _change(each["change"])} for each in plan.get(kind) or []
        ]
    document["output_changes"] = {
        name: _change(change) for name, change in (plan.get("output_changes") or {}).items()
    }
    document["provider_schemas"] = _used(document, schemas)
    return document


def _change(change: JsonObject) -> JsonObject:
    return {
        **change,
        "before": _hide(change.get("before"), change.get("before_sensitive")),
        "after": _hide(change.get("after"), change.get("after_sensitive")),
    }


def _hide(value: Any, sensitive: Any) -> Any:
    if sensitive is True:
        return None if value is None else _HIDDEN
    if isinstance(sensitive, dict) and isinstance(value, dict):
        return {key: _hide(each, sensitive.get(key)) for key, each in value.items()}
    if isinstance(sensitive, list) and isinstance(value, list):
        marks = [*sensitive, *[None] * (len(value) - len(sensitive))]
        return [_hide(each, mark) for each, mark in zip(value, marks, strict=False)]
    return value


def _used(document: JsonObject, schemas: JsonObject) -> JsonObject:
    """Return the schemas of the resources in a plan; all of AWS would be 100 times as much."""
    changes = [*document["resource_changes"], *document["resource_drift"]]
    used = {(each["provider_name"], each["mode"], each["type"]) for each in changes}
    found: JsonObject = {}
    for provider, mode, type_ in used:
        kind = "resource_schemas" if mode == "managed" else "data_source_schemas"
        schema = schemas["provider_schemas"][provider]
        entry = found.setdefault(provider, {"provider": schema["provider"]})
        entry.setdefault(kind, {})[type_] = schema[kind][type_]
    return found
