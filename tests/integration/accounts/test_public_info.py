"""Numbers and hours of the public pages: kept by an administrator, read by everybody, shown whatever fails."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError
from django.test import Client
from psycopg import errors

from fanal.accounts.domain.policy import Refused
from fanal.accounts.domain.public_info import NUMBERS, LineVerdict
from fanal.accounts.models import User
from fanal.accounts.operations.people import forget_words
from fanal.accounts.operations.public_info import check_number, set_hours
from fanal.accounts.queries.people import actor_for
from fanal.accounts.queries.public_info import hidden_numbers, list_checks, opening_hours
from fanal.cli.doctor_desk import look_at_help_lines
from fanal.db import sql
from fanal.kernel.actors import Actor, Role
from fanal.kernel.refusal import Refusal
from fanal.ledger import queries as ledger
from fanal.ledger.queries import SoughtEntries
from fanal.web.components import public_info
from fanal.web.components.public_info import forget
from tests.integration.accounts.people import SYSTEM, Make
from tests.live import wait_for
from tests.refusals import CHECK, database_refuses
from tests.server import as_worker

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


def test_the_source_of_a_check_that_counts_no_more_is_erased(admin: Actor) -> None:
    now = datetime.now(UTC)
    with as_worker():  # what other tests left in this database
        forget_words(actor=SYSTEM, before=now + timedelta(days=400))
    for later, (number, source) in enumerate((("17", "First"), ("17", "Second"), ("119", "Third"))):
        at = now + timedelta(seconds=later)
        check_number(actor=admin, number=number, verdict=LineVerdict.CHECKED, source=source, now=at)
    hide(admin)
    with as_worker():
        assert forget_words(actor=SYSTEM, before=now) == 0
        assert forget_words(actor=SYSTEM, before=now + timedelta(days=1)) == 1
        assert {one.source for one in list_checks(actor=admin).values()} == {"", "Second", "Third"}
        assert forget_words(actor=SYSTEM, before=now + timedelta(days=367)) == 2
    assert {one.source for one in list_checks(actor=admin).values()} == {"", "[…]"}
    assert hidden_numbers() == {"3018"}


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


def out_of_reach() -> frozenset[str]:
    raise DatabaseError


def test_a_number_that_was_left_out_stays_away_when_a_reading_fails(
    admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(admin)
    assert "3018" not in public_info.shown_numbers()
    public_info._kept[0] = replace(public_info._kept[0], until=0.0)  # half a minute later
    monkeypatch.setattr(public_info, "hidden_numbers", out_of_reach)
    assert public_info.shown_numbers() == {"17", "112", "119", "114"}


def test_nobody_waits_for_the_reading_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that hangs delays the first visitor, and each of the others by half a second at most."""
    goes_on, seen = threading.Event(), list[tuple[float, frozenset[str]]]()

    def hanging() -> frozenset[str]:
        assert goes_on.wait(20)
        return frozenset({"3018"})

    def visit() -> None:
        begin = time.monotonic()
        numbers = public_info.shown_numbers()
        seen.append((time.monotonic() - begin, numbers))

    monkeypatch.setattr(public_info, "hidden_numbers", hanging)
    monkeypatch.setattr(public_info, "opening_hours", lambda: None)
    threads = [threading.Thread(target=visit) for _ in range(6)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(seen) == 5, seconds=10)
    others = list(seen)
    goes_on.set()
    for thread in threads:
        thread.join()
    assert len(others) == 5
    assert max(took for took, _ in others) < 3
    assert {numbers for _, numbers in others} == {frozenset(NUMBERS)}
    assert seen[5][1] == frozenset(NUMBERS) - {"3018"}


def test_a_reading_that_fails_is_not_tried_by_each_who_waited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = list[int]()

    def failing() -> frozenset[str]:
        tries.append(1)
        time.sleep(0.2)
        raise DatabaseError

    monkeypatch.setattr(public_info, "hidden_numbers", failing)
    threads = [threading.Thread(target=public_info.shown_numbers) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tries) == 1


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


@pytest.mark.usefixtures("no_second_factor")
def test_a_refused_official_text_stays_in_its_field(karim: User, client: Client) -> None:
    client.force_login(karim, backend=settings.AUTHENTICATION_BACKENDS[1])
    typed = "arrêté du 1er\u200bjanvier 2026"
    form = {"number": "17", "verdict": "CHECKED", "source": typed}
    answer = client.post("/en/account/public/number/", form, headers={"X-Forwarded-Proto": "https"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert page.count(f'value="{typed}"') == 1
    assert page.partition(f'value="{typed}"')[0].endswith('name="source" maxlength="500" required ')
    assert page.count("<details open>") == 1
