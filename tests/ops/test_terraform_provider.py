"""Where Terraform installs the provider from."""

from pathlib import Path

import pytest

from ops.common.paths import LocalPaths
from ops.terraform.provider import PROVIDER, ProviderSource, find_provider


def _mirror(folder: Path, *, packed: bool = False) -> Path:
    platform, name = "linux_amd64", "terraform-provider-aws"
    file = f"{name}_5.100.0_{platform}.zip" if packed else f"5.100.0/{platform}/{name}_v5.100.0_x5"
    program = folder / PROVIDER / file
    program.parent.mkdir(parents=True)
    program.touch()
    return folder


class _User:
    """A user whose home, checkout and optional software are below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = LocalPaths(root)
        self.environment = {"HOME": str(root)}

    def find(self, *, registry: bool = False) -> ProviderSource:
        return find_provider(
            self.paths,
            self.environment,
            registry_answers=lambda: registry,
            optional_software=self.root / "opt",
        )

    def configure(self, *, registry: bool = False) -> dict[str, str]:
        return self.find(registry=registry).configure(self.paths, self.environment)


@pytest.fixture
def user(tmp_path: Path) -> _User:
    return _User(tmp_path)


def test_the_registry_comes_before_mirrors_below_opt(user: _User) -> None:
    folder = _mirror(user.root / "opt/plugins")
    (user.root / "opt/other").mkdir()
    assert list(user.find(registry=True).mirrors) == []
    assert user.find().mirrors == [folder]
    assert str(folder) in user.find().text


def test_the_registry_is_not_requested_where_nothing_could_replace_it(user: _User) -> None:
    def request() -> bool:
        raise AssertionError("requested")

    source = find_provider(
        user.paths,
        user.environment,
        registry_answers=request,
        optional_software=user.root / "opt",
    )
    assert list(source.mirrors) == []


def test_the_users_mirror_comes_before_the_registry(user: _User) -> None:
    _mirror(user.root / "opt/plugins")
    user.environment["TF_PLUGIN_MIRROR"] = "/a/mirror"
    assert user.find(registry=True).mirrors == [Path("/a/mirror")]


@pytest.mark.parametrize("named", [True, False])
def test_the_users_own_installation_rules_are_left_alone(user: _User, named: bool) -> None:
    _mirror(user.root / "opt/plugins")
    config = user.root / ("mine.tfrc" if named else ".terraformrc")
    config.write_text("provider_installation {\n  network_mirror {}\n}\n", encoding="utf-8")
    if named:
        user.environment["TF_CLI_CONFIG_FILE"] = str(config)
    assert user.find().text == f"as configured in {config}"
    assert user.configure() == {"TF_CLI_CONFIG_FILE": str(config)}


def test_the_users_other_configuration_is_used_without_a_mirror(user: _User) -> None:
    config = user.root / ".terraformrc"
    config.write_text('plugin_cache_dir = "/cache/of/mine"\n', encoding="utf-8")
    assert user.configure() == {"TF_CLI_CONFIG_FILE": str(config)}


def test_a_configuration_that_does_not_exist_is_not_passed_on(user: _User) -> None:
    user.environment["TF_CLI_CONFIG_FILE"] = str(user.root / "missing")
    variables = user.configure()
    assert "TF_CLI_CONFIG_FILE" not in variables
    assert variables["TF_PLUGIN_CACHE_DIR"] == str(user.paths.plugin_cache)


def test_the_configuration_that_up_generated_is_not_the_users(user: _User) -> None:
    _mirror(user.root / "opt/plugins")
    first = user.find()
    user.environment |= user.configure()
    assert user.environment["TF_CLI_CONFIG_FILE"] == str(user.paths.terraform_config)
    assert user.find() == first


def test_the_configuration_of_mirrors(user: _User) -> None:
    folders = [_mirror(user.root / "opt" / name) for name in ('with "quotes"', "plain")]
    user.environment["HTTPS_PROXY"] = "http://proxy:3128"
    assert user.configure() == {
        "HTTPS_PROXY": "http://proxy:3128",
        "TF_CLI_CONFIG_FILE": str(user.paths.terraform_config),
    }
    written = user.paths.terraform_config.read_text(encoding="utf-8")
    assert written.count("filesystem_mirror {") == len(folders)
    assert r"with \"quotes\"" in written
    assert f'exclude = ["{PROVIDER}"]' in written


def test_packed_providers_are_unpacked_once_for_all_stacks(user: _User) -> None:
    _mirror(user.root / "opt/plugins", packed=True)
    assert user.configure()["TF_PLUGIN_CACHE_DIR"] == str(user.paths.plugin_cache)
    user.environment["TF_PLUGIN_CACHE_DIR"] = "/cache/of/mine"
    assert user.configure()["TF_PLUGIN_CACHE_DIR"] == "/cache/of/mine"
