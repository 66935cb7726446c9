"""What the sticky comment refuses before GitHub is asked."""

from __future__ import annotations

import pytest

from ops.common.errors import BadInputError, MissingToolError
from ops.pipeline.github import put_comment

REPOSITORY = "my-company/co2-analysis"


def test_without_gh_the_remedy_says_where_to_get_it() -> None:
    with pytest.raises(MissingToolError) as error:
        put_comment(REPOSITORY, 1, "text", user_environment={"PATH": "/nonexistent"})
    assert "cli.github.com" in (error.value.remedy or "")


@pytest.mark.parametrize("name", ["co2-analysis", "a/b/c", "../user", "a/..", "a/b?c", "", "a/b\n"])
def test_a_repository_is_a_part_of_the_path_and_nothing_else(name: str) -> None:
    with pytest.raises(BadInputError, match="OWNER/NAME"):
        put_comment(name, 1, "text", user_environment={})
