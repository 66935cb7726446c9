"""``status``: what of the local AWS runs."""

from __future__ import annotations

from dataclasses import dataclass

from ops.local import emulator, processes, runfile, stand_in
from ops.local.names import state_files
from ops.local.paths import LocalPaths
from ops.local.stacks import read_state


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """Whether a process runs and answers, and where."""

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
    """What runs; without an emulator there is nothing in the layers' resources."""

    running: bool
    emulator: ServiceStatus | None
    gemini_stand_in: ServiceStatus | None
    layers: list[LayerStatus]
    function_url: str | None


def status(paths: LocalPaths) -> Status:
    """Return what runs, without changing anything.

    Raises:
        OperatorError: A state file cannot be read.

    """
    run = runfile.load(paths.run)
    states = {name: read_state(file) for name, file in state_files(paths).items()}
    urls = [url for state in states.values() if (url := state.outputs.get("function_url"))]
    services: list[ServiceStatus | None] = [None, None]
    if run:
        alive = processes.is_running(run.emulator)
        services[0] = ServiceStatus(
            url=run.ports.endpoint,
            pid=run.emulator.pid,
            running=alive,
            healthy=alive and emulator.is_ready(run.ports),
        )
    if run and run.stand_in:
        alive = processes.is_running(run.stand_in)
        services[1] = ServiceStatus(
            url=f"http://127.0.0.1:{run.ports.stand_in}",
            pid=run.stand_in.pid,
            running=alive,
            healthy=alive and stand_in.is_ready(run.ports),
        )
    return Status(
        running=all(service and service.healthy for service in services),
        emulator=services[0],
        gemini_stand_in=services[1],
        layers=[LayerStatus(name=name, resources=s.resources) for name, s in states.items()],
        function_url=urls[0] if urls else None,
    )
