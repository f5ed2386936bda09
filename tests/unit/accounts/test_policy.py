"""The one policy: denied by default, equal to what was agreed, and no rule without effect."""

import dataclasses
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from fanal.accounts.domain.policy import (
    NOTHING,
    POLICY,
    Policy,
    PolicyInvalid,
    Reason,
    Refused,
    Resource,
    Scope,
    UnknownAction,
    allows,
    may,
    reach,
    read_policy,
    require,
)
from fanal.kernel.actors import Actor, Role
from tests.policy_cells import CELLS, PERSON, TABLE, actor_as, agreed, table_of

CONTENT = {
    "report.list", "report.read", "search.run", "link.read", "elsewhere.read", "dossier.read", "measure.read",
    "referral.read", "identity.open", "original.open", "export.write", "ledger.read", "hit.read",
}  # fmt: skip


def test_policy_is_what_was_agreed() -> None:
    assert table_of(POLICY) == TABLE.read_text("utf-8").splitlines()
    assert agreed()["measure.approve", Role.SUPERVISOR] == {"own"}


@pytest.mark.parametrize("rule", POLICY.rules, ids=lambda rule: rule.why[:40])
def test_deleting_a_rule_changes_the_table(rule: object) -> None:
    rest = tuple(r for r in POLICY.rules if r is not rule)
    assert table_of(Policy(actions=POLICY.actions, rules=rest)) != table_of(POLICY)


def _mutants() -> list[tuple[str, Policy, frozenset[str]]]:
    """Return changed policies, each with the actions of the rule that is changed: a rule speaks of no others."""
    found = []
    for index, rule in enumerate(POLICY.rules):
        changed = [dataclasses.replace(rule, roles=rule.roles - {role}) for role in rule.roles]
        changed += [dataclasses.replace(rule, actions=rule.actions - {a}) for a in rule.actions]
        if rule.scope is Scope.DESK:
            changed.append(dataclasses.replace(rule, scope=Scope.ANY))
        changed += [
            dataclasses.replace(rule, **{flag: not getattr(rule, flag)})
            for flag in ("sealed", "other")
            if rule.scope is Scope.DESK
        ]
        for number, mutant in enumerate(changed):
            rules = (*POLICY.rules[:index], mutant, *POLICY.rules[index + 1 :])
            policy = Policy(actions=POLICY.actions, rules=rules)
            found.append((f"{rule.why[:30]}-{number}", policy, rule.actions))
    return found


def test_every_narrowed_or_widened_rule_changes_the_table() -> None:
    table = {action: table_of(POLICY, [action]) for action in POLICY.actions}
    surviving = [
        name
        for name, mutant, actions in _mutants()
        if all(table_of(mutant, [action]) == table[action] for action in actions)
    ]
    assert surviving == []


def test_across_desks_a_link_shows_existence_and_contact_only() -> None:
    analyst = actor_as(Role.ANALYST)
    assert not allows(analyst, "link.read", CELLS["other_desk"]).allowed
    assert allows(analyst, "elsewhere.read", CELLS["other_desk"]).allowed
    assert allows(analyst, "link.read", CELLS["own"]).allowed


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.STATISTICIAN])
def test_no_content_for_administrator_and_statistician(role: Role) -> None:
    open_to_them = {
        action
        for action in POLICY.actions
        if any(allows(actor_as(role), action, resource).allowed for resource in CELLS.values())
    }
    assert not open_to_them & CONTENT


def test_identity_opens_by_a_named_act_with_its_motive_only() -> None:
    sealed = CELLS["sealed"]
    silent = allows(actor_as(Role.SUPERVISOR, motive="  "), "identity.open", sealed)
    assert silent.reason_code is Reason.MOTIVE_MISSING
    assert allows(actor_as(Role.SUPERVISOR), "identity.open", sealed).allowed
    assert not allows(actor_as(Role.SYSTEM), "identity.open", sealed).allowed
    assert all(rule.motive for rule in POLICY.rules if rule.sealed)


def test_overseer_reads_every_measure_and_its_grounds() -> None:
    for resource in CELLS.values():
        if not resource.sealed:
            assert allows(actor_as(Role.OVERSEER), "measure.read", resource).allowed


def test_nobody_seconds_their_own_measure() -> None:
    verdict = allows(actor_as(Role.SUPERVISOR), "measure.approve", CELLS["mine"])
    assert verdict.reason_code is Reason.OWN_ACT


