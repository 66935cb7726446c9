"""A CloudFront Function: a few lines of JavaScript that run at the edge for each request."""

from __future__ import annotations

from pathlib import Path

from cdktf_cdktf_provider_aws.cloudfront_function import CloudfrontFunction

from modules.stack import LayerStack

FOLDER = Path(__file__).resolve().parent


def add_edge_function(stack: LayerStack, name: str, *, comment: str) -> str:
    """Add the function ``<name>.js of this folder``, published, and return its ARN."""
    function = CloudfrontFunction(
        stack,
        name.replace("-", "_"),
        name=stack.naming.edge(name),
        runtime="cloudfront-js-2.0",
        comment=comment,
        publish=True,
        code=(FOLDER / f"{name}.js").read_text(encoding="utf-8"),
    )
    return function.arn
