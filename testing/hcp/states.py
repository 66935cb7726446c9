"""State versions and their outputs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from testing.hcp.api import ApiError, JsonObject
from testing.hcp.model import Workspace
from testing.hcp.resource import Resource, references


@dataclass(kw_only=True, eq=False)
class StateVersion(Resource):
    """A state: pending until its content is uploaded."""

    TYPE = "state-versions"
    PREFIX = "sv"

    workspace: Workspace
    serial: int
    md5: str
    lineage: str | None
    run: str | None = None
    content: bytes | None = None
    json_content: bytes | None = None
    terraform_version: str | None = None
    outputs: list[StateVersionOutput] = field(default_factory=list)
    resource_count: int = 0
    upload_url: str = ""
    json_upload_url: str = ""
    download_url: str = ""
    json_download_url: str = ""

    def accept(self, content: bytes) -> None:
        """Take the content, which must be the announced one."""
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != self.md5:
            raise ApiError(422, "the content differs from its md5")
        state = json.loads(content)
        self.content = content
        self.lineage = state["lineage"]
        self.terraform_version = state.get("terraform_version")
        self.outputs = [
            StateVersionOutput(
                version=self,
                name=name,
                value=output["value"],
                detailed_type=output["type"],
                sensitive=bool(output.get("sensitive")),
            )
            for name, output in (state.get("outputs") or {}).items()
        ]
        self.resource_count = sum(
            len(resource["instances"])
            for resource in state.get("resources") or []
            if resource["mode"] == "managed"
        )
        self.workspace.resource_count = self.resource_count
        self.workspace.related["current-state-version"] = self

    def accept_json(self, content: bytes) -> None:
        self.json_content = content

    @property
    def is_pending(self) -> bool:
        return self.content is None

    def attributes(self) -> JsonObject:
        return {
            "serial": self.serial,
            "status": "pending" if self.is_pending else "finalized",
            "size": len(self.content or b""),
            "state-version": 4,
            "terraform-version": self.terraform_version,
            "resources-processed": not self.is_pending,
            "hosted-state-upload-url": self.upload_url if self.is_pending else None,
            "hosted-json-state-upload-url": self.json_upload_url,
            "hosted-state-download-url": None if self.is_pending else self.download_url,
            "hosted-json-state-download-url": self.json_download_url,
        }

    def relationships(self) -> JsonObject:
        related: JsonObject = {
            "workspace": self.workspace.reference(),
            "outputs": references(self.outputs),
        }
        if self.run:
            related["run"] = {"data": {"id": self.run, "type": "runs"}}
        return related


@dataclass(kw_only=True, eq=False)
class StateVersionOutput(Resource):
    """An output. A sensitive one is shown only when it is asked for by its identity."""

    TYPE = "state-version-outputs"
    PREFIX = "wsout"

    version: StateVersion
    name: str
    value: object
    detailed_type: object
    sensitive: bool

    def attributes(self) -> JsonObject:
        kind = self.detailed_type if isinstance(self.detailed_type, str) else "array"
        return {
            "name": self.name,
            "sensitive": self.sensitive,
            "type": kind,
            "detailed-type": self.detailed_type,
            "value": None if self.sensitive else self.value,
        }

    def revealed(self) -> JsonObject:
        shown = self.render()
        shown["attributes"]["value"] = self.value
        return shown
