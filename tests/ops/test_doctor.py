"""What the doctor expects of an environment is what its layers build."""

from __future__ import annotations

from pathlib import Path

from modules import environments
from modules.app import synthesize
from ops.common.target import find
from ops.doctor import alarms
from tests.modules.terraform_json import Stack

NAMES = ("dev", "staging", "prod")


def test_the_expected_alarms_are_those_of_the_monitoring_layer(tmp_path: Path) -> None:
    stacks = synthesize(environments.load(NAMES), output=tmp_path)
    for name in NAMES:
        expected = alarms.expected(find(name, variables={}))
        monitoring = f"{name}-monitoring"
        built = Stack.read(tmp_path, monitoring).resources() if monitoring in stacks else {}
        assert set(expected) == {
            resource["alarm_name"]
            for address, resource in built.items()
            if address.startswith("aws_cloudwatch_metric_alarm.")
        }