def test_roles_at_two_desks_do_not_mix() -> None:
    both = Actor(
        person_id=PERSON,
        roles=frozenset({Role.ANALYST, Role.SUPERVISOR}),
        motive="a motive",
        role_desks=frozenset({(Role.ANALYST, 1), (Role.SUPERVISOR, 2)}),
    )
    assert not allows(both, "identity.open", Resource(desk_id=1, sealed=True)).allowed
    assert allows(both, "identity.open", Resource(desk_id=2, sealed=True)).allowed
    assert reach(both, "export.write").desk_ids == {2}
    assert reach(both, "report.list").desk_ids == {1, 2}


def test_refusals_say_whether_the_object_exists() -> None:
    with pytest.raises(Refused) as hidden:
        require(actor_as(Role.ANALYST), "report.read", CELLS["other_desk"])
    assert hidden.value.hides
    with pytest.raises(Refused) as plain:
        require(actor_as(Role.STATISTICIAN), "report.read", CELLS["own"])
    assert not plain.value.hides
    with pytest.raises(UnknownAction):
        allows(actor_as(Role.ANALYST), "report.reed", NOTHING)


roles = st.frozensets(st.sampled_from(list(Role)))
partners = st.none() | st.sampled_from([UUID(int=10), UUID(int=11)])
actors = st.builds(
    Actor,
    person_id=st.sampled_from([PERSON, UUID(int=2)]),
    roles=roles,
    role_desks=st.frozensets(st.tuples(st.sampled_from(list(Role)), st.integers(1, 4)), max_size=6),
    partner_id=partners,
    motive=st.sampled_from(["", "why"]),
)
resources = st.builds(
    Resource,
    desk_id=st.none() | st.integers(1, 4),
    partner_id=partners,
    owner_id=st.none() | st.sampled_from([PERSON, UUID(int=2)]),
    sealed=st.booleans(),
)


@given(actor=actors, resource=resources, action=st.sampled_from(sorted(POLICY.actions)))
def test_lists_reach_exactly_what_single_answers_allow(
    actor: Actor, resource: Resource, action: str
) -> None:
    verdict, bounds = allows(actor, action, resource), reach(actor, action)
    if verdict.allowed:
        assert may(actor, action)
        if resource.desk_id is not None:
            assert (
                bounds.everywhere
                or resource.desk_id in bounds.desk_ids
                or (bounds.partner_id is not None and bounds.partner_id == resource.partner_id)
                or (bounds.owner_id is not None and bounds.owner_id == resource.owner_id)
            )
    if not actor.roles:
        assert not verdict.allowed


@given(actor=actors, resource=resources, action=st.sampled_from(sorted(POLICY.actions)))
def test_a_further_role_never_takes_away(actor: Actor, resource: Resource, action: str) -> None:
    wider = dataclasses.replace(actor, roles=frozenset(Role))
    assert allows(wider, action, resource).allowed or not allows(actor, action, resource).allowed


@pytest.mark.parametrize(
    "text",
    [
        "[other]\n",
        '[actions]\n"a.b" = "A"\n',
        '[actions]\n"a.b" = "A"\n[[rule]]\nwhy = "w"\nroles = ["ANALYST"]\nactions = ["a.c"]\nscope = "ANY"\n',
        '[actions]\n"a.b" = "A"\n[[rule]]\nwhy = "w"\nroles = ["CHIEF"]\nactions = ["a.b"]\nscope = "ANY"\n',
        '[actions]\n"a.b" = "A"\n[[rule]]\nwhy = "w"\nroles = ["ANALYST"]\nactions = ["a.b"]\nscope = "SOME"\n',
        '[actions]\n"a.b" = "A"\n[[rule]]\nwhy = ""\nroles = ["ANALYST"]\nactions = ["a.b"]\nscope = "ANY"\n',
        '[actions]\n"a.b" = "A"\n[[rule]]\nwhy = "w"\nroles = ["ANALYST"]\nactions = ["a.b"]\nscope = "ANY"\nsealed = 1\n',
        '[actions]\n"a.b" = "A"\n[[rule]]\nwhy = "w"\nroles = ["ANALYST"]\nactions = ["a.b"]\nscope = "ANY"\nmore = true\n',
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(PolicyInvalid):
        read_policy(text)
