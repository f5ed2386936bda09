"""The access-control policy, read from `policy.toml`: role × action × scope, deny by default.

`allows` decides on one object, `reach` gives the bounds of a list, a count or a search, `may` tells whether
an action is open to the actor on any object at all. No other module of Fanal decides on rights.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from uuid import UUID

from fanal.kernel.actors import Actor, Role
from fanal.kernel.texts import stripped


class Scope(StrEnum):
    """The objects that a rule covers.

    ANY: all. DESK: those of the desks at which the actor has one of the rule's roles. PARTNER: those of the
    actor's organisation. OWNER: those of the actor's own person. NONE: objects of no desk or organisation,
    such as a public page.
    """

    ANY = "ANY"
    DESK = "DESK"
    PARTNER = "PARTNER"
    OWNER = "OWNER"
    NONE = "NONE"


class Reason(StrEnum):
    """Reason of a verdict: ALLOWED, or the check that failed, from the most general to the most specific.

    NO_RULE: no rule allows the action to a role of the actor. OUT_OF_SCOPE: rules allow it, but not on this
    object. SEALED: they do not allow it on sealed content. OWN_ACT: the object is the actor's own act, which
    another person must handle. MOTIVE_MISSING: the actor has stated no purpose (motif de consultation).
    """

    ALLOWED = "ALLOWED"
    NO_RULE = "NO_RULE"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    SEALED = "SEALED"
    OWN_ACT = "OWN_ACT"
    MOTIVE_MISSING = "MOTIVE_MISSING"


_NEAREST = (Reason.MOTIVE_MISSING, Reason.OWN_ACT, Reason.SEALED, Reason.OUT_OF_SCOPE)


class PolicyInvalid(Exception):
    """The policy file is invalid; the text says what is wrong, and where."""


class UnknownAction(Exception):
    """The action is not declared in `policy.toml`: an error of the caller, never a silent refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """The object of an action, reduced to the facts that rights depend on.

    `desk_id` is the number of its desk; `partner_id` the organisation that owns it (such as the partner that
    sent a report); `owner_id` the person who did the act that it records (such as the proposer of a measure)
    or whom it concerns. None: no such owner. `sealed` is set for sealed content: original bytes, the
    reporter's identity.
    """

    desk_id: int | None = None
    partner_id: UUID | None = None
    owner_id: UUID | None = None
    sealed: bool = False


NOTHING = Resource()
"""The resource of an action without an object: a list of figures, a public page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """One `[[rule]]` block of `policy.toml`: the people in one of `roles` may do `actions` within `scope`.

    `why` is the reason for the rule. `sealed`: also on sealed content; `motive`: a purpose (motif de
    consultation) is required; `other`: not on the actor's own acts (two-person rule).
    """

    why: str
    roles: frozenset[Role]
    actions: frozenset[str]
    scope: Scope
    sealed: bool = False
    motive: bool = False
    other: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The parsed access-control policy.

    `actions` maps the code of each action, such as `report.read`, to its English description. `rules` say who
    may do them; `step_up` are the actions that require a fresh second factor.
    """

    actions: Mapping[str, str]
    rules: tuple[PolicyRule, ...]
    step_up: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision of `allows` on one object: whether the action is `allowed`, and why (`reason_code`)."""

    allowed: bool
    reason_code: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The bounds of the objects that an actor may list under an action.

    `everywhere`: all objects. Otherwise those of the desks `desk_ids` (numbers), of the organisation
    `partner_id`, and of the person `owner_id`: an object is within the bounds if one of the three includes
    it; None and no desks include nothing.
    """

    everywhere: bool = False
    desk_ids: frozenset[int] = frozenset()
    partner_id: UUID | None = None
    owner_id: UUID | None = None

    @property
    def empty(self) -> bool:
        """Whether the bounds (desks, organisation, person) include nothing at all."""
        return not (self.everywhere or self.desk_ids or self.partner_id or self.owner_id)

    def holds(self, desk_id: int) -> bool:
        """Return whether the objects of a desk are within the actor's bounds for an action."""
        return self.everywhere or desk_id in self.desk_ids

    @property
    def desks(self) -> list[int] | None:
        """The numbers of the desks within the bounds, ascending, for a query; None if all are."""
        return None if self.everywhere else sorted(self.desk_ids)


