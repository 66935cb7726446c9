"""The command ``serve``."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from modules.environments import Environment, load
from ops.common import processes
from ops.common.children import Children
from ops.common.command import command
from ops.common.environment import local_aws
from ops.common.errors import BusyError, OperatorError
from ops.common.local_address import ENVIRONMENT, Key
from ops.common.options import command_group
from ops.common.output import Output
from ops.common.paths import LocalPaths
from ops.common.session import text_output
from ops.local import runfile
from ops.local.services import emulator
from ops.local.services.ports import HIGHEST_PORT, LOWEST_PORT, Ports, is_free
from ops.serve.reloading import Worker, keep_running

app = command_group()


@command(
    app,
    "serve",
    "serve",
    "serve --port 9000",
    context=text_output,
    exit_codes={
        1: "the local AWS is not running, or the function did not start",
        2: "an option is invalid",
        4: "the port is in use",
        "129..143": "stopped by a signal (130: Ctrl-C)",
    },
)
def serve(
    out: Output,
    *,
    port: Annotated[
        int, typer.Option(help="Port to listen on.", min=LOWEST_PORT, max=HIGHEST_PORT)
    ] = 8000,
) -> None:
    """Serve the cache Lambda of this checkout over HTTP, for its development.

    The handler is the deployed one, on the emulated AWS of `make up` and its Gemini stand-in. Half
    a second after a change the new code is served, without deploying. Requests need no signature:

    \b
    curl 'http://127.0.0.1:8000/api/reasoning?lat=-3.46&lon=-62.21&date=2026-05-14&co2=430.6\
&deviation=9.4&severity=high&zscore=3.1'

    The function logs to stdout; stderr gets one line for each request.
    """  # noqa: D301  click needs the backspace to keep the lines of the example
    paths = LocalPaths()
    ports = _running(paths)
    if not is_free(port):
        raise BusyError(
            f"port {port} is in use by another program", remedy="choose another with --port N"
        )
    worker = _worker(paths, ports, port, load([ENVIRONMENT])[0])
    out.note(f"serving lambda_src at http://127.0.0.1:{port}/api/reasoning; press Ctrl-C to stop")
    with Children().handling_signals():
        keep_running(worker, out.note)


def _running(paths: LocalPaths) -> Ports:
    run = runfile.load(paths.run)
    if run is None or not emulator.is_ready(run.ports):
        raise OperatorError("the local AWS is not running", remedy="make up")
    return run.ports


def _worker(paths: LocalPaths, ports: Ports, port: int, environment: Environment) -> Worker:
    timeout = str(environment.settings.function.timeout_seconds)
    return Worker(
        command=processes.python("-m", "ops.serve.worker", str(port), "--timeout", timeout),
        environment={
            **local_aws(os.environ, ports.emulator),
            **Key.read(paths.credentials).variables,
            **environment.function_variables,
            "AWS_LAMBDA_FUNCTION_NAME": environment.naming.function,
            "PYTHONPATH": os.pathsep.join(
                [str(paths.checkout), str(paths.checkout / "lambda_src")]
            ),
        },
        folder=paths.checkout,
        code=paths.checkout / "lambda_src",
    )
