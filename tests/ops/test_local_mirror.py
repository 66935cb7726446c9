"""Where the provider comes from: the order of the folders, the registry, the user's own wishes."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from ops.common.errors import MissingToolError
from ops.local.mirror import Mirror, find_mirror, known_folders
from ops.local.paths import LocalPaths
from ops.local.provider import ProviderSource, find_provider, terraform_environment

PLATFORM = "linux_amd64"
VERSIONS = ">= 5.100.0, < 7.0.0"
PROVIDER = "registry.terraform.io/hashicorp/aws"


def _unpacked(folder: Path, version: str = "5.100.0", platform: str = PLATFORM) -> Path:
    program = folder / PROVIDER / version / platform / f"terraform-provider-aws_v{version}_x5"
    program.parent.mkdir(parents=True)
    program.touch()
    return folder


def _packed(folder: Path, version: str = "5.100.0", platform: str = PLATFORM) -> Path:
    file = folder / PROVIDER / f"terraform-provider-aws_{version}_{platform}.zip"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    return folder


def _mirror(*folders: Path) -> Mirror | None:
    return find_mirror(folders, platform=PLATFORM, versions=VERSIONS)


def test_takes_the_newest_usable_version_of_the_first_folder(tmp_path: Path) -> None:
    first = tmp_path / "first"
    for version in ("5.99.0", "5.100.0", "6.2.0", "6.10.0", "7.0.0", "6.11.0-beta1"):
        _unpacked(first, version)
    _unpacked(tmp_path / "second", "6.25.0")
    assert _mirror(first, tmp_path / "second") == Mirror(
        folder=first, version="6.10.0", packed=False
    )


def test_passes_over_folders_without_a_usable_provider(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bare" / PROVIDER / "5.100.0" / PLATFORM).mkdir(parents=True)
    old = _unpacked(tmp_path / "old", "4.67.0")
    foreign = _unpacked(tmp_path / "foreign", platform="darwin_arm64")
    good = _packed(tmp_path / "good")
    missing, empty, bare = tmp_path / "missing", tmp_path / "empty", tmp_path / "bare"
    found = _mirror(missing, empty, bare, old, foreign, good)
    assert found == Mirror(folder=good, version="5.100.0", packed=True)


def test_nothing_usable(tmp_path: Path) -> None:
    _packed(tmp_path, platform="linux_arm64")
    assert _mirror(tmp_path) is None


def test_looks_where_terraform_looks_and_then_among_optional_software(tmp_path: Path) -> None:
    for folder in ("opt/b-tools", "opt/a-plugins"):
        (tmp_path / folder).mkdir(parents=True)
    user = {
        "HOME": str(tmp_path / "home"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_DATA_DIRS": f"{tmp_path}/one:{tmp_path}/two",
    }
    found = known_folders(user, checkout=tmp_path / "checkout", root=tmp_path)
    assert [str(folder.relative_to(tmp_path)) for folder in found] == [
        "checkout/terraform.d/plugins",
        "home/.terraform.d/plugins",
        "home/Library/Application Support/io.terraform/plugins",
        "Library/Application Support/io.terraform/plugins",
        "data/terraform/plugins",
        "one/terraform/plugins",
        "two/terraform/plugins",
        "usr/local/share/terraform/plugins",
        "usr/share/terraform/plugins",
        "opt/a-plugins",
        "opt/b-tools",
    ]


def _find(
    user: dict[str, str], *, folders: Iterable[Path] = (), registry: bool = False
) -> ProviderSource:
    return find_provider(
        user,
        platform=PLATFORM,
        versions=VERSIONS,
        folders=folders,
        registry_answers=lambda: registry,
    )


def test_the_registry_comes_before_folders(tmp_path: Path) -> None:
    folder = _unpacked(tmp_path / "mirror")
    user = {"HOME": str(tmp_path)}
    assert _find(user, folders=[folder], registry=True).mirror is None
    found = _find(user, folders=[folder]).mirror
    assert found is not None
    assert found.folder == folder


def test_the_users_wish_comes_before_the_registry(tmp_path: Path) -> None:
    folder = _unpacked(tmp_path / "mirror")
    user = {"HOME": str(tmp_path), "TF_PLUGIN_MIRROR": str(folder)}
    found = _find(user, registry=True).mirror
    assert found is not None
    assert found.folder == folder


def test_a_wish_that_cannot_be_met_is_an_error(tmp_path: Path) -> None:
    user = {"HOME": str(tmp_path), "TF_PLUGIN_MIRROR": str(tmp_path / "nowhere")}
    with pytest.raises(MissingToolError, match=r"TF_PLUGIN_MIRROR names .*nowhere") as error:
        _find(user, registry=True)
    assert "unset TF_PLUGIN_MIRROR" in str(error.value.remedy)


def test_without_registry_and_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingToolError, match=r">= 5\.100\.0, < 7\.0\.0 for linux_amd64") as error:
        _find({"HOME": str(tmp_path)}, folders=[tmp_path])
    assert "TF_PLUGIN_MIRROR" in str(error.value.remedy)


@pytest.mark.parametrize("named", [True, False])
def test_the_users_own_installation_rules_are_left_alone(tmp_path: Path, named: bool) -> None:
    config = tmp_path / ("mine.tfrc" if named else ".terraformrc")
    config.write_text("provider_installation {\n  network_mirror {}\n}\n", encoding="utf-8")
    user = {"HOME": str(tmp_path)} | ({"TF_CLI_CONFIG_FILE": str(config)} if named else {})
    source = _find(user)
    assert source == ProviderSource(
        text=f"as {config} says", mirror=None, user_config=config, uses_cache=False
    )
    variables = terraform_environment(source, LocalPaths(tmp_path), user)
    assert variables == {"TF_CLI_CONFIG_FILE": str(config)}


def test_a_configuration_that_does_not_exist_is_not_passed_on(tmp_path: Path) -> None:
    user = {"HOME": str(tmp_path), "TF_CLI_CONFIG_FILE": str(tmp_path / "missing")}
    paths = LocalPaths(tmp_path)
    variables = terraform_environment(_find(user, registry=True), paths, user)
    assert "TF_CLI_CONFIG_FILE" not in variables
    assert variables["TF_PLUGIN_CACHE_DIR"] == str(paths.plugin_cache)


def test_the_configuration_that_up_wrote_is_not_the_users(tmp_path: Path) -> None:
    folder = _unpacked(tmp_path / "mirror")
    paths = LocalPaths(tmp_path)
    user = {"HOME": str(tmp_path)}
    first = _find(user, folders=[folder])
    user |= terraform_environment(first, paths, user)
    assert user["TF_CLI_CONFIG_FILE"] == str(paths.terraform_config)
    assert _find(user, folders=[folder]) == first


def test_the_configuration_of_a_mirror(tmp_path: Path) -> None:
    folder = _unpacked(tmp_path / 'with "quotes"')
    user = {"HOME": str(tmp_path), "HTTPS_PROXY": "http://proxy:3128"}
    paths = LocalPaths(tmp_path)
    variables = terraform_environment(_find(user, folders=[folder]), paths, user)
    assert variables == {
        "HTTPS_PROXY": "http://proxy:3128",
        "TF_CLI_CONFIG_FILE": str(paths.terraform_config),
    }
    written = paths.terraform_config.read_text(encoding="utf-8")
    assert r"with \"quotes\"" in written
    assert f'exclude = ["{PROVIDER}"]' in written


def test_zip_files_are_unpacked_once_for_all_stacks(tmp_path: Path) -> None:
    folder = _packed(tmp_path / "mirror")
    paths = LocalPaths(tmp_path)
    user = {"HOME": str(tmp_path)}
    assert "TF_PLUGIN_CACHE_DIR" in terraform_environment(
        _find(user, folders=[folder]), paths, user
    )
    user["TF_PLUGIN_CACHE_DIR"] = "/cache/of/mine"
    variables = terraform_environment(_find(user, folders=[folder]), paths, user)
    assert variables["TF_PLUGIN_CACHE_DIR"] == "/cache/of/mine"
