"""``status``: which parts of the local AWS are running."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ops.common import processes
from ops.common.paths import LocalPaths
from ops.common.processes import ProcessIdentity
from ops.local import runfile
from ops.local.services import emulator, gemini
from ops.local.services.ports import Ports
from ops.terraform.stacks import function_url, read_states


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """A recorded process; ``healthy`` is whether it answers."""

    url: str
    pid: int
    running: bool
    healthy: bool


@dataclass(frozen=True, kw_only=True)
class LayerStatus:
    """A layer and the number of resources in its state."""

    name: str
    resources: int


@dataclass(frozen=True, kw_only=True)
class Status:
    """The local AWS. If the emulator does not run, the layers' resources do not exist."""

    running: bool
    emulator: ServiceStatus | None
    gemini_stand_in: ServiceStatus | None
    layers: list[LayerStatus]
    function_url: str | None


def status(paths: LocalPaths) -> Status:
    """Return the status, without changing anything.

    Raises:
        OperatorError: A state file cannot be read.

    """
    run = runfile.load(paths.run)
    states = read_states(paths)
    aws = stand_in = None
    if run:
        aws = _service(run.emulator, run.ports.emulator, run.ports, emulator.is_ready)
        stand_in = _service(run.stand_in, run.ports.stand_in, run.ports, gemini.is_ready)
    return Status(
        running=all(service and service.healthy for service in (aws, stand_in)),
        emulator=aws,
        gemini_stand_in=stand_in,
        layers=[LayerStatus(name=name, resources=len(s.resources)) for name, s in states.items()],
        function_url=function_url(states),
    )


def _service(
    process: ProcessIdentity | None, port: int, ports: Ports, is_ready: Callable[[Ports], bool]
) -> ServiceStatus | None:
    if process is None:
        return None
    running = processes.is_running(process)
    return ServiceStatus(
        url=f"http://127.0.0.1:{port}",
        pid=process.pid,
        running=running,
        healthy=running and is_ready(ports),
    )
