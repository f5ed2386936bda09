"""Rules on which no signed-in page rests: without each of them an operation refuses what it did before."""

from collections.abc import Callable
from datetime import timedelta
from unittest.mock import patch
from uuid import UUID

import pytest

from fanal.accounts.domain.policy import POLICY, Policy, Refused
from fanal.deconfliction import queries as deconflicted
from fanal.intake import operations as intake, queries as intaken
from fanal.intake.domain.states import Stage
from fanal.kernel.actors import Actor, Role, system_actor
from fanal.vault import operations as vault
from tests.integration.policy.world import World
from tests.policy_cells import actor_as

pytestmark = pytest.mark.role("worker")

SYSTEM = system_actor("test")
TOKEN = UUID(int=7)


def _partner(world: World) -> Actor:
    return Actor(
        person_id=UUID(int=3), roles=frozenset({Role.PARTNER}), partner_id=world.partner_ids["own"]
    )


def _claim(world: World) -> object:
    return intake.claim_batch(
        actor=SYSTEM, stage=Stage.ORIENT, size=1, token=TOKEN, lease=timedelta(seconds=5)
    )


def _open(world: World) -> object:
    return intaken.open_submissions(
        actor=SYSTEM, report_ids=[world.report_ids["own"]], now=world.now
    )


def _original(world: World) -> object:
    objects = list(_objects(world))
    return vault.open_object(
        actor=actor_as(Role.ANALYST), object_id=objects[0], now=world.now, purpose="test"
    )


def _objects(world: World) -> list[UUID]:
    """Return what is sealed of the own report."""
    from fanal.vault import queries

    found = queries.list_objects(actor=SYSTEM, owner_ids=[world.report_ids["own"]])
    return [one.id for one in found if one.kind not in {"identity", "address"}]


def _round(world: World) -> object:
    return deconflicted.get_round(actor=_partner(world), round_id=UUID(int=0))


RULES: dict[str, Callable[[World], object]] = {
    "The worker and the commands of the machine run the stages": _claim,
    "Machines open sealed bytes to harmonise and export them": _open,
    "A report's own letter and text may be opened for triage": _original,
    "A counterpart's program hands in and fetches the messages": _round,
}


@pytest.mark.parametrize("why", RULES)
def test_without_its_rule_an_operation_refuses(why: str, world: World) -> None:
    [rule] = [rule for rule in POLICY.rules if rule.why.startswith(why)]
    RULES[why](world)
    rest = Policy(actions=POLICY.actions, rules=tuple(r for r in POLICY.rules if r is not rule))
    with patch("fanal.accounts.domain.policy.POLICY", rest), pytest.raises(Refused):
        RULES[why](world)
