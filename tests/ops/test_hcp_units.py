"""The parts of `ops hcp` that need no server: settings, what is wanted, differences, the token."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.catalogue import Layer
from modules.environments import Environment
from modules.naming import Naming
from modules.schema.reader import structure
from modules.settings import Settings
from ops.common.errors import AccessError, BadInputError
from ops.hcp import access, logs, workspace_runs
from ops.hcp.differences import (
    AddRunTrigger,
    Change,
    CreateProject,
    CreateWorkspace,
    DeleteVariables,
    DeleteWorkspace,
    Notify,
    RemoveRunTrigger,
    SetVariables,
    ShareState,
    UpdateWorkspace,
    plan,
)
from ops.hcp.model import ATTRIBUTES, Found, Notification, VariableSet, Wanted, Workspace
from ops.hcp.wanted import driven_layers, wanted
from ops.terraform.stacks import Stack

HOST = "app.terraform.io"
SECRET = "https://hooks.example.org/T0/secret"


def _environment(hcp: Mapping[str, object] | None = None, **more: object) -> Environment:
    document: dict[str, object] = {
        "region": "us-east-1",
        "retain": False,
        "account_id": "123456789012",
        "state": {"hcp": {"organization": "my-company", **(hcp or {})}},
        "table": {"billing": "on-demand"},
        **more,
    }
    read, problems = structure(Settings, document)
    assert not problems, problems
    return Environment(naming=Naming(environment="box"), settings=read)


def _problems(hcp: Mapping[str, object]) -> list[str]:
    document = {
        "region": "us-east-1",
        "retain": False,
        "state": {"hcp": {"organization": "my-company", **hcp}},
        "table": {"billing": "on-demand"},
    }
    return [problem.field for problem in structure(Settings, document)[1]]


# --- Settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hcp", "field"),
    [
        ({"execution_mode": "agent"}, "agent_pool"),
        ({"agent_pool": "apool-yoGUFz5zcRMMz53i"}, "agent_pool"),
        ({"execution_mode": "local", "auto_apply": True}, "auto_apply"),
        ({"execution_mode": "local", "run_triggers": True}, "run_triggers"),
        ({"execution_mode": "local", "assessments": True}, "assessments"),
        ({"execution_mode": "local", "vcs_driven": True}, "vcs_driven"),
        ({"execution_mode": "local", "terraform_version": "1.11.4"}, "terraform_version"),
        ({"terraform_version": ">= 1.0"}, "terraform_version"),
        ({"tags": {"environment": "dev"}}, "tags.environment"),
        ({"tags": {"Team": "climate"}}, "tags.Team"),
        ({"notification": {"kind": "slack", "url_variable": SECRET}}, "notification.url_variable"),
    ],
)
def test_settings_that_contradict_each_other_or_the_format(
    hcp: dict[str, object], field: str
) -> None:
    assert _problems(hcp) == [f"state.hcp.{field}"]


# --- What is wanted --------------------------------------------------------------------------


def _stack(name: str, *reads: str) -> Stack:
    states = {
        one: {"backend": "remote", "config": {"workspaces": {"name": f"co2-analysis-{one}"}}}
        for one in reads
    }
    return Stack(
        name=name,
        folder=Path(name),
        needs=tuple(reads),
        document={"data": {"terraform_remote_state": states}} if reads else {},
    )


STACKS = (
    _stack("box-bootstrap"),
    _stack("box-base"),
    _stack("box-storage", "box-base"),
    _stack("box-compute", "box-base", "box-storage"),
)


def _wanted(hcp: Mapping[str, object] | None = None, **more: object) -> Wanted:
    environment = _environment(hcp, **more)
    hcp_state = environment.settings.state.hcp
    assert hcp_state
    names = {stack.name for stack in STACKS}
    further = {environment.naming.stack(layer) for layer in environment.layers} - names
    stacks = (*STACKS, *map(_stack, sorted(further)))
    return wanted(environment, hcp_state, stacks, {"HOOK": SECRET})


def test_a_state_is_shared_with_exactly_those_that_read_it() -> None:
    shared = {one.name.rpartition("-")[2]: one.consumers for one in _wanted().workspaces}

    assert shared.pop("base") == {"co2-analysis-box-storage", "co2-analysis-box-compute"}
    assert shared.pop("storage") == {"co2-analysis-box-compute"}
    assert not any(shared.values()), "nothing else is read"


def test_run_triggers_follow_the_states_that_are_read() -> None:
    assert not any(one.sources for one in _wanted().workspaces)
    sources = {one.name: one.sources for one in _wanted({"run_triggers": True}).workspaces}
    assert sources["co2-analysis-box-compute"] == {
        "co2-analysis-box-base",
        "co2-analysis-box-storage",
    }


def test_the_bootstrap_layer_is_applied_by_an_administrator_and_has_no_runs() -> None:
    environment = _environment(bootstrap={"hcp": {}})

    assert Layer.BOOTSTRAP in environment.layers
    assert Layer.BOOTSTRAP not in driven_layers(environment)
    names = [one.name for one in _wanted(bootstrap={"hcp": {}}).workspaces]
    assert not any("bootstrap" in name for name in names)


@pytest.mark.parametrize(
    ("region", "partition"), [("us-east-1", "aws"), ("us-gov-west-1", "aws-us-gov")]
)
def test_runs_assume_the_roles_of_the_bootstrap_layer(region: str, partition: str) -> None:
    assert _wanted().variable_set is None
    variables = _wanted(region=region, bootstrap={"hcp": {}}).variable_set
    assert variables

    role = f"arn:{partition}:iam::123456789012:role/co2-analysis/bootstrap/co2-analysis-box"
    assert variables.variables == {
        "TFC_AWS_PROVIDER_AUTH": "true",
        "TFC_AWS_PLAN_ROLE_ARN": f"{role}-plan-role",
        "TFC_AWS_APPLY_ROLE_ARN": f"{role}-apply-role",
    }
    assert variables.workspaces == {one.name for one in _wanted().workspaces}


def test_vcs_driven_workspaces_read_their_folder_of_the_repository() -> None:
    base, *_ = _wanted({"vcs_driven": True}).workspaces
    assert base.working_directory == "cdktf.out/stacks/box-base"
    assert base.trigger_patterns == ("cdktf.out/stacks/box-base/**/*",)
    # Without a repository an upload is the stack alone.
    assert _wanted().workspaces[0].working_directory == ""


# --- Differences -----------------------------------------------------------------------------

NAMES = [f"co2-analysis-box-{layer}" for layer in ("base", "storage", "compute")]
_names = st.frozensets(st.sampled_from(NAMES))
_notifications = st.none() | st.builds(
    Notification,
    kind=st.sampled_from(["slack", "generic"]),
    triggers=st.frozensets(st.sampled_from(["run:errored", "run:needs_attention"])),
    url=st.sampled_from([SECRET, "https://hooks.example.org/other"]),
    enabled=st.booleans(),
)


def _workspaces(name: str) -> st.SearchStrategy[Workspace]:
    return st.builds(
        Workspace,
        name=st.just(name),
        description=st.sampled_from(["", "storage"]),
        project=st.sampled_from([None, "co2", "other"]),
        execution_mode=st.sampled_from(["remote", "local", "agent"]),
        agent_pool=st.sampled_from([None, "apool-1"]),
        terraform_version=st.sampled_from([None, "1.11.4"]),
        working_directory=st.sampled_from(["", "cdktf.out/stacks/box-base"]),
        trigger_patterns=st.sampled_from([(), ("cdktf.out/**/*",)]),
        auto_apply=st.booleans(),
        assessments=st.booleans(),
        global_remote_state=st.booleans(),
        tags=st.dictionaries(st.sampled_from(["layer", "team"]), st.sampled_from(["a", "b"])),
        consumers=_names,
        sources=_names,
        notification=_notifications,
    )


_sets = st.none() | st.builds(
    VariableSet,
    name=st.just("co2-analysis-box-aws-roles"),
    variables=st.dictionaries(
        st.sampled_from(["TFC_AWS_PROVIDER_AUTH", "MORE"]), st.sampled_from([None, "true", "x"])
    ),
    workspaces=_names,
    is_global=st.booleans(),
)


@st.composite
def _found(draw: st.DrawFn) -> Found:
    names = draw(_names)
    return Found(
        project=draw(st.sampled_from([None, "co2"])),
        workspaces={name: draw(_workspaces(name)) for name in sorted(names)},
        with_state=draw(_names) & names,
        variable_set=draw(_sets),
    )


@st.composite
def _wants(draw: st.DrawFn) -> Wanted:
    workspaces = tuple(draw(_workspaces(name)) for name in sorted(draw(_names)))
    notifications = (
        one.notification and dataclasses.replace(one.notification, enabled=True)
        for one in workspaces
    )
    variables = draw(_sets)
    return Wanted(
        project=draw(st.sampled_from([None, "co2"])),
        workspaces=tuple(
            dataclasses.replace(one, notification=notification)
            for one, notification in zip(workspaces, notifications, strict=True)
        ),
        variable_set=variables and dataclasses.replace(variables, is_global=False),
    )


def _after(found: Found, changes: tuple[Change, ...]) -> Found:  # noqa: C901 - a case each
    """Return what there is after the changes, by what each says it does."""
    workspaces = dict(found.workspaces)
    project, variables = found.project, found.variable_set

    def replace(name: str, **values: Any) -> None:
        workspaces[name] = dataclasses.replace(workspaces[name], **values)

    for change in changes:
        name = change.name
        match change:
            case CreateProject():
                project = name
            case CreateWorkspace(workspace=one):
                given = {key: getattr(one, key) for key in (*ATTRIBUTES, "tags")}
                workspaces[name] = Workspace(name=name, **given)
            case UpdateWorkspace(after=one):
                replace(name, **{key: getattr(one, key) for key in change.attributes})
                replace(name, tags={**workspaces[name].tags, **change.tags})
            case ShareState():
                kept = workspaces[name].consumers - change.removed
                replace(name, consumers=kept | change.added)
            case RemoveRunTrigger():
                replace(name, sources=workspaces[name].sources - {change.source})
            case AddRunTrigger():
                replace(name, sources=workspaces[name].sources | {change.source})
            case Notify():
                replace(name, notification=change.after)
            case SetVariables():
                variables = change.after
            case DeleteVariables():
                variables = None
            case DeleteWorkspace():
                del workspaces[name]
            case _:
                pytest.fail(type(change).__name__)
    return Found(
        project=project,
        workspaces=workspaces,
        with_state=found.with_state & workspaces.keys(),
        variable_set=variables,
    )


@settings(max_examples=40)
@given(_found(), _wants())
def test_the_changes_lead_to_what_is_wanted(found: Found, wants: Wanted) -> None:
    planned = plan(found, wants)
    after = _after(found, planned.changes)

    assert after.workspaces.keys() == {one.name for one in wants.workspaces} | set(planned.kept)
    for one in wants.workspaces:
        made = after.workspaces[one.name]
        assert one.tags.items() <= made.tags.items()
        for name in ("project", "agent_pool", "terraform_version"):
            left = getattr(found.workspaces.get(one.name, Workspace(name="")), name)
            assert getattr(made, name) == (getattr(one, name) or left)
        same = {"tags": one.tags, "project": one.project, "agent_pool": one.agent_pool,
                "terraform_version": one.terraform_version}  # fmt: skip
        assert dataclasses.replace(made, **same) == one  # type: ignore[arg-type]
    assert after.variable_set == wants.variable_set
    assert wants.project in {None, after.project}
    assert plan(after, wants).changes == ()


@settings(max_examples=40)
@given(_found(), _wants())
def test_a_workspace_with_a_state_is_deleted_only_by_name(found: Found, wants: Wanted) -> None:
    unwanted = found.workspaces.keys() - {one.name for one in wants.workspaces}
    kept = plan(found, wants).kept
    assert set(kept) == unwanted & found.with_state

    named = plan(found, wants, deletable=kept)
    assert named.kept == ()
    deleted = {one.name for one in named.changes if isinstance(one, DeleteWorkspace)}
    assert deleted == unwanted


@settings(max_examples=40)
@given(_found(), _wants())
def test_no_line_of_a_plan_has_the_url_of_a_webhook(found: Found, wants: Wanted) -> None:
    changes = plan(found, wants).changes
    shown = json.dumps([one.document() for one in changes])
    assert "hooks.example.org" not in shown
    assert "hooks.example.org" not in repr(changes)
    assert all(next(one.lines()).startswith(("+ ", "~ ", "- ")) for one in changes)


def test_a_url_that_is_not_known_is_no_difference() -> None:
    known = Notification(kind="slack", triggers=frozenset(), url=SECRET)
    unknown = dataclasses.replace(known, url=None)
    for before, after in ((known, unknown), (unknown, known)):
        found = Found(
            project=None,
            workspaces={"one": Workspace(name="one", notification=before)},
            with_state=frozenset(),
            variable_set=None,
        )
        wants = Wanted(
            project=None,
            workspaces=(Workspace(name="one", notification=after),),
            variable_set=None,
        )
        assert plan(found, wants).changes == ()


# --- Access ----------------------------------------------------------------------------------


def _login(home: Path, content: str) -> None:
    (home / ".terraform.d").mkdir()
    (home / ".terraform.d" / "credentials.tfrc.json").write_text(content, encoding="utf-8")


def test_the_token_comes_from_where_terraform_looks(tmp_path: Path) -> None:
    _login(tmp_path, json.dumps({"credentials": {HOST: {"token": "of-login"}}}))
    both = {"TF_TOKEN_app_terraform_io": "of-host", "TFE_TOKEN": "of-all"}

    def token(variables: Mapping[str, str], host: str = HOST) -> str:
        return access.find(host, variables=variables, home=tmp_path).token

    assert token(both) == "of-host"
    assert token({"TFE_TOKEN": "of-all\n"}) == "of-all"
    assert token({}) == "of-login"
    assert token({"TF_TOKEN_tfe_my__company_com": "x"}, "tfe.my-company.com") == "x"


@pytest.mark.parametrize("content", [None, "{", "[]", '{"credentials": {}}'])
def test_without_a_token_the_error_says_how_to_get_one(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        _login(tmp_path, content)
    with pytest.raises(AccessError) as error:
        access.find(HOST, variables={}, home=tmp_path)
    assert error.value.remedy == (
        "terraform login app.terraform.io, or set TF_TOKEN_app_terraform_io"
    )


def test_the_token_is_sent_to_this_machine_or_to_the_host_of_the_settings_only() -> None:
    def address(override: str) -> str:
        variables = {"TFE_TOKEN": "x", "CO2_HCP_ADDRESS": override}
        return access.find(HOST, variables=variables).address

    assert address("") == "https://app.terraform.io"
    assert address("http://127.0.0.1:4000") == "http://127.0.0.1:4000"
    for elsewhere in ("http://example.org", "https://127.0.0.1", "http://127.0.0.1.example.org"):
        with pytest.raises(BadInputError):
            address(elsewhere)


def test_the_token_is_in_no_representation() -> None:
    assert "secret" not in repr(access.Access(hostname=HOST, address="", token="secret"))


# --- Runs ------------------------------------------------------------------------------------


def test_the_same_stack_is_the_same_upload(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder / "assets").mkdir(parents=True)
        (tmp_path / folder / "cdk.tf.json").write_text("{}")
        (tmp_path / folder / "assets" / "package.zip").write_bytes(b"PK")
        (tmp_path / folder / ".terraform").mkdir()
        (tmp_path / folder / ".terraform" / folder).write_text("of this machine")

    packed = workspace_runs.pack(tmp_path / "one", "")
    assert packed == workspace_runs.pack(tmp_path / "two", "")
    assert packed != workspace_runs.pack(tmp_path / "one", "stacks/one")
    for directory, start in (("", ""), ("cdktf.out/stacks/one", "cdktf.out/stacks/one/")):
        content = gzip.decompress(workspace_runs.pack(tmp_path / "one", directory))
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            names = archive.getnames()
        assert names == [f"{start}assets/package.zip", f"{start}cdk.tf.json"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"\x02Terraform v1.11.4", "Terraform v1.11.4"),
        (b"\x1b[1m\x1b[32mApply complete!\x1b[0m\r", "Apply complete!"),
        (b'{"@level":"info","@message":"Plan: 1 to add"}', "Plan: 1 to add"),
        (
            b'{"@message":"Error: Unsupported attribute","diagnostic":{"detail":"no output"}}',
            "Error: Unsupported attribute: no output",
        ),
        (b'{"not": "a log"}', '{"not": "a log"}'),
        (b"{ not JSON", "{ not JSON"),
    ],
)
def test_a_log_is_shown_without_its_frame_and_colours(line: bytes, shown: str) -> None:
    assert logs.text(line) == shown
