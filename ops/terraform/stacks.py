"""The local stacks as ``main.py`` synthesizes them, and their states."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from modules import environments
from modules.catalogue import Layer
from ops.common.environment import scrubbed
from ops.common.errors import BadInputError, OperatorError
from ops.common.local_address import ENVIRONMENT
from ops.common.paths import NAMING, LocalPaths
from ops.common.processes import python
from ops.terraform import states
from ops.terraform.states import State

_BAD_INPUT = 2
_LAST_LINES = 15


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A root module on disk and the names of the stacks it depends on; ``document`` is its JSON."""

    name: str
    folder: Path
    needs: tuple[str, ...]
    document: Mapping[str, Any] = field(repr=False)

    @property
    def state_file(self) -> Path:
        """The stack's state."""
        return (self.folder / str(self.document["terraform"]["backend"]["local"]["path"])).resolve()


def synthesize(
    paths: LocalPaths, *, output: Path, port: int, user_environment: Mapping[str, str]
) -> list[Stack]:
    """Synthesize the local stacks to ``output`` and return them in dependency order.

    Their folders are those below ``paths.output``, since a dry run writes elsewhere.

    Raises:
        BadInputError: A setting is wrong; the message is that of ``main.py``.
        OperatorError: ``main.py`` failed for another reason.

    """
    run_main(
        *("--env", ENVIRONMENT, "--local-port", str(port), "--output", str(output)),
        checkout=paths.checkout,
        user_environment=user_environment,
    )
    return read_stacks(output, place=paths.output)


def run_main(*options: str, checkout: Path, user_environment: Mapping[str, str]) -> None:
    """Run ``main.py`` without the user's settings.

    Raises:
        BadInputError: A setting is wrong; the message is that of ``main.py``.
        OperatorError: ``main.py`` failed for another reason.

    """
    result = subprocess.run(
        python("main.py", *options),
        cwd=checkout,
        env=scrubbed(user_environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    printed = result.stderr.strip() or result.stdout.strip()
    if result.returncode == _BAD_INPUT:
        raise BadInputError(f"the stacks were not synthesized.\n{printed}")
    if result.returncode:
        last = "\n".join(printed.splitlines()[-_LAST_LINES:])
        raise OperatorError(
            f"main.py failed with exit code {result.returncode}:\n{last}",
            remedy=f"run it alone for the full output: python main.py {' '.join(options)}",
        )


def settings_folder(user_environment: Mapping[str, str]) -> Path:
    """Return the folder of the settings; a relative one is below the user's current folder."""
    return Path(user_environment.get("CO2_SETTINGS") or environments.FOLDER).resolve()


def read_stacks(output: Path, *, place: Path) -> list[Stack]:
    """Return the stacks in ``output`` in dependency order, with folders below ``place``.

    Raises:
        OperatorError: The output is incomplete, or the dependencies form a cycle.

    """
    try:
        entries = json.loads((output / "manifest.json").read_text(encoding="utf-8"))["stacks"]
        stacks = {
            name: _read_stack(output, place, entry) for name, entry in sorted(entries.items())
        }
        order = TopologicalSorter({stack.name: stack.needs for stack in stacks.values()})
        return [stacks[name] for name in order.static_order()]
    except CycleError as error:
        raise OperatorError(f"dependency cycle: {' -> '.join(error.args[1])}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OperatorError(
            f"{output} is not a complete output of main.py ({type(error).__name__}: {error})",
            remedy="run main.py and read its messages",
        ) from error


def read_state(path: Path) -> State:
    """Read a state file; a missing one is an empty state.

    Raises:
        OperatorError: The file is not a Terraform state of the supported version.

    """
    try:
        content = states.read_file(path)
        if content is None:
            return State()
        # Unlike a backend's, a file that is empty was cut off.
        return states.parse(content or b"null", str(path)) or State()
    except OperatorError as error:
        error.remedy = "delete it: python -m ops local down"
        raise


def read_states(paths: LocalPaths) -> dict[str, State]:
    """Read the existing states, by stack name.

    Raises:
        OperatorError: One of them cannot be read.

    """
    return {name: read_state(file) for name, file in paths.state_files().items()}


def function_url(found: Mapping[str, State]) -> str | None:
    """Return the URL of the deployed function, or None if it is not deployed."""
    url = found.get(NAMING.stack(Layer.COMPUTE), State()).outputs.get("function_url")
    return str(url) if url else None


def digest(stacks: Sequence[Stack], *, emulator: str) -> str:
    """Return a digest of the stacks, their states, and the start of the emulator.

    While it is unchanged, neither the code nor the state has changed since the last apply, so
    Terraform would find nothing to do.
    """
    result = hashlib.sha256(emulator.encode())
    for stack in stacks:
        result.update(json.dumps([stack.name, stack.needs, stack.document]).encode())
        if stack.state_file.exists():
            result.update(stack.state_file.read_bytes())
    return result.hexdigest()


def _read_stack(output: Path, place: Path, entry: Mapping[str, Any]) -> Stack:
    document = json.loads((output / entry["synthesizedStackPath"]).read_text(encoding="utf-8"))
    return Stack(
        name=entry["name"],
        folder=place / entry["workingDirectory"],
        needs=tuple(sorted(entry["dependencies"])),
        document=document,
    )
