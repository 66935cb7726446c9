"""Read environments from their files. No other module knows an environment by name."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules import adoption
from modules.catalogue import VARIABLES, Layer
from modules.naming import Naming
from modules.problems import InputError, Problem
from modules.schema.reader import structure
from modules.settings import LocalAws, Settings

FOLDER = Path(__file__).resolve().parent.parent / "environments"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An environment: its naming and its settings."""

    naming: Naming
    settings: Settings

    @property
    def function_variables(self) -> dict[str, str]:
        """The environment variables of the function; empty ones are left out."""
        filled = {
            name: value.format(naming=self.naming, settings=self.settings)
            for name, value in VARIABLES.items()
        }
        return {name: value for name, value in filled.items() if value}

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Layers of this environment."""
        return self.settings.layers


def names(folder: Path = FOLDER) -> list[str]:
    """Return the names of the environments with a file in ``folder``, sorted."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def load(
    wanted: Sequence[str] = (), *, local_port: int | None = None, folder: Path = FOLDER
) -> list[Environment]:
    """Return the environments called ``wanted``, or all those in AWS.

    ``local_port`` overrides the port of a local AWS.

    Raises:
        InputError: With every problem of every file.

    """
    known = names(folder)
    problems = [_unknown(name, known, folder) for name in wanted if name not in known]
    if not known:
        raise InputError([_empty(folder)])
    environments = []
    for name in dict.fromkeys(wanted or known):
        if name in known:
            environment, found = _read(folder / f"{name}.toml", local_port)
            problems += found
            if wanted or environment.settings.local_aws is None:
                environments.append(environment)
    if problems:
        raise InputError(problems)
    return environments


def _read(path: Path, local_port: int | None) -> tuple[Environment, list[Problem]]:
    naming = Naming(environment=path.stem)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = Problem(
            where=path.name,
            field="the file",
            reason=f"it is not valid TOML: {error}",
            remedy="correct that line; values are strings in quotes, numbers, true or false",
        )
        settings, _ = structure(Settings, {})
        return Environment(naming=naming, settings=settings), [problem]
    if local_port is not None and isinstance(document.get("local_aws"), dict):
        document["local_aws"] = {**document["local_aws"], "port": local_port}
    settings, problems = structure(Settings, document)
    settings = _with_stand_in(settings)
    naming = Naming(
        environment=path.stem, bucket_suffix=settings.buckets.suffix, extra_tags=settings.tags
    )
    if not any(problem.field == "buckets.suffix" for problem in problems):
        problems += _distinct(naming.problems())
    if not any(
        problem.field.startswith(("backup", "region", "account_id")) for problem in problems
    ):
        problems += _copied_to_itself(naming, settings)
    if not any(problem.field.startswith("adopt") for problem in problems):
        problems += adoption.problems(naming, settings)
    located = [dataclasses.replace(problem, where=path.name) for problem in problems]
    return Environment(naming=naming, settings=settings), located


def _with_stand_in(settings: Settings) -> Settings:
    """Point an environment on a local AWS to the Gemini stand-in, never to the real Gemini."""
    local: LocalAws | None = settings.local_aws
    if local is None:
        return settings
    gemini = dataclasses.replace(
        settings.gemini, endpoint=local.gemini_endpoint, hosts=(local.host,)
    )
    return dataclasses.replace(settings, gemini=gemini)


def _copied_to_itself(naming: Naming, settings: Settings) -> Iterator[Problem]:
    """Yield a problem if backups are copied to the vault that they are in."""
    target = settings.backup.copy_to_vault_arn if settings.backup else None
    own = f":backup:{settings.region}:{settings.account_id}:backup-vault:{naming.backup}"
    if target and target.endswith(own):
        yield Problem(
            field="backup.copy_to_vault_arn",
            value=target,
            reason="it is the vault of the backups themselves",
            remedy="write the ARN of a vault in another Region or account, or remove it",
        )


def _distinct(problems: Iterator[Problem]) -> list[Problem]:
    """Return one problem per field: a long suffix makes every bucket name too long."""
    return list({problem.field: problem for problem in problems}.values())


def _unknown(name: str, known: Sequence[str], folder: Path) -> Problem:
    return Problem(
        where="--env",
        field="environment",
        value=name,
        reason=f"{folder.name}/{name}.toml does not exist",
        remedy=f"choose from {', '.join(known)}, or add that file" if known else "add that file",
    )


def _empty(folder: Path) -> Problem:
    return Problem(
        where="--settings",
        field="folder",
        value=str(folder),
        reason="it contains no *.toml file",
        remedy="pass the folder of your environment files",
    )
