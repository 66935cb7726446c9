"""Make a review of plans: compare, rank, mask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from modules.catalogue import PARAMETERS, Layer
from ops.review import attributes, dangers, permissions, policies
from ops.review.acceptance import Acceptances
from ops.review.attributes import UNKNOWN, AttributeChange, Document, Value
from ops.review.dangers import Danger, Rank
from ops.review.plan import (
    Action,
    Change,
    Invocation,
    Json,
    Plan,
    PlanError,
    ResourceChange,
)
from ops.review.policy_dangers import Kind as PolicyDanger
from ops.review.report import Item, Judged, Line, Review, Stack
from ops.review.secrets import Mask, is_digest_name, is_secret_value, name_of, recognized
from ops.review.text import LONGEST, cut, shortened

_MOST_CAUSES = 3
_LAYERS = {layer.key: number for number, layer in enumerate(Layer)}
_OPERATIONS = {
    Action.CREATE: "add",
    Action.UPDATE: "change",
    Action.DELETE: "destroy",
    Action.DELETE_THEN_CREATE: "replace",
    Action.CREATE_THEN_DELETE: "replace",
    Action.CREATE_THEN_FORGET: "replace",
    Action.FORGET: "forget",
}
_OUTPUT_OPERATIONS = {Action.CREATE: "add", Action.DELETE: "destroy"}
# Who else than Terraform changes an attribute.
_OWNERS = {
    ("aws_dynamodb_table", "read_capacity"): "Application Auto Scaling",
    ("aws_dynamodb_table", "write_capacity"): "Application Auto Scaling",
    ("aws_secretsmanager_secret_version", "secret_string"): "operators",
}
_OPERATED = {f"aws_ssm_parameter.{one.id}" for one in PARAMETERS if one.operated}
_OF_A_VALUE = {"value", "insecure_value", "version"}
_FAILED = {"fail", "error"}
# Whose policy is created with them, so that it gives rights on nothing that exists. A key's policy
# must let its account change it, or nobody could.
_NEW_WITH_POLICY = {"aws_kms_key"}
# In which a resource shows what resources of other types manage.
_DERIVED = {
    "aws_s3_bucket": frozenset(
        {
            *("acceleration_status", "acl", "cors_rule", "grant", "lifecycle_rule", "logging"),
            *("object_lock_configuration", "policy", "replication_configuration"),
            *("request_payer", "server_side_encryption_configuration", "versioning", "website"),
        }
    ),
    "aws_iam_role": frozenset({"inline_policy", "managed_policy_arns"}),
    "aws_sns_topic": frozenset({"policy"}),
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """A plan with the name of its stack and its file, or why there is no plan yet."""

    name: str
    file: str
    plan: Plan | None = None
    waits_for: tuple[str, ...] = ()
    waits_because: str = ""

    @property
    def environment(self) -> str:
        """The part of the name before the layer."""
        head, _, layer = self.name.rpartition("-")
        return head if layer in _LAYERS else self.name

    @property
    def layer(self) -> str:
        """The layer, if the name ends with one."""
        layer = self.name.rpartition("-")[2]
        return layer if layer in _LAYERS else ""


def review(sources: Sequence[Source], acceptances: Acceptances) -> Review:
    """Review plans.

    Raises:
        PlanError: A plan has values that are nested too deeply.

    """
    try:
        mask = mask_of(source.plan for source in sources if source.plan)
        stacks = [_Reviewer(source, mask).stack() for source in sources]
    except RecursionError as error:
        raise PlanError(
            "a plan has values that are nested too deeply", remedy="review it by hand"
        ) from error
    return judge(stacks, acceptances)


def judge(stacks: Iterable[Stack], acceptances: Acceptances) -> Review:
    """Return the review of stacks, whose dangers may be accepted."""
    judged = [_judged(stack, acceptances) for stack in stacks]
    found = [
        (stack.name, item.address, one.danger.kind)
        for stack in judged
        for item in stack.items
        for one in item.dangers
    ]
    judged.sort(key=lambda one: (one.environment, _LAYERS.get(one.layer, -1), one.name))
    return Review(
        stacks=tuple(judged),
        expired=acceptances.expired,
        unneeded=tuple(
            one for one in acceptances.valid if not any(one.accepts(*danger) for danger in found)
        ),
    )


def _judged(stack: Stack, acceptances: Acceptances) -> Stack:
    items = [
        replace(
            item,
            dangers=tuple(
                Judged(
                    danger=one.danger,
                    accepted=acceptances.of(stack.name, item.address, one.danger.kind),
                )
                for one in item.dangers
            ),
        )
        for item in stack.items
    ]
    # What is new is said at the end: it is long, and changes nothing that exists.
    items.sort(key=lambda item: (item.rank, item.operations == ("add",)))
    return replace(stack, items=tuple(items))


# --- Secrets -----------------------------------------------------------------------------------


def mask_of(plans: Iterable[Plan]) -> Mask:
    """Return what removes from a text everything that is secret in any of the plans."""
    return Mask(_secrets(plans))


def _secrets(plans: Iterable[Plan]) -> set[str]:
    """Return what is secret in any of the plans.

    What only an output calls sensitive, and an attribute of a resource shows, is no secret.
    """
    found: set[str] = set()
    labelled: set[str] = set()
    public: set[str] = set()
    plans = list(plans)
    for plan in plans:
        for name, change in plan.outputs:
            is_labelled = True in (change.before_sensitive, change.after_sensitive)
            (labelled if is_labelled else found).update(_of_change(change, None, name))
    for plan in plans:
        resources = (*plan.changes, *plan.drift, *(one.resource for one in plan.deferred))
        for resource in resources:
            found.update(_of_change(resource.change, public if labelled else None, ""))
            found.update(recognized(resource.imports or ""))
        for check in plan.checks:
            found.update(part for text in check.problems for part in recognized(text))
    return found | (labelled - public)


def _of_change(change: Change, public: set[str] | None, name: str) -> Iterator[str]:
    yield from _walk(change.before, change.before_sensitive, name, public)
    yield from _walk(change.after, change.after_sensitive, name, public)


def _walk(value: Json, sensitive: Json, name: str, public: set[str] | None) -> Iterator[str]:
    """Yield the secrets in a value, and add its other texts to ``public``."""
    if sensitive is True:
        yield from _leaves(value)
    elif isinstance(value, dict):
        marks = sensitive if isinstance(sensitive, dict) else {}
        for key, one in value.items():
            if one is not None:
                yield from _walk(one, marks.get(key), name_of(value, key), public)
    elif isinstance(value, list):
        marked = sensitive if isinstance(sensitive, list) else []
        for one, mark in zip_longest(value, marked[: len(value)]):
            yield from _walk(one, mark, name, public)
    elif isinstance(value, str):
        yield from _in_text(value, name, public)


def _in_text(value: str, name: str, public: set[str] | None) -> Iterator[str]:
    if is_secret_value(name, value):
        yield value
        return
    if public is not None:
        public.add(value)
    yield from recognized(value, is_digest=is_digest_name(name))
    document = attributes.parsed(value)
    if document is not None:
        yield from _walk(document, None, name, public)


def _leaves(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    elif isinstance(value, str):
        yield value
        document = attributes.parsed(value)
        if document is not None:
            # Its other texts may be ordinary words.
            yield from _walk(document, None, "", None)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


# --- One plan ----------------------------------------------------------------------------------


class _Reviewer:
    def __init__(self, source: Source, mask: Mask) -> None:
        self._source = source
        self._mask = mask
        self._numbers: dict[str, int] = {}

    def stack(self) -> Stack:
        source, plan = self._source, self._source.plan or Plan(format_version="1")
        items = [self._item(one) for one in plan.changes if _is_shown(one)]
        items += [self._invocation(one) for one in plan.invocations]
        outputs = [
            (_OUTPUT_OPERATIONS.get(change.action, "change"), line)
            for name, change in plan.outputs
            if change.action.changes
            for line in self._output(name, change)
        ]
        drift = [self._drift(one) for one in plan.drift]
        real = [one for one in drift if _says_something(one)]
        return Stack(
            name=source.name,
            environment=source.environment,
            layer=source.layer,
            source=source.file,
            items=tuple(items),
            drift=tuple(real),
            drift_noise=sum(one.noise for one in drift if one not in real),
            deferred=tuple(self._deferred(one.resource, one.reason) for one in plan.deferred),
            outputs=tuple(outputs),
            failed_checks=tuple(
                (self._mask(one.address), one.status, tuple(map(self._mask, one.problems)))
                for one in plan.checks
                if one.status in _FAILED
            ),
            waits_for=source.waits_for,
            waits_because=self._mask(source.waits_because),
            errored=plan.errored,
            has_changes=bool(
                any(item.operations for item in items) or outputs or plan.deferred or plan.applyable
            ),
        )

    def _item(self, resource: ResourceChange) -> Item:
        action = resource.change.action
        operation = _OPERATIONS.get(action)
        operations = [operation] if operation else []
        operations += ["import"] * (resource.imports is not None) + ["move"] * resource.moves
        compared = []
        if action in {Action.UPDATE, Action.CREATE} or action.replaces:
            compared = attributes.compare(resource.change)
        of_policies, others = attributes.policies(compared)
        of_policies += permissions.compare(resource)
        rights, found = self._rights(of_policies)
        if action is Action.CREATE and resource.type in _NEW_WITH_POLICY:
            found = [one for one in found if one.kind == PolicyDanger.PUBLIC.value]
        lines = others
        if action is Action.CREATE:
            # What AWS chooses, and what is left out, says nothing about a new resource.
            lines = [one for one in others if one.after is not UNKNOWN and not one.is_noise]
        else:
            causes = {_names(path) for path in resource.replace_paths}
            found += [
                *dangers.of_resource(resource, self._cause(resource, compared, causes)),
                *self._lowered(resource.type, others),
            ]
        shown, later, noise = self._lines(lines, resource)
        return Item(
            address=self._mask(resource.address),
            type=resource.type,
            operations=tuple(operations),
            previous_address=self._mask(resource.previous_address or "") or None
            if resource.moves
            else None,
            imports=None if resource.imports is None else self._mask(resource.imports),
            deposed=resource.deposed,
            reason="; ".join(filter(None, (self._reason(resource), _ORDERS.get(action)))) or None,
            lines=shown,
            rights=tuple(rights),
            later=later,
            noise=noise,
            dangers=tuple(Judged(danger=one) for one in _distinct(found)),
        )

    def _rights(
        self, changes: Iterable[AttributeChange]
    ) -> tuple[list[tuple[str, tuple[str, ...]]], list[Danger]]:
        """Return the lines about policies, and what is dangerous about them."""
        rights: list[tuple[str, tuple[str, ...]]] = []
        found: list[Danger] = []
        for change in changes:
            path = self._mask(change.path)
            if change.after is UNKNOWN:
                found.append(
                    Danger(
                        kind="policy-unknown",
                        rank=Rank.MEDIUM,
                        cause=f"{path}: {UNKNOWN}",
                        loses="unknown: what the policy will say cannot be reviewed yet",
                    )
                )
                rights.append((path, (str(UNKNOWN),)))
                continue
            try:
                compared = policies.compare(self._policy(change.before), self._policy(change.after))
            except policies.PolicyError as error:
                rights.append((path, (self._mask(f"cannot be compared: {error}"),)))
                found.append(
                    Danger(
                        kind="policy-unknown",
                        rank=Rank.MEDIUM,
                        cause=f"{path}: it cannot be read",
                        loses="unknown: what the policy means cannot be reviewed",
                    )
                )
                continue
            if compared.lines:
                rights.append((path, tuple(map(self._mask, compared.lines))))
            found += [
                Danger(
                    kind=one.kind.value,
                    rank=Rank.HIGH,
                    cause=self._mask(f"{path}: {one.text}"),
                    loses="the limit of who may do what",
                )
                for one in compared.dangers
            ]
        return rights, found

    def _policy(self, value: Value) -> object:
        """Return a policy without secrets; what is no policy allows nothing."""
        return self._masked(value.value) if isinstance(value, Document) else None

    def _masked(self, value: Json) -> Json:
        """Return a value without secrets, in which different ones can be told apart."""
        if isinstance(value, dict):
            return {self._mask(key): self._masked(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._masked(one) for one in value]
        if not isinstance(value, str) or (masked := self._mask(value)) == value:
            return value
        number = self._numbers.setdefault(value, len(self._numbers) + 1)
        return f"{masked} #{number}" if number > 1 else masked

    def _lowered(self, type_: str, changes: list[AttributeChange]) -> Iterator[Danger]:
        for _, danger in dangers.of_attributes(type_, changes, self._describe):
            yield danger

    def _cause(
        self,
        resource: ResourceChange,
        compared: Iterable[AttributeChange],
        causes: set[tuple[str, ...]],
    ) -> str:
        """Return the attributes that force a replacement, or Terraform's reason."""
        forcing = [
            self._describe(one)
            for one in compared
            if any(one.names[: len(path)] == path for path in causes)
        ]
        if forcing:
            return "; ".join(forcing[:_MOST_CAUSES])
        return self._reason(resource) or "the plan does not say why"

    def _reason(self, resource: ResourceChange) -> str:
        """Return why Terraform does it, or nothing if it does not say so."""
        paths = sorted({".".join(_names(path)) or "its value" for path in resource.replace_paths})
        if paths:
            more = f" and {len(paths) - _MOST_CAUSES} more" if len(paths) > _MOST_CAUSES else ""
            forcing = f"{', '.join(paths[:_MOST_CAUSES])}{more}"
            return cut(self._mask(f"{forcing} cannot be changed in place"))
        if resource.deposed:
            return _DEPOSED
        reason = resource.reason or ""
        return REASONS.get(reason) or self._mask(reason.replace("_", " "))

    def _lines(
        self, changes: Iterable[AttributeChange], resource: ResourceChange, *, owned: bool = False
    ) -> tuple[tuple[Line, ...], tuple[str, ...], int]:
        """Return what to show, what is known later, and how much is noise."""
        lines, later, noise = [], [], 0
        causes = {_names(path) for path in resource.replace_paths}
        changes = _without_copies(changes)
        for change in changes:
            if change.is_noise:
                noise += 1
            elif change.after is UNKNOWN and change.names not in causes:
                later.append(self._mask(change.path))
            else:
                lines.append(
                    Line(
                        path=self._mask(change.path),
                        before=self._text(change.before),
                        after=self._text(change.after),
                        owner=_owner(resource, change) if owned else "",
                    )
                )
        return tuple(lines), tuple(later), noise

    def _drift(self, resource: ResourceChange) -> Item:
        compared = attributes.compare(resource.change)
        is_gone = resource.change.action is Action.DELETE
        if is_gone:
            compared = []
        derived = _DERIVED.get(resource.type, frozenset())
        elsewhere = [one.names[0] for one in compared if one.names and one.names[0] in derived]
        of_policies, others = attributes.policies(
            one for one in compared if not (one.names and one.names[0] in derived)
        )
        rights, _ = self._rights(of_policies)
        lines, later, noise = self._lines(others, resource, owned=True)
        return Item(
            address=self._mask(resource.address),
            type=resource.type,
            operations=("destroy",) if is_gone else ("change",),
            lines=lines,
            rights=tuple(rights),
            later=later,
            elsewhere=tuple(dict.fromkeys(elsewhere)),
            noise=noise,
        )

    def _invocation(self, one: Invocation) -> Item:
        danger = Danger(
            kind="action",
            rank=Rank.MEDIUM,
            cause="an action of the provider is invoked",
            loses="unknown: a plan does not say what an action does",
        )
        return Item(
            address=self._mask(one.address),
            type=one.type,
            operations=(),
            reason="invoked by the apply",
            dangers=(Judged(danger=danger),),
        )

    def _deferred(self, resource: ResourceChange, reason: str) -> Item:
        operation = _OPERATIONS.get(resource.change.action)
        return Item(
            address=self._mask(resource.address),
            type=resource.type,
            operations=(operation,) if operation else (),
            reason=self._mask(reason),
        )

    def _output(self, name: str, change: Change) -> Iterator[Line]:
        """Yield an output, or of one that has parts those that differ."""
        before, after = attributes.marked(change)
        parts = attributes.compare(change) if change.action is Action.UPDATE else []
        values = [(one.path, one.before, one.after) for one in parts] or [("", before, after)]
        for path, old, new in values:
            dot = "." if path[:1] not in ("", "[") else ""
            yield Line(
                path=self._mask(f"{name}{dot}{path}"),
                before=self._text(old),
                after=self._text(new),
            )

    def _describe(self, change: AttributeChange) -> str:
        before, after = shortened(self._text(change.before), self._text(change.after))
        return f"{self._mask(change.path)}: {before} -> {after}"

    def _text(self, value: Value) -> str:
        return attributes.shown(value, self._mask)