class Refused(Exception):
    """The policy refuses `action`; `reason_code` is the `Reason`."""

    def __init__(self, action: str, reason_code: Reason) -> None:
        super().__init__(f"{action}: {reason_code}")
        self.action, self.reason_code = action, reason_code

    @property
    def hides(self) -> bool:
        """Whether even the object's existence must not be revealed: the response is then HTTP 404."""
        return self.reason_code is Reason.OUT_OF_SCOPE


def allows(
    actor: Actor, action: str, resource: Resource = NOTHING, *, policy: Policy | None = None
) -> Verdict:
    """Return the verdict whether `actor` may do `action` on `resource`, with the reason.

    A refusal has the most specific reason. `policy` replaces the shipped policy (`policy.toml`), for tests.

    Raises:
        UnknownAction: the policy declares no such action.
    """
    rules = _rules_for(actor, action, policy or POLICY)
    reasons = {_reason(rule, actor, resource) for rule in rules}
    if Reason.ALLOWED in reasons:
        return Verdict(allowed=True, reason_code=Reason.ALLOWED)
    nearest = next((reason for reason in _NEAREST if reason in reasons), Reason.NO_RULE)
    return Verdict(allowed=False, reason_code=nearest)


def require(
    actor: Actor, action: str, resource: Resource = NOTHING, *, policy: Policy | None = None
) -> Verdict:
    """Return the verdict of `allows` on `resource` (default: no particular object), or raise if it refuses.

    `policy` replaces the shipped policy (`policy.toml`), for tests.

    Raises:
        Refused: the policy does not allow the action.
        UnknownAction: the policy declares no such action.
    """
    verdict = allows(actor, action, resource, policy=policy)
    if not verdict.allowed:
        raise Refused(action, verdict.reason_code)
    return verdict


def may(actor: Actor, action: str, *, policy: Policy | None = None) -> bool:
    """Return whether any rule opens `action` to the actor on some object; used by menus and routes.

    `policy` replaces the shipped policy (`policy.toml`), for tests.

    Raises:
        UnknownAction: the policy declares no such action.
    """
    return not reach(actor, action, policy=policy).empty or any(
        rule.scope is Scope.NONE for rule in _rules_for(actor, action, policy or POLICY)
    )


def require_somewhere(actor: Actor, action: str, *, policy: Policy | None = None) -> None:
    """Raise unless some rule opens `action` to the actor on at least some object (`may`).

    For acts that concern no particular object, and for packages whose callers have already checked the
    object. `policy` replaces the shipped policy, for tests.

    Raises:
        Refused: no rule opens it.
        UnknownAction: the policy declares no such action.
    """
    if not may(actor, action, policy=policy):
        raise Refused(action, Reason.NO_RULE)


def reach(actor: Actor, action: str, *, policy: Policy | None = None) -> Reach:
    """Return the bounds of a list, count, search or export that the actor makes under `action`.

    They say which objects may be included. `policy` replaces the shipped policy, for tests.

    Raises:
        UnknownAction: the policy declares no such action.
    """
    scopes: dict[Scope, set[Role]] = {}
    for rule in _rules_for(actor, action, policy or POLICY):
        scopes.setdefault(rule.scope, set()).update(rule.roles & actor.roles)
    return Reach(
        everywhere=Scope.ANY in scopes,
        desk_ids=actor.desks_as(scopes.get(Scope.DESK, ())),
        partner_id=actor.partner_id if Scope.PARTNER in scopes else None,
        owner_id=actor.person_id if Scope.OWNER in scopes else None,
    )


def roles_at_desk(action: str) -> frozenset[Role]:
    """Return the roles that may do `action` at their own desk by the policy, without the system's role."""
    rules = (r for r in POLICY.rules if action in r.actions and r.scope is Scope.DESK)
    return frozenset[Role]().union(*(rule.roles for rule in rules)) - {Role.SYSTEM}


def roles_everywhere(action: str) -> frozenset[Role]:
    """Return the roles that may do `action` at every desk by the policy, without the system's role."""
    rules = (r for r in POLICY.rules if action in r.actions and r.scope is Scope.ANY)
    return frozenset[Role]().union(*(rule.roles for rule in rules)) - {Role.SYSTEM}


