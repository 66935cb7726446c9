"""Whether the recording has every call that real Terraform makes on all layers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.iam.cases import RECORDED
from tests.iam.record import record
from tests.integration.terraform import Installation

pytestmark = [pytest.mark.slow, pytest.mark.integration]


def test_terraform_makes_no_call_that_is_not_recorded(
    installation: Installation, tmp_path: Path
) -> None:
    found = record(tmp_path, installation)

    new = {
        call: phases - RECORDED.get(call, frozenset())
        for call, phases in found.items()
        if phases - RECORDED.get(call, frozenset())
    }
    assert new == {}, "record it: python -m tests.iam.record"
