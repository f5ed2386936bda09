"""Rules on which no signed-in page rests: without each of them an operation refuses what it did before.

Pages show the deletion of the other rules (`test_matrix`); a last test counts that none is left without.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from unittest.mock import patch
from uuid import UUID

import pyrage
import pytest
from django.db import connection, transaction
from django.test import Client

from fanal.accounts.domain.policy import POLICY, Policy, PolicyRule, Reason, Refused
from fanal.accounts.models import User
from fanal.accounts.queries.people import actor_for, list_habilitations
from fanal.analyse.material.domain.lists import Vote
from fanal.analyse.material.operations.votes import cast_vote
from fanal.deconfliction import queries as deconflicted
from fanal.distribution.operations.recipients import add_recipient
from fanal.distribution.operations.sending import send
from fanal.harmonise import queries as harmonised
from fanal.intake.domain.records import Arrival, Format, Stage, Submission
from fanal.intake.operations.queue import claim_batch
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.files import open_submissions
from fanal.kernel.actors import Actor, Role, public_actor, system_actor
from fanal.orient.assignment.operations import assign_report
from fanal.orient.operations.decisions import reopen_case
from fanal.vault.operations.opening import open_object
from tests.integration.policy.walking import rules_behind, signed_in_routes, undone
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
    return claim_batch(
        actor=SYSTEM, stage=Stage.ORIENT, size=1, token=TOKEN, lease=timedelta(seconds=5)
    )


def _open(world: World) -> object:
    return open_submissions(actor=SYSTEM, report_ids=[world.report_ids["own"]], now=world.now)


def _original(world: World) -> object:
    objects = list(_objects(world))
    return open_object(
        actor=actor_as(Role.ANALYST), object_id=objects[0], now=world.now, purpose="test"
    )


def _objects(world: World) -> list[UUID]:
    """Return what is sealed of the own report."""
    from fanal.vault import queries

    found = queries.list_objects(actor=SYSTEM, owner_ids=[world.report_ids["own"]])
    return [one.id for one in found if one.kind not in {"identity", "address"}]


def _round(world: World) -> object:
    return deconflicted.get_round(actor=_partner(world), round_id=UUID(int=0))


def _deposit(sender: Actor, submission: Submission) -> object:
    return receive_reports(actor=sender, submissions=[submission], now=datetime.now(UTC))


def _by_form(_world: World) -> object:
    form = Submission(arrival=Arrival.FORM, format=Format.FORM, body=b"{}", canonical=b"{}")
    return _deposit(public_actor(), form)


def _by_partner(world: World) -> object:
    body = b'{"reference": "REF-rule", "kind": "GROOMING"}'
    submission = Submission(
        arrival=Arrival.API,
        format=Format.REPORT,
        body=body,
        canonical=body,
        sender_id=world.partner_ids["own"],
        reference="REF-rule",
    )
    return _deposit(_partner(world), submission)


def _public_page(_world: World) -> object:
    answer = Client(headers={"X-Forwarded-Proto": "https"}).get("/fr/")
    if answer.status_code == HTTPStatus.FORBIDDEN:
        raise Refused("page.public", Reason.NO_RULE)
    return answer.status_code == HTTPStatus.OK


def _named(login: str) -> Actor:
    return actor_for(user=User.objects.get(username=login), now=datetime.now(UTC))


def _elsewhere(world: World) -> object:
    """Return what the analyst of desk 2 learns of the identifiers of desk 1."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key FROM harmonise_sighting WHERE report_id = %s", [world.report_ids["own"]]
        )
        keys = [key for (key,) in cursor.fetchall()]
    return harmonised.seen_elsewhere(actor=_named("colleague-other_desk"), keys=keys)


def _recipient(world: World) -> object:
    return add_recipient(
        actor=_named("keeper-own"),
        code="NL-DESK",
        name="Desk",
        place=("NL", ""),
        key=str(pyrage.x25519.Identity.generate().to_public()),
        now=world.now,
    )


def _send(world: World) -> object:
    return send(actor=SYSTEM, sender="walk", deliver=lambda *_told: None, clock=lambda: world.now)


def _vote(actor: Actor, world: World) -> object:
    assert world.item_id is not None
    return cast_vote(
        actor=actor, item_id=world.item_id, vote=Vote.UP, reason="CONFIRMED", now=world.now
    )


def _assign(world: World) -> object:
    reopen_case(actor=_named("keeper-own"), report_id=world.report_ids["own"], now=world.now)
    return assign_report(
        actor=_named("keeper-own"),
        report_id=world.report_ids["own"],
        to=_named("colleague-own").person_id,
        now=datetime.now(UTC),
    )


ACTS: list[tuple[str, Callable[[World], object]]] = [
    ("The worker and the commands of the machine run the stages", _claim),
    ("The system opens sealed files to harmonise and export them", _open),
    ("The original file and text of a report may be opened for triage", _original),
    ("A counterpart's program submits and fetches the messages", _round),
    ("Anybody may read public pages", _public_page),
    ("Anybody may read public pages", _by_form),
    ("A partner submits its own reports", _by_partner),
    ("Supervisors manage recipient desks", _recipient),
    ("Supervisors manage recipient desks", _send),
    ("Whoever has a report in charge hands it over", _assign),
    (
        "People who see a match with a list entry may vote",
        lambda w: _vote(_named("colleague-own"), w),
    ),
    ("People who see a match with a list entry may vote", lambda w: _vote(_partner(w), w)),
]
"""What somebody does by a rule: refused without it."""

READS: list[tuple[str, Callable[[World], object]]] = [
    (
        "Each person sees their own account and habilitations",
        lambda _world: list_habilitations(actor=_named("colleague-own")),
    ),
    ("A link to a report of another desk shows only", _elsewhere),
]
"""What somebody is shown by a rule: nothing of it without."""


def _rule(why: str) -> PolicyRule:
    [rule] = [rule for rule in POLICY.rules if rule.why.startswith(why)]
    return rule


def _without(rule: PolicyRule) -> AbstractContextManager[object]:
    rest = Policy(actions=POLICY.actions, rules=tuple(r for r in POLICY.rules if r is not rule))
    return patch("fanal.accounts.domain.policy.POLICY", rest)


@pytest.mark.parametrize(("why", "act"), ACTS)
def test_without_its_rule_an_operation_refuses(
    why: str, act: Callable[[World], object], world: World
) -> None:
    savepoint = transaction.savepoint()
    with undone(savepoint):
        act(world)
    with _without(_rule(why)), undone(savepoint), pytest.raises(Refused):
        act(world)


@pytest.mark.parametrize(("why", "read"), READS)
def test_without_its_rule_nothing_is_shown(
    why: str, read: Callable[[World], object], world: World
) -> None:
    assert read(world)
    with _without(_rule(why)):
        assert not read(world)


def test_the_deletion_of_every_rule_is_seen() -> None:
    """By a page, or by an operation here: a new rule belongs to one of them."""
    seen = {_rule(why).why for why, _do in [*ACTS, *READS]}
    seen |= {rule.why for rule in rules_behind(signed_in_routes())}
    assert [rule.why for rule in POLICY.rules if rule.why not in seen] == []
