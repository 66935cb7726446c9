"""Forms of text that more than one section takes."""

from __future__ import annotations

from modules.constraints import Matches

REGION = Matches(r"[a-z]{2}(-[a-z]+)+-\d", "an AWS Region code", "eu-central-1")
