"""A CloudFront Function: a few lines of JavaScript that run at the edge for each request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cdktf_cdktf_provider_aws.cloudfront_function import CloudfrontFunction

from modules.stack import LayerStack

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True, kw_only=True)
class EdgeFunctionConfig:
    """The file ``<name>.js`` of this folder, and what it is for."""

    name: str
    comment: str


def add_edge_function(
    stack: LayerStack, id_: str, config: EdgeFunctionConfig
) -> CloudfrontFunction:
    """Add and publish the function."""
    return CloudfrontFunction(
        stack,
        id_,
        name=stack.naming.edge(config.name),
        runtime="cloudfront-js-2.0",
        comment=config.comment,
        publish=True,
        code=(FOLDER / f"{config.name}.js").read_text(encoding="utf-8"),
    )
