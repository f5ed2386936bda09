"""No act is dated ahead: an end of later days could never be written again, and the page would say it has ended."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection

from fanal.accounts.domain.records import ReviewVerdict, RevocationReason
from fanal.accounts.models import Habilitation
from fanal.accounts.operations.habilitations import review_habilitation, revoke_habilitation
from fanal.accounts.queries.people import actor_for
from fanal.kernel.actors import SYSTEM_PERSON, Role
from fanal.kernel.refusal import Refusal
from tests.integration.accounts.people import SYSTEM, Make
from tests.refusals import CHECK, database_refuses
from tests.server import as_worker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("servers_clock")]
DAY = timedelta(days=1)
REVOKED = (
    "INSERT INTO accounts_revocation (habilitation_id, revoked_at, revoked_by_id, reason_code)"
    " VALUES (%s, %s, %s, 'LEFT')"
)
REVIEWED = (
    "INSERT INTO accounts_review (id, habilitation_id, reviewed_at, reviewed_by_id, verdict)"
    " VALUES (gen_random_uuid(), %s, %s, %s, 'KEEP')"
)
PROPOSED = (
    "INSERT INTO accounts_instruction (id, kind, names, members, grounds, basis, valid_from, expires_at,"
    " proposer_id, proposed_at)"
    " VALUES (%(id)s, 'FEEDBACK', '{}', '{}', 'why', 'B 1', now(), now() + interval '9 days', %(by)s, %(at)s)"
)
SECONDED = (
    "INSERT INTO accounts_instruction_second (instruction_id, proposer_id, second_id, seconded_at)"
    " VALUES (%(id)s, %(of)s, %(by)s, %(at)s)"
)
ENDED = (
    "INSERT INTO accounts_instruction_end (instruction_id, revoked_by, revoked_at, reason)"
    " VALUES (%(id)s, %(by)s, %(at)s, 'over')"
)


def run(statement: str, values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def moments() -> list[object]:
    now = datetime.now(UTC)
    return ["infinity", "-infinity", now + 300 * DAY, now + timedelta(minutes=1)]


@pytest.mark.parametrize("statement", [REVOKED, REVIEWED], ids=["end", "review"])
def test_no_habilitation_ends_or_is_reviewed_ahead(make_user: Make, statement: str) -> None:
    claire = make_user("claire", Role.SUPERVISOR).person_id
    ana = make_user("ana", Role.ANALYST)
    held = Habilitation.objects.get(person_id=ana.person_id).id
    for at in moments():
        with database_refuses(CHECK):
            run(statement, [held, at, claire])
        with as_worker(), database_refuses(CHECK):  # nor by the console
            run(statement, [held, at, SYSTEM_PERSON])
    run(statement, [held, datetime.now(UTC), claire])


def test_an_end_of_later_is_not_taken_for_one(make_user: Make) -> None:
    now = datetime.now(UTC)
    ana = make_user("ana", Role.ANALYST, at=now - DAY)
    held = Habilitation.objects.get(person_id=ana.person_id).id

    def end(at: datetime) -> None:
        with as_worker():
            revoke_habilitation(
                actor=SYSTEM, habilitation_id=held, reason=RevocationReason.LEFT, now=at
            )

    end(now)
    end(now)
    with pytest.raises(Refusal, match="ENDS_LATER"):
        end(now - timedelta(seconds=1))


def test_an_instruction_is_proposed_and_ended_by_a_supervisor_and_now(make_user: Make) -> None:
    one, other = (make_user(name, Role.SUPERVISOR).person_id for name in ("one", "other"))
    ana, nobody = make_user("ana", Role.ANALYST).person_id, make_user("nobody").person_id
    made = uuid4()
    now = datetime.now(UTC)
    long_ago = now - 400 * DAY
    wrong = [*((one, at) for at in [*moments(), long_ago]), (ana, now), (nobody, now)]
    for by, at in wrong:
        with database_refuses(CHECK):
            run(PROPOSED, {"id": made, "by": by, "at": at})
    run(PROPOSED, {"id": made, "by": one, "at": now})
    for at in moments():
        with database_refuses(CHECK):
            run(SECONDED, {"id": made, "of": one, "by": other, "at": at})
    for by, at in [*wrong, (SYSTEM_PERSON, now)]:
        with database_refuses(CHECK):
            run(ENDED, {"id": made, "by": by, "at": at})
    run(ENDED, {"id": made, "by": other, "at": datetime.now(UTC)})


def test_nobody_held_an_office_before_it_was_granted(make_user: Make) -> None:
    """The first day may lie a year back: it is no office of that year."""
    now = datetime.now(UTC)
    claire = make_user("claire", Role.SUPERVISOR)
    with as_worker():
        run(
            "INSERT INTO accounts_habilitation (id, person_id, role, desk_id, act_reference, valid_from,"
            " valid_until, granted_by_id, granted_at, needs_approval)"
            " SELECT gen_random_uuid(), person_id, role, desk_id, 'ACT-2', %s, %s, granted_by_id, %s, false"
            " FROM accounts_habilitation WHERE person_id = %s",
            [now - 300 * DAY, now + DAY, now, claire.person_id],
        )
    values = {"id": uuid4(), "by": claire.person_id}
    with database_refuses(CHECK):
        run(PROPOSED, values | {"at": now - 30 * DAY})
    run(PROPOSED, values | {"at": datetime.now(UTC)})
    assert actor_for(user=claire, now=now + timedelta(seconds=1)).roles


def test_what_another_node_granted_just_now_ends_with_its_beginning(make_user: Make) -> None:
    """Its clock may be ahead by some seconds; the desk answered 500."""
    now = datetime.now(UTC)
    claire = actor_for(user=make_user("claire", Role.SUPERVISOR, at=now - DAY), now=now)
    granted = now + timedelta(seconds=4)
    ana = make_user("ana", Role.ANALYST, at=granted)
    held = Habilitation.objects.get(person_id=ana.person_id).id
    review_habilitation(actor=claire, habilitation_id=held, verdict=ReviewVerdict.KEEP, now=now)
    revoke_habilitation(actor=claire, habilitation_id=held, reason=RevocationReason.LEFT, now=now)
    assert not actor_for(user=ana, now=granted + DAY).roles
