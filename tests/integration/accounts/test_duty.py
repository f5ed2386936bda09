"""The duty roster of a desk: kept by its supervisors and the administrator, each change a ledger entry."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest

from fanal.accounts.domain.duty import FIRST, ZONES, DutyKind, Gap, NewDuty, recipients
from fanal.accounts.domain.policy import Refused
from fanal.accounts.domain.records import DeskDetails, NewHabilitation, RevocationReason
from fanal.accounts.models import Habilitation, User
from fanal.accounts.operations.changes import close_account
from fanal.accounts.operations.desks import add_desk
from fanal.accounts.operations.duty import add_duty, end_duty
from fanal.accounts.operations.habilitations import (
    approve_habilitation,
    grant_habilitation,
    revoke_habilitation,
)
from fanal.accounts.operations.people import forget_words
from fanal.accounts.queries.duty import (
    desks_with_roster,
    list_duty,
    people_for_duty,
    rosters,
    shifts_by_desk,
)
from fanal.accounts.queries.mail_tests import list_test_calls
from fanal.accounts.queries.people import actor_for
from fanal.db import sql
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as journal, queries as ledger
from fanal.ledger.queries import SoughtEntries
from tests.integration.accounts.people import SYSTEM, Make, habilitate
from tests.refusals import CHECK, NO_RIGHT, database_refuses
from tests.server import as_worker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installed_keys")]
NIGHTS = NewDuty(
    kind=DutyKind.WEEKLY,
    rank=FIRST,
    person_id=None,
    name="Téléphone d’astreinte",
    address="phone@duty.test",
    zone="Europe/Paris",
    weekdays=frozenset(range(7)),
    first_day=date(2026, 1, 1),
    last_day=None,
    starts=time(8),
    ends=time(8),
)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def claire(make_user: Make) -> User:
    return make_user("claire", Role.SUPERVISOR)


@pytest.fixture
def karim(make_user: Make) -> User:
    return make_user("karim", Role.ADMINISTRATOR)


@pytest.mark.parametrize("who", ["claire", "karim"])
def test_one_person_adds_and_removes_a_line_and_the_ledger_says_so(
    who: str, now: datetime, request: pytest.FixtureRequest
) -> None:
    user = request.getfixturevalue(who)
    actor = actor_for(user=user, now=now)
    line = add_duty(actor=actor, desk_id=1, line=NIGHTS, now=now)
    (found,) = list_duty(actor=actor, desk_id=1, now=now)
    assert (found.id, found.name, found.address) == (
        line,
        "Téléphone d’astreinte",
        "phone@duty.test",
    )
    assert add_duty(actor=actor, desk_id=1, line=NIGHTS, now=now) == line, "sent twice"
    assert (found.starts, found.weekdays, found.person_id) == (time(8), frozenset(range(7)), None)
    end_duty(actor=actor, desk_id=1, line_id=line, now=now)
    assert list_duty(actor=actor, desk_id=1, now=now) == []
    with pytest.raises(Refusal, match="GONE"):
        end_duty(actor=actor, desk_id=1, line_id=line, now=now)
    for action in ("duty.add", "duty.end"):
        (entry,) = ledger.list_entries(actor=SYSTEM, sought=SoughtEntries(action=action))
        detail = {"desk": 1, "kind": "WEEKLY", "rank": 1, "line": str(line)}
        assert (dict(entry.detail), entry.actor_id) == (detail, user.person_id)


def test_others_see_it_or_nothing(make_user: Make, now: datetime) -> None:
    analyst = actor_for(user=make_user("ana", Role.ANALYST), now=now)
    with as_worker():
        details = DeskDetails(name="Antenne Est")
        east = add_desk(actor=SYSTEM, code="EAST", details=details, now=now)
    far = actor_for(user=make_user("zoe", Role.SUPERVISOR, desk=east), now=now)
    nobody = actor_for(user=make_user("stat", Role.STATISTICIAN), now=now)
    assert list_duty(actor=analyst, desk_id=1, now=now) == []
    assert list(desks_with_roster(actor=analyst)) == [1]
    assert list(desks_with_roster(actor=nobody)) == []
    for actor in (analyst, far, nobody):
        with pytest.raises(Refused):
            add_duty(actor=actor, desk_id=1, line=NIGHTS, now=now)
    for actor in (far, nobody):
        with pytest.raises(Refused):
            list_duty(actor=actor, desk_id=1, now=now)


def test_a_person_is_called_at_the_address_of_their_account(
    claire: User, make_user: Make, now: datetime
) -> None:
    actor = actor_for(user=claire, now=now)
    ana = make_user("ana", Role.ANALYST)
    User.objects.filter(id=ana.id).update(email="ana@desk.test")
    line = replace(NIGHTS, person_id=ana.person_id, name="", address="")
    assert (ana.person_id, ana.person.name, True) in people_for_duty(
        actor=actor, desk_id=1, now=now
    )
    add_duty(actor=actor, desk_id=1, line=line, now=now)
    (shift, *_) = shifts_by_desk(since=now, until=now + timedelta(minutes=1), now=now)[1]
    assert (shift.name, shift.address) == (ana.person.name, "ana@desk.test")
    (state, *_) = rosters(now=now)
    assert (state.gaps, state.unreachable, state.has_lines) == ((), (), True)
    with as_worker():
        close_account(actor=SYSTEM, person_id=ana.person_id, now=now)
    (state, *_) = rosters(now=now)
    assert state.gaps == (Gap(since=now, until=now + timedelta(days=14)),)
    assert state.unreachable == (ana.person.name,)


def put_on_duty(ana: User, *, by: User, now: datetime) -> None:
    User.objects.filter(id=ana.id).update(email="ana@desk.test")
    line = replace(NIGHTS, person_id=ana.person_id, name="", address="")
    add_duty(actor=actor_for(user=by, now=now), desk_id=1, line=line, now=now)


def called_at(now: datetime) -> tuple[str, ...]:
    found = shifts_by_desk(since=now, until=now + timedelta(minutes=1), now=now).get(1, [])
    return recipients(found, at=now, fallback=["duty@desk.test"], escalated=False)[0]


def test_a_person_whose_role_has_ended_is_not_called_and_the_gap_is_shown(
    claire: User, make_user: Make, now: datetime
) -> None:
    ana = make_user("ana", Role.ANALYST, at=now - timedelta(days=2))
    put_on_duty(ana, by=claire, now=now)
    assert called_at(now) == ("ana@desk.test",)
    held = Habilitation.objects.get(person_id=ana.person_id)
    with as_worker():
        revoke_habilitation(
            actor=SYSTEM, habilitation_id=held.id, reason=RevocationReason.LEFT, now=now
        )
    assert called_at(now) == ("duty@desk.test",)
    (state, *_) = rosters(now=now)
    assert state.gaps == (Gap(since=now, until=now + timedelta(days=14)),)
    assert state.unreachable == (ana.person.name,)
    habilitate(ana, Role.JUDICIAL_OFFICER, at=now)
    assert called_at(now) == ("ana@desk.test",)


def test_a_role_elsewhere_or_without_alarms_or_past_its_date_calls_nobody(
    claire: User, make_user: Make, now: datetime
) -> None:
    ana = make_user("ana", Role.ANALYST, at=now - timedelta(days=2))
    put_on_duty(ana, by=claire, now=now)
    with as_worker():
        east = add_desk(actor=SYSTEM, code="EAST", details=DeskDetails(name="Antenne Est"), now=now)
    habilitate(ana, Role.STATISTICIAN, at=now)
    habilitate(ana, Role.ANALYST, desk=east, at=now)
    later = now + timedelta(days=299)
    assert called_at(later) == ("duty@desk.test",)


def test_a_role_that_awaits_its_approval_puts_nobody_on_duty(
    claire: User, make_user: Make, now: datetime
) -> None:
    actor, nadia = actor_for(user=claire, now=now), make_user("nadia")
    habilitation = NewHabilitation(
        person_id=nadia.person_id,
        role=Role.SUPERVISOR,
        act_reference="Act 12",
        valid_from=now,
        valid_until=now + timedelta(days=30),
        desk_id=1,
    )
    granted = grant_habilitation(actor=actor, habilitation=habilitation, now=now)
    line = replace(NIGHTS, person_id=nadia.person_id, name="", address="")
    with pytest.raises(Refusal, match="WHO"):
        add_duty(actor=actor, desk_id=1, line=line, now=now)
    second = actor_for(user=make_user("omar", Role.SUPERVISOR), now=now)
    approve_habilitation(actor=second, habilitation_id=granted, now=now)
    add_duty(actor=actor, desk_id=1, line=line, now=now)


def said() -> list[tuple[str, str]]:
    return sorted(sql.rows("SELECT name, address FROM accounts_duty"))


def test_names_and_addresses_of_lines_that_ended_are_erased(claire: User, now: datetime) -> None:
    actor, today = actor_for(user=claire, now=now), now.date()
    add_duty(actor=actor, desk_id=1, line=NIGHTS, now=now)
    for name, changes in (
        ("Removed", {}),
        ("Dated", {"kind": DutyKind.ON, "weekdays": frozenset(), "last_day": today}),
        ("Weekly", {"last_day": today + timedelta(days=30)}),
    ):
        line = replace(NIGHTS, name=name, first_day=today - timedelta(days=1), **changes)
        line_id = add_duty(
            actor=actor, desk_id=1, line=replace(line, address=f"{name}@duty.test"), now=now
        )
        if name == "Removed":
            end_duty(actor=actor, desk_id=1, line_id=line_id, now=now)
    kept, gone = (NIGHTS.name, NIGHTS.address), ("[…]", "[…]")
    weekly = ("Weekly", "Weekly@duty.test")
    with as_worker():
        assert forget_words(actor=SYSTEM, before=now) == 0
        assert forget_words(actor=SYSTEM, before=now + timedelta(days=4)) == 2
        assert said() == sorted([kept, gone, gone, weekly])
        assert forget_words(actor=SYSTEM, before=now + timedelta(days=34)) == 1
        assert forget_words(actor=SYSTEM, before=now + timedelta(days=9_999)) == 0
    assert said() == sorted([kept, gone, gone, gone])
    assert called_at(now + timedelta(days=40)) == ("phone@duty.test",)


def test_a_desk_without_lines_has_no_gap(claire: User, now: datetime) -> None:
    (state, *_) = rosters(now=now)
    assert (state.has_lines, state.gaps) == (False, ())
    absent = replace(
        NIGHTS, kind=DutyKind.OFF, weekdays=frozenset(),
        first_day=now.date(), last_day=now.date() + timedelta(days=2),
    )  # fmt: skip
    add_duty(actor=actor_for(user=claire, now=now), desk_id=1, line=absent, now=now)
    assert rosters(now=now)[0].has_lines is False


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("WHO", {"address": ""}),
        ("WHO", {"name": ""}),
        ("WHO", {"person_id": UUID(int=5)}),
        ("ADDRESS", {"address": "phone at duty"}),
        ("NAME", {"name": "a\0b"}),
        ("NAME", {"name": "x" * 201}),
        ("DAYS", {"weekdays": frozenset()}),
        ("HOURS", {"zone": "Mars/Base"}),
        ("HOURS", {"kind": DutyKind.ON, "weekdays": frozenset()}),
        ("HOURS", {"rank": 3}),
        ("PAST", {"last_day": date(2026, 1, 2)}),
    ],
)
def test_a_bad_line_is_refused(
    code: str, changes: dict[str, object], claire: User, now: datetime
) -> None:
    with pytest.raises(Refusal, match=code):
        add_duty(
            actor=actor_for(user=claire, now=now),
            desk_id=1,
            line=replace(NIGHTS, **changes),  # type: ignore[arg-type]
            now=now,
        )


def test_the_database_asks_for_the_authors_office_and_keeps_the_lines(
    claire: User, make_user: Make, now: datetime
) -> None:
    actor = actor_for(user=claire, now=now)
    line = add_duty(actor=actor, desk_id=1, line=NIGHTS, now=now)
    copied = (
        "INSERT INTO accounts_duty SELECT gen_random_uuid(), %s, kind, rank, person_id, name, address, zone,"
        " weekdays, first_day, last_day, starts, ends, %s, now() FROM accounts_duty WHERE id = %s"
    )
    ana = make_user("ana", Role.ANALYST)
    with as_worker():
        details = DeskDetails(name="Antenne Est")
        east = add_desk(actor=SYSTEM, code="EAST", details=details, now=now)
    for desk, author in ((1, ana.person_id), (east, claire.person_id), (1, SYSTEM.person_id)):
        with database_refuses(CHECK):
            sql.run(copied, [desk, author, line])
    with database_refuses(CHECK):
        sql.run("INSERT INTO accounts_duty_end VALUES (%s, %s, now())", [line, ana.person_id])
    with database_refuses(NO_RIGHT):
        sql.run("UPDATE accounts_duty SET address = 'other@duty.test'")
    with database_refuses(NO_RIGHT):
        sql.run("DELETE FROM accounts_duty_end")


def test_the_database_refuses_lines_of_which_no_shift_could_be_computed(
    claire: User, now: datetime
) -> None:
    """One such line would leave every desk without its roster."""
    line = add_duty(actor=actor_for(user=claire, now=now), desk_id=1, line=NIGHTS, now=now)
    for zone, year in (
        ("Europe/Pariss", 2026),
        ("", 2026),
        ("Europe/Paris", 9999),
        ("Europe/Paris", 1),
    ):
        with database_refuses(CHECK):
            sql.run(
                "INSERT INTO accounts_duty SELECT gen_random_uuid(), desk_id, kind, rank, person_id, name,"
                " address, %s, weekdays, make_date(%s, 1, 1), NULL, starts, ends, added_by, now()"
                " FROM accounts_duty WHERE id = %s",
                [zone, year, line],
            )
    for zone in ZONES:
        add_duty(
            actor=actor_for(user=claire, now=now),
            desk_id=1,
            line=replace(NIGHTS, zone=zone),
            now=now,
        )


def test_test_calls_of_other_desks_push_none_out_of_the_day(now: datetime) -> None:
    begun = now - timedelta(hours=20)
    for number in range(6 * 20):  # the most that an hour allows, for twenty hours
        at = begun + timedelta(minutes=10 * number)
        desk = 2 if number == 0 else 1
        detail: dict[str, str | int] = {"to": "ROSTER", "desk": desk}
        asked = journal.record(actor=SYSTEM, action="duty.test", at=at, detail=detail)
        answer: dict[str, str | int] = {"test": str(asked), "result": "ACCEPTED"}
        journal.record(actor=SYSTEM, action="mail.answer", at=at, detail=answer)

    found = list_test_calls(actor=SYSTEM, desk_id=2, since=now - timedelta(days=1))

    assert [(one.asked_at, one.result) for one in found] == [(begun, "ACCEPTED")]