def asks_again(action: str) -> bool:
    """Return whether `action` requires a fresh second factor (step-up authentication)."""
    return action in POLICY.step_up


def read_policy(text: str) -> Policy:
    """Parse a policy from TOML and validate it.

    Raises:
        PolicyInvalid: an unknown key, role, action or scope, a value of the wrong type or twice in a list, a
            rule without a reason, an action without a rule.
        tomllib.TOMLDecodeError: the text is not TOML.
    """
    data = tomllib.loads(text)
    actions = data.pop("actions", {})
    blocks = data.pop("rule", [])
    step_up = frozenset(data.pop("step_up", []))
    if data:
        raise PolicyInvalid(f"unknown keys: {sorted(data)}")
    rules = tuple(_read_rule(block, actions) for block in blocks)
    unused = actions.keys() - frozenset[str]().union(*(rule.actions for rule in rules))
    if unused:
        raise PolicyInvalid(f"no rule for: {sorted(unused)}")
    if unknown := step_up - actions.keys():
        raise PolicyInvalid(f"step_up names no action: {sorted(unknown)}")
    return Policy(actions=actions, rules=rules, step_up=step_up)


def _rules_for(actor: Actor, action: str, policy: Policy) -> list[PolicyRule]:
    if action not in policy.actions:
        raise UnknownAction(action)
    return [r for r in policy.rules if action in r.actions and not actor.roles.isdisjoint(r.roles)]


def _reason(rule: PolicyRule, actor: Actor, resource: Resource) -> Reason:
    """Return what one policy rule says on `resource`: ALLOWED, or the first check that fails.

    The caller chose a rule for the action and for a role that the actor holds.
    """
    if not _in_scope(rule, actor, resource):
        return Reason.OUT_OF_SCOPE
    if resource.sealed and not rule.sealed:
        return Reason.SEALED
    if rule.other and resource.owner_id == actor.person_id:
        return Reason.OWN_ACT
    if rule.motive and not stripped(actor.motive):
        return Reason.MOTIVE_MISSING
    return Reason.ALLOWED


def _in_scope(rule: PolicyRule, actor: Actor, resource: Resource) -> bool:
    match rule.scope:
        case Scope.ANY:
            return True
        case Scope.NONE:
            return resource.desk_id is None and resource.partner_id is None
        case Scope.DESK:
            return resource.desk_id in actor.desks_as(rule.roles)
        case Scope.PARTNER:
            return actor.partner_id is not None and resource.partner_id == actor.partner_id
        case Scope.OWNER:
            return resource.owner_id == actor.person_id


def _read_rule(block: Mapping[str, object], actions: Iterable[str]) -> PolicyRule:
    unknown = block.keys() - set(PolicyRule.__dataclass_fields__)
    why = block.get("why")
    if unknown or not isinstance(why, str) or not why:
        raise PolicyInvalid(f"rule {why!r}: unknown keys {sorted(unknown)} or no reason")
    named = _strings(block, "actions", why)
    if not named or not named <= set(actions):
        raise PolicyInvalid(f"rule {why!r}: unknown actions {sorted(named - set(actions))}")
    try:
        roles = frozenset(Role(role) for role in _strings(block, "roles", why))
        scope = Scope(str(block.get("scope")))
    except ValueError as error:
        raise PolicyInvalid(f"rule {why!r}: {error}") from error
    return PolicyRule(
        why=why,
        roles=roles,
        actions=named,
        scope=scope,
        sealed=_flag(block, "sealed", why),
        motive=_flag(block, "motive", why),
        other=_flag(block, "other", why),
    )


def _strings(block: Mapping[str, object], key: str, why: str) -> frozenset[str]:
    value = block.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise PolicyInvalid(f"rule {why!r}: {key} must be a list of strings")
    if len(set(value)) != len(value):
        raise PolicyInvalid(f"rule {why!r}: {key} names something twice")
    return frozenset(value)


def _flag(block: Mapping[str, object], key: str, why: str) -> bool:
    value = block.get(key, False)
    if not isinstance(value, bool):
        raise PolicyInvalid(f"rule {why!r}: {key} is true or false")
    return value


POLICY = read_policy(
    resources.files("fanal.accounts.domain").joinpath("policy.toml").read_text("utf-8")
)
