"""Numbers and hours of the public pages: kept by an administrator, read by everybody, shown whatever fails."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from uuid import uuid4

import psycopg
import pytest
from django.test import Client
from psycopg import errors

from fanal.accounts.domain.policy import Refused
from fanal.accounts.domain.public_info import LineVerdict
from fanal.accounts.models import User
from fanal.accounts.operations.public_info import check_number, set_hours
from fanal.accounts.queries.people import actor_for
from fanal.accounts.queries.public_info import hidden_numbers, list_checks, opening_hours
from fanal.cli.doctor_desk import look_at_help_lines
from fanal.db import sql
from fanal.kernel.actors import Actor, Role
from fanal.kernel.refusal import Refusal
from fanal.ledger import queries as ledger
from fanal.ledger.queries import SoughtEntries
from fanal.web.components.public_info import forget
from tests.integration.accounts.people import SYSTEM, Make
from tests.refusals import CHECK, database_refuses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installed_keys", "read_again")]
AsRole = Callable[[str], psycopg.Connection[tuple[object, ...]]]
WEEK = [(540, 1080)] * 5 + [None, None]


@pytest.fixture
def read_again() -> Iterator[None]:
    forget()
    yield
    forget()


@pytest.fixture
def karim(make_user: Make) -> User:
    return make_user("karim", Role.ADMINISTRATOR)


@pytest.fixture
def admin(karim: User) -> Actor:
    return actor_for(user=karim, now=datetime.now(UTC))


def hide(actor: Actor, number: str = "3018") -> None:
    check_number(
        actor=actor, number=number, verdict=LineVerdict.HIDDEN, source="", now=datetime.now(UTC)
    )


def test_the_newest_verdict_counts_and_each_is_in_the_ledger(admin: Actor) -> None:
    hide(admin)
    assert hidden_numbers() == {"3018"}
    now = datetime.now(UTC)
    checked = LineVerdict.CHECKED
    check_number(actor=admin, number="3018", verdict=checked, source="e-enfance, page of", now=now)
    assert hidden_numbers() == frozenset()
    found = list_checks(actor=admin)["3018"]
    assert (found.source, found.by_id) == ("e-enfance, page of", admin.person_id)
    entries = ledger.list_entries(actor=SYSTEM, sought=SoughtEntries(action="public.number"))
    assert {one.detail["verdict"] for one in entries} == {"HIDDEN", "CHECKED"}


@pytest.mark.parametrize(
    ("number", "verdict", "source", "code"),
    [
        ("17", LineVerdict.HIDDEN, "", "KEPT"),
        ("119", LineVerdict.HIDDEN, "", "KEPT"),
        ("118", LineVerdict.CHECKED, "A text", "NUMBER"),
        ("17", LineVerdict.CHECKED, "", "SOURCE"),
        ("17", LineVerdict.CHECKED, "a\0b", "SOURCE"),
        ("17", LineVerdict.CHECKED, "x" * 501, "SOURCE"),
    ],
)
def test_what_is_refused(
    admin: Actor, number: str, verdict: LineVerdict, source: str, code: str
) -> None:
    with pytest.raises(Refusal, match=code):
        check_number(
            actor=admin, number=number, verdict=verdict, source=source, now=datetime.now(UTC)
        )


def test_an_administrator_alone(make_user: Make) -> None:
    claire = make_user("claire", Role.SUPERVISOR)
    actor = actor_for(user=claire, now=datetime.now(UTC))
    with pytest.raises(Refused):
        hide(actor)
    for person in (claire.person_id, SYSTEM.person_id):
        with database_refuses(CHECK):
            sql.run(
                "INSERT INTO accounts_help_line VALUES (%s, '3018', 'HIDDEN', '', %s, now())",
                [uuid4(), person],
            )


def test_no_row_leaves_an_emergency_number_out(admin: Actor) -> None:
    with database_refuses(CHECK):
        sql.run(
            "INSERT INTO accounts_help_line VALUES (%s, '17', 'HIDDEN', '', %s, now())",
            [uuid4(), admin.person_id],
        )


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_home_page_follows(admin: Actor, client: Client, lang: str) -> None:
    before = client.get(f"/{lang}/").content.decode()
    assert before.count("tel:3018") == 3, "list, tile and foot"
    assert "fp-hours" not in before
    hide(admin)
    now = datetime.now(UTC)
    set_hours(actor=admin, days=WEEK, closed=[now.date()], shown=True, now=now)
    forget()
    after = client.get(f"/{lang}/").content.decode()
    assert "3018" not in after
    words = {
        "fr": "du lundi au vendredi, de 9\xa0h à 18\xa0h",
        "en": "Monday to Friday, 9:00 to 18:00",
    }
    assert words[lang] in after
    set_hours(actor=admin, days=WEEK, closed=[], shown=False, now=datetime.now(UTC))
    forget()
    assert "fp-hours" not in client.get(f"/{lang}/").content.decode()


def test_a_public_node_reads_what_is_shown_and_not_by_whom(admin: Actor, as_role: AsRole) -> None:
    node = as_role("intake")
    node.execute("SELECT number, verdict, at FROM accounts_help_line")
    node.execute("SELECT opens, closes, closed, shown, at FROM accounts_opening")
    with pytest.raises(errors.InsufficientPrivilege):
        node.execute("SELECT by_id FROM accounts_help_line")


def test_every_number_is_shown_when_the_rows_cannot_be_read(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fanal.web.components.public_info.hidden_numbers", lambda: 1 / 0)
    assert "tel:3018" in client.get("/fr/").content.decode()


@pytest.mark.parametrize("days", [[None] * 7, [(600, 540)] * 7])
def test_hours_out_of_order_are_refused(admin: Actor, days: list[tuple[int, int] | None]) -> None:
    with pytest.raises(Refusal, match="HOURS"):
        set_hours(actor=admin, days=days, closed=[], shown=True, now=datetime.now(UTC))
    many = [date(2027, 1, 1).replace(day=n % 28 + 1, month=n % 12 + 1) for n in range(61)]
    with pytest.raises(Refusal, match="DAYS"):
        set_hours(actor=admin, days=WEEK, closed=many, shown=True, now=datetime.now(UTC))
    assert opening_hours() is None


def test_doctor_lists_what_nobody_checked(as_role: AsRole) -> None:
    (found,) = look_at_help_lines(as_role("auditor"))
    assert "17 (police" in found.text
    assert "114 (" in found.text
