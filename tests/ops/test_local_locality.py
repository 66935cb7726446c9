"""Only provably local stacks are applied."""

from pathlib import Path
from typing import Any

import pytest

from ops.common.environment import local_aws, scrubbed
from ops.common.errors import RefusedError
from ops.local import locality
from ops.terraform.stacks import Stack

PORT = 4566
LOCAL = f"http://127.0.0.1:{PORT}"


def _stack(root: Path, **changed: Any) -> Stack:
    document = {
        "terraform": {"backend": {"local": {"path": "../../../.local/state/local/x.tfstate"}}},
        "provider": {"aws": [{"region": "us-east-1", "endpoints": [{"s3": LOCAL, "sts": LOCAL}]}]},
        **changed,
    }
    folder = root / "cdktf.out" / "stacks" / "local-x"
    return Stack(name="local-x", folder=folder, needs=(), document=document)


def _check(root: Path, *stacks: Stack) -> None:
    locality.check(stacks, port=PORT, state_root=root / ".local" / "state" / "local")


def _remote_state(backend: str, path: str) -> dict[str, Any]:
    state = {"backend": backend, "config": {"path": path}}
    return {"data": {"terraform_remote_state": {"base": state}}}


def test_local_stacks_pass(tmp_path: Path) -> None:
    near = _remote_state("local", "../../../.local/state/local/base.tfstate")
    _check(tmp_path, _stack(tmp_path), _stack(tmp_path, **near))


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.us-east-1.amazonaws.com",
        "http://192.168.0.7:4566",
        "http://127.0.0.1:4566@example.com:4566",
        "http://127.0.0.1.example.com:4566",
        "http://localhost.example.com:4566",
        "http://127.0.0.1:4999",
        "http://127.0.0.1",
        "http://127.0.0.1:port",
        "127.0.0.1:4566",
        "${var.endpoint}",
        "",
    ],
)
def test_refuses_other_endpoints(tmp_path: Path, url: str) -> None:
    provider = {"aws": [{"endpoints": [{"sts": LOCAL, "s3": url}]}]}
    with pytest.raises(RefusedError, match=r"the endpoint of s3, .* is not port 4566") as error:
        _check(tmp_path, _stack(tmp_path), _stack(tmp_path, provider=provider))
    assert error.value.exit_code == 5


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"])
def test_accepts_every_loopback_address(tmp_path: Path, host: str) -> None:
    provider = {"aws": [{"endpoints": [{"s3": f"http://{host}:{PORT}"}]}]}
    _check(tmp_path, _stack(tmp_path, provider=provider))


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        (None, "no aws provider block"),
        ({}, "no aws provider block"),
        ({"aws": []}, "no aws provider block"),
        ({"aws": [{"region": "us-east-1"}]}, "has no endpoints"),
        ({"aws": {"region": "us-east-1", "endpoints": []}}, "has no endpoints"),
        ({"aws": [{"endpoints": [{"s3": LOCAL}]}, {"alias": "replica"}]}, "has no endpoints"),
        ({"aws": [{"endpoints": [{"s3": LOCAL}]}], "google": [{}]}, "provider google"),
    ],
)
def test_refuses_providers_without_endpoints(
    tmp_path: Path, provider: dict[str, Any] | None, message: str
) -> None:
    with pytest.raises(RefusedError, match=message):
        _check(tmp_path, _stack(tmp_path, provider=provider))


@pytest.mark.parametrize(
    "terraform",
    [
        {},
        {"backend": {"s3": {"bucket": "b"}}},
        {"cloud": {"organization": "o"}, "backend": {"local": {"path": "x"}}},
        {"backend": {"local": {"path": "../../../.local/state/prod/x.tfstate"}}},
        {"backend": {"local": {"path": "/elsewhere/x.tfstate"}}},
    ],
)
def test_refuses_other_states(tmp_path: Path, terraform: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match=r"its state (file|is)"):
        _check(tmp_path, _stack(tmp_path, terraform=terraform))


@pytest.mark.parametrize(
    ("backend", "path"), [("s3", ""), ("local", "../../../.local/state/prod/base.tfstate")]
)
def test_refuses_other_remote_states(tmp_path: Path, backend: str, path: str) -> None:
    with pytest.raises(RefusedError, match="the remote state base"):
        _check(tmp_path, _stack(tmp_path, **_remote_state(backend, path)))


def test_reports_every_problem_at_once(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as error:
        _check(tmp_path, _stack(tmp_path, provider=None, terraform={}))
    assert str(error.value).count("local-x: ") == 2


def test_a_synthesized_and_initialized_folder_passes(tmp_path: Path) -> None:
    stack = _stack(tmp_path)
    (stack.folder / "assets" / "package").mkdir(parents=True)
    (stack.folder / "assets" / "package" / "archive.zip").touch()
    (stack.folder / ".terraform" / "providers").mkdir(parents=True)
    (stack.folder / ".terraform" / "providers" / "aws").symlink_to("/opt")
    for name in ("cdk.tf.json", ".terraform.lock.hcl"):
        (stack.folder / name).touch()

    _check(tmp_path, stack)


@pytest.mark.parametrize(
    "name",
    [
        *("override.tf", "cdk_override.tf.json", "more.tf", "more.tf.json"),
        *("terraform.tfvars", "terraform.tfvars.json", "x.auto.tfvars", ".hidden.tf"),
        *("modules/main.tf", "a note.txt"),
    ],
)
def test_refuses_what_the_synthesis_has_not_written(tmp_path: Path, name: str) -> None:
    stack = _stack(tmp_path)
    file = stack.folder / name
    file.parent.mkdir(parents=True)
    file.touch()

    with pytest.raises(RefusedError, match=f"{name.partition('/')[0]} is unknown") as error:
        _check(tmp_path, stack)

    assert error.value.exit_code == 5
    assert "move it elsewhere" in str(error.value.remedy)


@pytest.mark.parametrize("name", ["cdk.tf.json", "assets", "assets/package/archive.zip"])
def test_refuses_links(tmp_path: Path, name: str) -> None:
    stack = _stack(tmp_path)
    link = stack.folder / name
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path)

    with pytest.raises(RefusedError, match=f"{name} is a symbolic link"):
        _check(tmp_path, stack)


def test_refuses_modules(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="it has modules"):
        _check(tmp_path, _stack(tmp_path, module={"x": {"source": "./assets"}}))


def test_programs_get_none_of_the_users_aws_settings() -> None:
    user = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "LC_ALL": "C",
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "secret",
        "AWS_ENDPOINT_URL": "https://example.com",
        "TF_VAR_x": "1",
        "TF_CLI_ARGS": "-destroy",
        "TF_CLI_ARGS_apply": "-destroy",
        "TF_DATA_DIR": "/elsewhere",
        "TF_WORKSPACE": "other",
        "GEMINI_API_KEY": "secret",
    }
    assert scrubbed(user) == {"PATH": "/bin", "HOME": "/home/me", "LC_ALL": "C"}
    local = local_aws(user, PORT)
    assert "production" not in local.values()
    assert "secret" not in local.values()
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & local.keys(), "the profile has it"
    assert local["AWS_ENDPOINT_URL"] == LOCAL
    assert local["AWS_CONFIG_FILE"] == local["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert local["AWS_EC2_METADATA_DISABLED"] == "true"
