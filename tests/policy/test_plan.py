"""The stacks become modules of one configuration that asks AWS nothing."""

from __future__ import annotations

import json
from typing import Any

from policy.plan import configuration

STATE = "data.terraform_remote_state.base.outputs.key_arn"
STACKS: dict[str, Any] = {
    "prod-base": {
        "terraform": {"required_providers": {"aws": {"source": "aws"}}, "backend": {"s3": {}}},
        "provider": {"aws": [{"region": "eu-central-1"}]},
        "resource": {"aws_kms_key": {"key": {"provider": "aws.us_east_1"}}},
        "output": {"key_arn": {"value": "${aws_kms_key.key.arn}"}},
    },
    "prod-storage": {
        "terraform": {},
        "data": {
            "terraform_remote_state": {"base": {}},
            "aws_caller_identity": {"current": {"provider": "aws.us_east_1"}},
            "aws_iam_policy_document": {"policy": {"provider": "aws.us_east_1"}},
        },
        "resource": {
            "aws_s3_bucket": {
                "logs": {
                    "key": f"${{{STATE}}}",
                    "owner": "${data.aws_caller_identity.current.account_id}",
                }
            }
        },
    },
}


def test_references_between_stacks_become_references_between_modules() -> None:
    documents = configuration(STACKS)
    call = documents["main.tf.json"]["module"]["prod-storage"]
    assert call["base_key_arn"] == "${module.prod-base.key_arn}"
    module = documents["prod-storage/main.tf.json"]
    bucket = module["resource"]["aws_s3_bucket"]["logs"]
    assert bucket == {"key": "${var.base_key_arn}", "owner": "${var.account_id}"}
    assert module["variable"].keys() == call.keys() - {"source"}


def test_no_state_is_read_and_no_account_asked() -> None:
    documents = configuration(STACKS)
    (provider,) = [one["provider"] for one in documents.values() if "provider" in one]
    assert provider["aws"]["skip_requesting_account_id"] is True
    modules = {name: one for name, one in documents.items() if name != "main.tf.json"}
    assert len(modules) == 2
    for module in modules.values():
        assert not module.keys() & {"terraform", "provider"}
        assert "data." not in json.dumps(module)
    # The provider computes it without AWS.
    assert modules["prod-storage/main.tf.json"]["data"] == {
        "aws_iam_policy_document": {"policy": {}}
    }
    assert "data" not in modules["prod-base/main.tf.json"]
    assert modules["prod-base/main.tf.json"]["resource"]["aws_kms_key"]["key"] == {}