REASONS = {
    "delete_because_no_resource_config": "it is no longer in the configuration",
    "delete_because_no_module": "its module is no longer in the configuration",
    "delete_because_wrong_repetition": "count or for_each was added or removed",
    "delete_because_count_index": "count is lower",
    "delete_because_each_key": "for_each no longer has its key",
    "delete_because_no_move_target": "it was moved to where there is no resource",
    "replace_because_tainted": "it is tainted: its creation failed",
    "replace_because_cannot_update": "an attribute cannot be changed in place",
    "replace_by_request": "-replace asks for it",
    "replace_by_triggers": "replace_triggered_by",
    "read_because_config_unknown": "it is read during the apply: its arguments are not known yet",
    "read_because_dependency_pending": "it is read during the apply: what it depends on changes",
    "read_because_check_nested": "it is read during the apply, for a check",
}
_ORDERS = {
    Action.CREATE_THEN_DELETE: "the new one is created first",
    Action.CREATE_THEN_FORGET: "the new one is created first, and the old one stays",
}
_DEPOSED = "an earlier apply replaced it, and could not destroy it"


def _says_something(item: Item) -> bool:
    """Return whether something was changed that no other resource shows."""
    return item.operations == ("destroy",) or bool(item.lines or item.rights or item.later)


def _without_copies(changes: Iterable[AttributeChange]) -> list[AttributeChange]:
    """Leave out changes of ``tags_all`` that are those of ``tags``."""
    changes = list(changes)
    tags = [(one.names[1:], one.before, one.after) for one in changes if one.names[:1] == ("tags",)]
    return [
        one
        for one in changes
        if one.names[:1] != ("tags_all",) or (one.names[1:], one.before, one.after) not in tags
    ]


def _is_shown(one: ResourceChange) -> bool:
    action = one.change.action
    return action.changes or action is Action.READ or one.moves or one.imports is not None


def _names(path: Iterable[str | int]) -> tuple[str, ...]:
    return tuple(step for step in path if isinstance(step, str))


def _distinct(found: Iterable[Danger]) -> list[Danger]:
    """Return one danger of each kind, with all its causes; the worst first."""
    kinds: dict[str, list[Danger]] = {}
    for one in found:
        kinds.setdefault(one.kind, []).append(one)
    joined = [
        Danger(
            kind=kind,
            rank=min(one.rank for one in same),
            cause=cut("; ".join(dict.fromkeys(one.cause for one in same)), 2 * LONGEST),
            loses="; ".join(dict.fromkeys(one.loses for one in same)),
        )
        for kind, same in kinds.items()
    ]
    return sorted(joined, key=lambda one: one.rank)


def _owner(resource: ResourceChange, change: AttributeChange) -> str:
    if resource.address in _OPERATED and change.names[0] in _OF_A_VALUE:
        return "operators"
    return _OWNERS.get((resource.type, change.names[0] if change.names else ""), "Terraform")
