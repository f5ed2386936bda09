"""Habilitations: named acts, half-open, append-only, never by oneself."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client

from fanal.accounts.domain.policy import Refused
from fanal.accounts.domain.records import NewHabilitation, ReviewVerdict, RevocationReason
from fanal.accounts.models import Habilitation
from fanal.accounts.operations import habilitations
from fanal.accounts.operations.desks import ensure_desk
from fanal.accounts.queries.people import actor_for
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from tests.integration.accounts.people import PASSWORD, SYSTEM, Make
from tests.refusals import CHECK, NO_RIGHT, database_refuses
from tests.server import as_worker

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def _ask(person_id: object, **changes: object) -> NewHabilitation:
    fields = {
        "person_id": person_id,
        "role": Role.ANALYST,
        "act_reference": "ACT 12",
        "valid_from": NOW,
        "valid_until": NOW + 10 * DAY,
        "desk_id": 1,
    }
    return NewHabilitation(**(fields | changes))


def test_in_force_from_included_to_excluded(make_user: Make) -> None:
    user = make_user("ana")
    habilitations.grant_habilitation(actor=SYSTEM, habilitation=_ask(user.person_id), now=NOW)
    instants = {
        NOW - timedelta(microseconds=1): False,
        NOW: True,
        NOW + 10 * DAY - timedelta(microseconds=1): True,
        NOW + 10 * DAY: False,
    }
    for instant, held in instants.items():
        assert (Role.ANALYST in actor_for(user=user, now=instant).roles) is held


def test_revocation_counts_from_its_instant(make_user: Make) -> None:
    user = make_user("ana")
    made = habilitations.grant_habilitation(
        actor=SYSTEM, habilitation=_ask(user.person_id), now=NOW
    )
    for _ in range(2):
        with as_worker():  # the console
            habilitations.revoke_habilitation(
                actor=SYSTEM, habilitation_id=made, reason=RevocationReason.LEFT, now=NOW + DAY
            )
    assert actor_for(user=user, now=NOW + DAY - timedelta(seconds=1)).roles
    assert not actor_for(user=user, now=NOW + DAY).roles


def test_the_console_grants_what_awaits_a_second_person(make_user: Make) -> None:
    claire, user, now = make_user("claire", Role.SUPERVISOR), make_user("ana"), datetime.now(UTC)
    days = {"valid_from": now, "valid_until": now + 10 * DAY}
    asked = _ask(user.person_id, role=Role.MEASURES_OFFICER, **days)
    granter = actor_for(user=claire, now=now)
    habilitations.grant_habilitation(actor=granter, habilitation=asked, now=now)
    with pytest.raises(Refusal, match="HELD"):
        habilitations.grant_habilitation(actor=granter, habilitation=asked, now=now)
    with as_worker():
        habilitations.grant_habilitation(actor=SYSTEM, habilitation=asked, now=now)
    assert Role.MEASURES_OFFICER in actor_for(user=user, now=now).roles


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"desk_id": None}, "DESK"),
        ({"role": Role.OVERSEER}, "DESK"),
        ({"role": Role.PARTNER, "desk_id": None}, "ORGANISATION"),
        ({"role": Role.SYSTEM}, "ROLE"),
        ({"role": Role.PUBLIC}, "ROLE"),
        ({"act_reference": "  "}, "ACT"),
        ({"valid_until": NOW}, "DATES"),
        ({"valid_until": NOW + 367 * DAY}, "DATES"),
    ],
)
def test_what_makes_no_sense_is_refused(
    make_user: Make, changes: dict[str, object], code: str
) -> None:
    user = make_user("ana")
    with pytest.raises(Refusal) as refused:
        habilitations.grant_habilitation(
            actor=SYSTEM, habilitation=_ask(user.person_id, **changes), now=NOW
        )
    assert refused.value.code == code


def test_supervisor_grants_at_their_desk_and_not_to_themselves(make_user: Make) -> None:
    claire, ana = make_user("claire", Role.SUPERVISOR, at=NOW), make_user("ana")
    actor = actor_for(user=claire, now=NOW)
    habilitations.grant_habilitation(actor=actor, habilitation=_ask(ana.person_id), now=NOW)
    with pytest.raises(Refused):
        habilitations.grant_habilitation(actor=actor, habilitation=_ask(claire.person_id), now=NOW)
    ensure_desk(actor=SYSTEM, desk_id=2, code="WEST", name="West")
    with pytest.raises(Refused):
        habilitations.grant_habilitation(
            actor=actor, habilitation=_ask(ana.person_id, desk_id=2), now=NOW
        )


def test_database_refuses_self_grant_edit_and_deletion(make_user: Make) -> None:
    user = make_user("ana", Role.ANALYST, at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("fanal_app",)
    attacks = [
        "UPDATE accounts_habilitation SET valid_until = valid_until + interval '1 day'",
        "DELETE FROM accounts_habilitation",
        "TRUNCATE accounts_habilitation CASCADE",
        (
            "INSERT INTO accounts_habilitation (id, role, act_reference, valid_from, valid_until,"
            " granted_at, desk_id, person_id, organisation_id, granted_by_id)"
            " SELECT gen_random_uuid(), 'SUPERVISOR', act_reference,"
            " valid_from, valid_until, granted_at, desk_id, person_id, organisation_id, person_id"
            " FROM accounts_habilitation"
        ),
    ]
    for attack in attacks:
        with database_refuses(NO_RIGHT, CHECK), connection.cursor() as cursor:
            cursor.execute(attack)
    assert Habilitation.objects.get().person_id == user.person_id


def test_database_refuses_review_and_revocation_by_the_person(make_user: Make) -> None:
    user = make_user("ana", Role.ANALYST, at=NOW)
    held = Habilitation.objects.get()
    with database_refuses(CHECK), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_review (id, habilitation_id, reviewed_at, reviewed_by_id, verdict)"
            " VALUES (gen_random_uuid(), %s, now(), %s, 'KEEP')",
            [held.id, user.person_id],
        )
    with database_refuses(CHECK), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_revocation (habilitation_id, revoked_at, revoked_by_id,"
            " reason_code) VALUES (%s, now(), %s, 'LEFT')",
            [held.id, user.person_id],
        )


def test_nobody_is_renamed_by_the_desk(make_user: Make) -> None:
    """Who signed an act would be read under another name."""
    make_user("ana", Role.ANALYST, at=NOW)
    for attack in (
        "UPDATE accounts_person SET name = 'Claire'",
        "UPDATE accounts_person SET organisation_id = NULL",
        "DELETE FROM accounts_person",
    ):
        with database_refuses(NO_RIGHT), connection.cursor() as cursor:
            cursor.execute(attack)


REVOKED = (
    "INSERT INTO accounts_revocation (habilitation_id, revoked_at, revoked_by_id, reason_code)"
    " VALUES (%s, %s, %s, 'LEFT')"
)
REVIEWED = (
    "INSERT INTO accounts_review (id, habilitation_id, reviewed_at, reviewed_by_id, verdict)"
    " VALUES (gen_random_uuid(), %s, %s, %s, 'KEEP')"
)


@pytest.mark.parametrize("statement", [REVOKED, REVIEWED])
def test_database_refuses_ends_and_reviews_of_whoever_supervises_nothing(
    make_user: Make, statement: str
) -> None:
    """Nobody else could take such a row back: a desk would have no supervisor for good."""
    now = datetime.now(UTC)
    claire = make_user("claire", Role.SUPERVISOR, at=NOW)
    supervises = Habilitation.objects.get(person_id=claire.person_id)
    ana, oona = make_user("ana", Role.ANALYST, at=NOW), make_user("oona", Role.OVERSEER, at=NOW)
    oversees = Habilitation.objects.get(person_id=oona.person_id)
    analyses = Habilitation.objects.get(person_id=ana.person_id)
    for held, at, by in (
        (supervises, now, ana),
        (supervises, now, oona),
        (oversees, now, claire),
        (analyses, NOW - 30 * DAY, claire),
    ):
        with database_refuses(CHECK), connection.cursor() as cursor:
            cursor.execute(statement, [held.id, at, by.person_id])
    with connection.cursor() as cursor:
        cursor.execute(statement, [analyses.id, now, claire.person_id])


def test_review_page_from_list_to_verdict(
    web: Client, make_user: Make, no_second_factor: None
) -> None:
    long_ago = datetime.now(UTC) - 100 * DAY
    make_user("claire", Role.SUPERVISOR)
    ana = make_user("ana", Role.ANALYST, at=long_ago)
    ensure_desk(actor=SYSTEM, desk_id=2, code="WEST", name="West")
    zoe = make_user("zoe", Role.ANALYST, desk=2)
    web.post("/fr/login/", {"login": "claire", "password": PASSWORD})
    body = web.get("/en/account/habilitations/").content.decode()
    assert "Ana" in body
    assert "Zoe" not in body
    assert "1 habilitation is due for its quarterly review" in body
    assert "opened by the operator’s console" in body
    assert "SYSTEM" not in body
    held = {h.person_id: h for h in Habilitation.objects.all()}
    review = "/en/account/habilitations/{}/review/"
    kept = web.post(review.format(held[ana.person_id].id), {"verdict": "KEEP"})
    assert kept.status_code == 302
    assert "0 habilitations are due" in web.get("/en/account/habilitations/").content.decode()
    other = web.post(review.format(held[zoe.person_id].id), {"verdict": "REVOKE"})
    assert other.status_code == 404
    nonsense = web.post(review.format(held[ana.person_id].id), {"verdict": "MAYBE"})
    assert nonsense.status_code == 400
    web.post(review.format(held[ana.person_id].id), {"verdict": "REVOKE"})
    assert not actor_for(user=ana, now=datetime.now(UTC)).roles


def test_review_of_ones_own_habilitation_is_refused(
    web: Client, make_user: Make, no_second_factor: None
) -> None:
    claire = make_user("claire", Role.SUPERVISOR)
    web.post("/fr/login/", {"login": "claire", "password": PASSWORD})
    held = Habilitation.objects.get(person=claire.person_id)
    answer = web.post(f"/fr/account/habilitations/{held.id}/review/", {"verdict": "KEEP"})
    assert answer.status_code == 403
    with pytest.raises(Refused):
        habilitations.review_habilitation(
            actor=actor_for(user=claire, now=datetime.now(UTC)),
            habilitation_id=held.id,
            verdict=ReviewVerdict.KEEP,
            now=datetime.now(UTC),
        )
