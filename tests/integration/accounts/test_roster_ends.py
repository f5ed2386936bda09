"""The roster of a closed desk ends with it; nobody is called by a line whose address is erased."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest

from fanal.accounts.models import Desk
from fanal.accounts.operations.desks import close_desk, reopen_desk
from fanal.accounts.operations.duty import add_duty
from fanal.accounts.operations.people import forget_words
from fanal.accounts.queries.duty import roster_lines, rosters, shifts_by_desk
from fanal.accounts.queries.people import actor_for
from fanal.db import sql
from fanal.kernel.actors import Actor, Role
from fanal.ledger import queries as ledger
from fanal.ledger.queries import SoughtEntries
from tests.integration.accounts.people import SYSTEM, make_user
from tests.integration.accounts.test_duty import NIGHTS
from tests.server import as_worker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installed_keys")]
DAY = timedelta(days=1)
NOW = datetime.now(UTC)
LONG_AGO = NOW - 7 * 365 * DAY
WEST = 2


@pytest.fixture(autouse=True)
def west() -> None:
    Desk.objects.create(id=WEST, code="WEST", name="Antenne Ouest")


def administrator(at: datetime) -> Actor:
    return actor_for(user=make_user("ines", Role.ADMINISTRATOR, at=at), now=at)


def put_on_duty(actor: Actor, at: datetime) -> str:
    line = replace(NIGHTS, name="Jeanne", address="jeanne@duty.test", first_day=at.date())
    return str(add_duty(actor=actor, desk_id=WEST, line=line, now=at))


def assert_nobody_is_on_duty() -> None:
    assert shifts_by_desk(since=NOW, until=NOW + DAY, now=NOW).get(WEST, []) == []
    (state,) = [one for one in rosters(now=NOW) if one.desk_id == WEST]
    assert (state.has_lines, state.gaps) == (False, ())


def test_a_desk_opens_again_with_an_empty_roster() -> None:
    ines = administrator(NOW - 3 * DAY)
    line = put_on_duty(ines, NOW - 2 * DAY)
    close_desk(actor=ines, desk_id=WEST, left=dict, now=NOW - DAY)
    reopen_desk(actor=SYSTEM, desk_id=WEST, now=NOW)
    assert_nobody_is_on_duty()
    (entry,) = ledger.list_entries(actor=SYSTEM, sought=SoughtEntries(action="duty.end"))
    assert dict(entry.detail) == {"desk": WEST, "kind": "WEEKLY", "rank": 1, "line": line}
    assert entry.actor_id == ines.person_id
    found = sql.rows("SELECT ended_by, ended_at FROM accounts_duty_end")
    assert found == [(ines.person_id, NOW - DAY)]


def test_a_desk_opens_again_after_years_with_an_empty_roster() -> None:
    put_on_duty(administrator(NOW - DAY), NOW)
    close_desk(actor=SYSTEM, desk_id=WEST, left=dict, now=LONG_AGO)
    with as_worker():
        assert forget_words(actor=SYSTEM, before=NOW - 5 * 365 * DAY) == 1
    reopen_desk(actor=SYSTEM, desk_id=WEST, now=NOW)
    assert_nobody_is_on_duty()


def test_a_line_left_at_a_closed_desk_ends_when_the_desk_opens_again() -> None:
    """As after a closing by an earlier version."""
    put_on_duty(administrator(NOW - DAY), NOW)
    sql.run("UPDATE accounts_desk SET closed_at = now() WHERE id = 2")
    reopen_desk(actor=SYSTEM, desk_id=WEST, now=NOW)
    assert_nobody_is_on_duty()


def test_the_database_ends_no_roster_of_an_open_desk() -> None:
    ines = administrator(NOW - DAY)
    put_on_duty(ines, NOW)
    assert sql.rows("SELECT * FROM accounts_end_roster(2, %s, now())", [SYSTEM.person_id]) == []
    assert len(roster_lines(now=NOW, desk_id=WEST)) == 1


def test_expiry_ends_the_lines_whose_address_it_erases() -> None:
    ines = administrator(NOW - DAY)
    line = replace(NIGHTS, first_day=NOW.date() - DAY, last_day=NOW.date())
    add_duty(actor=ines, desk_id=WEST, line=line, now=NOW)
    with as_worker():
        assert forget_words(actor=SYSTEM, before=NOW + 4 * DAY) == 1
    assert sql.rows("SELECT ended_by FROM accounts_duty_end") == [(SYSTEM.person_id,)]


def erase(line: object) -> None:
    """Erase a line's words without an end, as an earlier version did."""
    sql.rows("SELECT set_config('fanal.erasing', 'on', true)")
    sql.run("UPDATE accounts_duty SET name = '[…]', address = '[…]' WHERE id = %s", [line])


@pytest.mark.role("owner")
def test_nobody_is_called_at_an_erased_address() -> None:
    erase(put_on_duty(administrator(NOW - DAY), NOW))
    assert_nobody_is_on_duty()


@pytest.mark.role("owner")
def test_the_migration_ends_the_lines_of_closed_desks_and_erased_ones() -> None:
    ines = administrator(NOW - DAY)
    closed = put_on_duty(ines, NOW)
    sql.run("UPDATE accounts_desk SET closed_at = now() WHERE id = 2")
    erased = add_duty(actor=ines, desk_id=1, line=NIGHTS, now=NOW)
    erase(erased)
    kept = add_duty(actor=ines, desk_id=1, line=replace(NIGHTS, name="Kept"), now=NOW)
    sql.run(import_module("fanal.accounts.migrations.0032_rosters_end").STORED)
    found = {str(line) for (line,) in sql.rows("SELECT line_id FROM accounts_duty_end")}
    assert found == {closed, str(erased)}
    assert [one.id for one in roster_lines(now=NOW, desk_id=1)] == [kept]
