"""The one policy, read from `policy.toml`: role × action × scope, deny by default.

`allows` answers for one object, `reach` gives the bounds of a list, a count or a search, `may` says
whether an action is open to the actor somewhere at all. Nothing else in Fanal decides on a right.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from uuid import UUID

from fanal.kernel.actors import Actor, Role


class Scope(StrEnum):
    """Where a rule reaches; the order is that of `policy.toml`."""

    ANY = "ANY"
    DESK = "DESK"
    PARTNER = "PARTNER"
    OWNER = "OWNER"
    NONE = "NONE"


class Reason(StrEnum):
    """Why a verdict is what it is, from the farthest refusal to the nearest."""

    ALLOWED = "ALLOWED"
    NO_RULE = "NO_RULE"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    SEALED = "SEALED"
    OWN_ACT = "OWN_ACT"
    MOTIVE_MISSING = "MOTIVE_MISSING"


_NEAREST = (Reason.MOTIVE_MISSING, Reason.OWN_ACT, Reason.SEALED, Reason.OUT_OF_SCOPE)


class PolicyInvalid(Exception):
    """The policy file says something that makes no sense; the text names the rule."""


class UnknownAction(Exception):
    """An action that `policy.toml` does not name: a mistake of the caller, never a silent refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What an action is about: the few facts that rights depend on.

    `partner_id` is the organisation whose object it is (the reporting partner, the laboratory asked);
    `owner_id` the person whose act it is (the proposer of a measure, the person habilitated);
    `sealed` is set for what stays sealed: original bytes, reporter's identity.
    """

    desk_id: int | None = None
    partner_id: UUID | None = None
    owner_id: UUID | None = None
    sealed: bool = False


NOTHING = Resource()
"""The resource of an action that has no object: a list of figures, a public page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """One block of `policy.toml`."""

    why: str
    roles: frozenset[Role]
    actions: frozenset[str]
    scope: Scope
    sealed: bool = False
    motive: bool = False
    other: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Actions with their English description, the rules, and the acts that ask for a fresh second factor."""

    actions: Mapping[str, str]
    rules: tuple[PolicyRule, ...]
    step_up: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer on one object: allowed or not, and why."""

    allowed: bool
    reason_code: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The bounds of a list: what `action` may touch. Empty bounds mean an empty list."""

    everywhere: bool = False
    desk_ids: frozenset[int] = frozenset()
    partner_id: UUID | None = None
    owner_id: UUID | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing at all can be reached."""
        return not (self.everywhere or self.desk_ids or self.partner_id or self.owner_id)

    def holds(self, desk_id: int) -> bool:
        """Return whether the objects of a desk are within."""
        return self.everywhere or desk_id in self.desk_ids

    @property
    def desks(self) -> list[int] | None:
        """The desks of a list in their order, for a statement; None where every desk is reached."""
        return None if self.everywhere else sorted(self.desk_ids)


class Refused(Exception):
    """The policy refuses. `hides` says that the object's very existence must not be told."""

    def __init__(self, action: str, reason_code: Reason) -> None:
        super().__init__(f"{action}: {reason_code}")
        self.action, self.reason_code = action, reason_code

    @property
    def hides(self) -> bool:
        """Whether the answer must be that of an object that does not exist (404)."""
        return self.reason_code is Reason.OUT_OF_SCOPE


def allows(
    actor: Actor, action: str, resource: Resource = NOTHING, *, policy: Policy | None = None
) -> Verdict:
    """Return whether `actor` may do `action` on `resource`, or the nearest reason why not.

    Raises:
        UnknownAction: the policy names no such action.
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
    """Return the verdict of `allows` when it allows.

    Raises:
        Refused: it does not.
        UnknownAction: the policy names no such action.
    """
    verdict = allows(actor, action, resource, policy=policy)
    if not verdict.allowed:
        raise Refused(action, verdict.reason_code)
    return verdict


def may(actor: Actor, action: str, *, policy: Policy | None = None) -> bool:
    """Return whether some rule opens `action` to the actor somewhere: what menus and routes ask."""
    return not reach(actor, action, policy=policy).empty or any(
        rule.scope is Scope.NONE for rule in _rules_for(actor, action, policy or POLICY)
    )


def require_somewhere(actor: Actor, action: str, *, policy: Policy | None = None) -> None:
    """Refuse an actor to whom no rule opens `action` on any object at all (`may`).

    For what has no object at hand, and for packages below, whose callers have asked about the object.

    Raises:
        Refused: no rule opens it.
        UnknownAction: the policy names no such action.
    """
    if not may(actor, action, policy=policy):
        raise Refused(action, Reason.NO_RULE)


def reach(actor: Actor, action: str, *, policy: Policy | None = None) -> Reach:
    """Return the bounds of a list, a count, a search or an export under `action`.

    Raises:
        UnknownAction: the policy names no such action.
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
    """Return the roles of people to whom `action` is open at their own desk."""
    rules = (r for r in POLICY.rules if action in r.actions and r.scope is Scope.DESK)
    return frozenset[Role]().union(*(rule.roles for rule in rules)) - {Role.SYSTEM}


def asks_again(action: str) -> bool:
    """Return whether doing `action` asks a person for a fresh second factor."""
    return action in POLICY.step_up


def read_policy(text: str) -> Policy:
    """Return the policy written in `text` (TOML).

    Raises:
        PolicyInvalid: an unknown key, role, action or scope, a rule without reason, an unused action.
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
    """Return what `rule` alone says; its action and one of its roles are known to match."""
    if not _in_scope(rule, actor, resource):
        return Reason.OUT_OF_SCOPE
    if resource.sealed and not rule.sealed:
        return Reason.SEALED
    if rule.other and resource.owner_id == actor.person_id:
        return Reason.OWN_ACT
    if rule.motive and not actor.motive.strip():
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
