"""Which changes of rights are dangerous, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ops.review.policy_change import Change, Direction
from ops.review.policy_document import ABSENT, EVERYONE, Effect, Part
from ops.review.policy_patterns import ANY, covers, lowered, tokens
from ops.review.policy_wording import condition, conditions, place, sentence, subject


class Kind(StrEnum):
    """Why a change is dangerous, the worst first."""

    PUBLIC = "public"
    ALL_ACTIONS = "all-actions"
    DENIAL_DROPPED = "denial-dropped"
    DENIAL_WEAKENED = "denial-weakened"
    PASS_ROLE = "pass-role"  # noqa: S105 - no password
    ESCALATION = "privilege-escalation"
    SERVICE_WIDE = "service-wide-actions"
    EVERYTHING_EXCEPT = "everything-except"
    ALL_RESOURCES = "all-resources"
    CONDITION_LOOSENED = "condition-loosened"
    CONDITION_CHANGED = "condition-changed"

    @property
    def rank(self) -> int:
        """Its place among the kinds."""
        return list(Kind).index(self)


@dataclass(frozen=True, kw_only=True)
class Danger:
    """One reason why a change is dangerous, and what exactly is."""

    kind: Kind
    text: str


_PASS_ROLE = "iam:PassRole"  # noqa: S105 - no password
# With one of them an identity can give itself or others more rights, or get those of another one.
ESCALATION = tuple(
    f"{service}:{action}"
    for service, names in {
        "iam": "AddUserToGroup AttachGroupPolicy AttachRolePolicy AttachUserPolicy CreateAccessKey"
        " CreateLoginProfile CreateOpenIDConnectProvider CreatePolicyVersion CreateSAMLProvider"
        " DeleteRolePermissionsBoundary DeleteUserPermissionsBoundary PutGroupPolicy"
        " PutRolePermissionsBoundary PutRolePolicy PutUserPermissionsBoundary PutUserPolicy"
        " SetDefaultPolicyVersion UpdateAssumeRolePolicy UpdateLoginProfile UpdateSAMLProvider",
        "kms": "CreateGrant PutKeyPolicy",
        "lambda": "AddPermission UpdateFunctionCode UpdateFunctionConfiguration",
        "s3": "DeleteBucketPolicy PutBucketAcl PutBucketPolicy",
        "secretsmanager": "PutResourcePolicy",
        "ssm": "SendCommand StartSession",
        "sts": "AssumeRole AssumeRoleWithSAML AssumeRoleWithWebIdentity",
    }.items()
    for action in names.split()
)
_DANGEROUS = {name: lowered(tokens(name)) for name in (_PASS_ROLE, *ESCALATION)}
_BY_PATTERN = {pattern: name for name, pattern in _DANGEROUS.items()}
# Many of these support no resource, and they return names, not data.
_HARMLESS = tuple(tokens(f"*:{verb}*") for verb in ("describe", "list"))


def dangers(change: Change) -> tuple[Danger, ...]:
    """Return why a change is dangerous, the worst first; () if it is not."""
    found = _denial(change) if change.effect is Effect.DENY else _grant(change)
    return tuple(sorted(found, key=lambda danger: danger.kind.rank))


def notable(parts: tuple[Part, ...]) -> tuple[str, ...]:
    """Return the texts of the actions that a reader should see first."""
    return tuple(
        part.texts[0] for part in parts if not part.negated and (_is_wide(part) or _matched(part))
    )


def _denial(change: Change) -> Iterator[Danger]:
    rights = change.rights
    when = f" when {condition(rights.condition)}" if rights.condition.tests else ""
    if change.sign == "-":
        yield Danger(kind=Kind.DENIAL_DROPPED, text=sentence(change) + when)
    elif change.sign == "~" and change.direction is not Direction.LOOSENED:
        text = f"{sentence(change)}: {conditions(change)}"
        yield Danger(kind=Kind.DENIAL_WEAKENED, text=text)


def _grant(change: Change) -> Iterator[Danger]:  # noqa: C901 - one case after the other
    rights = change.rights
    if change.sign == "-" or (change.sign == "~" and change.direction is Direction.TIGHTENED):
        return
    when = f" when {condition(rights.condition)}" if rights.condition.tests else ""
    what = subject(rights, notable(rights.actions))
    if change.sign == "~":
        loosened = change.direction is Direction.LOOSENED
        kind = Kind.CONDITION_LOOSENED if loosened else Kind.CONDITION_CHANGED
        yield Danger(kind=kind, text=f"{sentence(change)}: {conditions(change)}")
    if EVERYONE in rights.principals:
        yield Danger(kind=Kind.PUBLIC, text=f"allows {what}{when}")
    if any(each[0].negated for each in rights.parts):
        yield Danger(kind=Kind.EVERYTHING_EXCEPT, text=f"allows {what}{when}")
    included = [part for part in rights.actions if part.patterns and not part.negated]
    if any(part.patterns == ((ANY,),) for part in included):
        yield Danger(kind=Kind.ALL_ACTIONS, text=f"allows {what}{when}")
        return
    named = [name for part in included for name in _matched(part)]
    where = place(rights) + when
    if _PASS_ROLE in named:
        yield Danger(kind=Kind.PASS_ROLE, text=f"allows {_PASS_ROLE}{where}")
    services_only = all(part.kinds == ("Service",) for part in rights.principals)
    others = sorted({name for name in named if name != _PASS_ROLE})
    if services_only:  # that AWS's services assume roles is what trust policies are for
        others = [name for name in others if not name.startswith("sts:")]
    if others:
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""  # noqa: PLR2004
        text = f"allows {', '.join(others[:5])}{more}{where}"
        yield Danger(kind=Kind.ESCALATION, text=text)
    wide = [part.texts[0] for part in included if _is_wide(part)]
    if wide:
        yield Danger(kind=Kind.SERVICE_WIDE, text=f"allows {', '.join(wide)}{where}")
    harmful = [part for part in included if not any(covers(w, part.patterns[0]) for w in _HARMLESS)]
    # In the policy of a resource, `*` is that resource.
    everything = any(part.patterns == ((ANY,),) for part in rights.resources)
    if everything and harmful and rights.principals == (ABSENT,) and change.sign == "+":
        yield Danger(kind=Kind.ALL_RESOURCES, text=f"allows {what}{when}")


def _is_wide(part: Part) -> bool:
    return part.patterns[0] == (ANY,) or part.patterns[0][-2:] == (":", ANY)


def _matched(part: Part) -> tuple[str, ...]:
    pattern = part.patterns[0]
    if not part.wild:
        return (_BY_PATTERN[pattern],) if pattern in _BY_PATTERN else ()
    return tuple(name for name, other in _DANGEROUS.items() if covers(pattern, other))
