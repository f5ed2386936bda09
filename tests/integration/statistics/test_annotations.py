"""Annotations of charts: what a supervisor writes, outages that the worker notes, changes of rules."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import RequestFactory
from django.utils.translation import override

from fanal.accounts.domain.policy import Refused
from fanal.accounts.queries.people import actor_for
from fanal.db import sql
from fanal.kernel.actors import Actor, Role
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.statistics.annotations import (
    AnnotationKind,
    Part,
    annotations,
    end_annotation,
    forget_annotations,
    note_alive,
    write_annotation,
)
from fanal.web.desk.statistics.marks import ChartMark, _back, marked
from tests.integration.accounts.people import SYSTEM, make_user
from tests.refusals import CHECK, NO_RIGHT, database_refuses
from tests.server import as_worker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("installed_keys")]
NOW = datetime.now(UTC)
TODAY = paris_day(NOW)


def supervisor() -> Actor:
    return actor_for(user=make_user("claire", Role.SUPERVISOR), now=datetime.now(UTC))


def write(actor: Actor, words: str = "Storm", **changes: object) -> object:
    told = {"kind": AnnotationKind.NOTE, "first": TODAY, "last": TODAY, "words": words}
    return write_annotation(actor=actor, now=datetime.now(UTC), **(told | changes))  # type: ignore[arg-type]


def of_month(actor: Actor) -> list[tuple[str, str, str]]:
    first = TODAY - timedelta(days=30)
    found = annotations(actor=actor, since=first, until=TODAY + timedelta(days=1))
    return [(one.kind.value, one.words, one.code) for one in found]


def authors(actor: Actor) -> list[str]:
    first = TODAY - timedelta(days=30)
    found = annotations(actor=actor, since=first, until=TODAY + timedelta(days=1))
    return [one.by for one in found]


def test_a_supervisor_writes_and_removes_and_others_read() -> None:
    claire = supervisor()
    stat = actor_for(user=make_user("stat", Role.STATISTICIAN), now=datetime.now(UTC))
    written = write(claire)
    assert write(claire) == written, "sent twice"
    assert of_month(stat) == [("NOTE", "Storm", "")]
    assert [authors(one) for one in (claire, stat)] == [["Claire"], [""]], "figures name no person"
    for act in (
        lambda: write(stat),
        lambda: end_annotation(actor=stat, annotation_id=written, now=NOW),
    ):
        with pytest.raises(Refused):
            act()
    end_annotation(actor=claire, annotation_id=written, now=datetime.now(UTC))
    assert of_month(stat) == []
    with pytest.raises(Refusal, match="GONE"):
        end_annotation(actor=claire, annotation_id=written, now=datetime.now(UTC))
    with database_refuses(NO_RIGHT):
        sql.run("UPDATE statistics_annotation SET words = 'x'")


def test_the_words_of_an_annotation_that_ended_are_erased() -> None:
    claire, later = supervisor(), datetime.now(UTC) + timedelta(days=2)
    last = {"first": TODAY - timedelta(days=9), "last": TODAY - timedelta(days=9)}
    write(claire, "Written late", **last)
    removed = write(claire, "Removed")
    end_annotation(actor=claire, annotation_id=removed, now=datetime.now(UTC))
    with as_worker():
        assert forget_annotations(actor=SYSTEM, before=NOW - timedelta(days=1)) == 0
        assert forget_annotations(actor=SYSTEM, before=later) == 2
        assert forget_annotations(actor=SYSTEM, before=later) == 0
    assert sql.rows("SELECT DISTINCT words FROM statistics_annotation") == [("[…]",)]
    assert of_month(claire) == []


def test_the_database_asks_for_the_authors_office() -> None:
    claire = supervisor()
    stat = make_user("stat", Role.STATISTICIAN).person_id
    annotation_id = write(claire)
    for author in (stat, SYSTEM.person_id):
        with database_refuses(CHECK):
            sql.run(
                "INSERT INTO statistics_annotation SELECT gen_random_uuid(), kind, first, last, words, %s, now()"
                " FROM statistics_annotation",
                [author],
            )
        with database_refuses(CHECK):
            sql.run(
                "INSERT INTO statistics_annotation_end VALUES (%s, %s, now())",
                [annotation_id, author],
            )


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("WORDS", {"words": ""}),
        ("WORDS", {"words": "x" * 201}),
        ("WORDS", {"words": "a\0b"}),
        ("DAYS", {"last": TODAY + timedelta(days=2)}),
        ("DAYS", {"last": TODAY - timedelta(days=1)}),
    ],
)
def test_what_is_refused(code: str, changes: dict[str, object]) -> None:
    with pytest.raises(Refusal, match=code):
        write(supervisor(), **changes)


def test_an_outage_is_noted_once_the_part_works_again() -> None:
    began = NOW - timedelta(hours=3)
    with as_worker():
        assert note_alive(actor=SYSTEM, parts=[Part.WORKER, Part.CALLS], now=began) == 0
        for minutes in (1, 2, 11):  # the last pause is nine minutes
            at = began + timedelta(minutes=minutes)
            assert note_alive(actor=SYSTEM, parts=[Part.WORKER, Part.CALLS], now=at) == 0
        assert note_alive(actor=SYSTEM, parts=[Part.WORKER], now=began + timedelta(minutes=30)) == 1
        assert note_alive(actor=SYSTEM, parts=[Part.WORKER], now=began + timedelta(minutes=31)) == 0
        assert note_alive(actor=SYSTEM, parts=list(Part), now=NOW) == 2
    found = annotations(
        actor=SYSTEM, since=TODAY - timedelta(days=2), until=TODAY + timedelta(days=1)
    )
    times = sorted((one.code, one.since, one.until) for one in found)
    assert times == [
        ("CALLS", began + timedelta(minutes=11), NOW),
        ("WORKER", began + timedelta(minutes=11), began + timedelta(minutes=30)),
        ("WORKER", began + timedelta(minutes=31), NOW),
    ]


def test_a_change_of_rules_in_the_ledger_is_a_mark() -> None:
    with as_worker():
        ledger.record(actor=SYSTEM, action="rule.activate", at=NOW, detail={"state": "ACTIVE"})
    assert ("RULES", "", "rule.activate") in of_month(supervisor())


def test_later_changes_of_rules_push_none_out_of_an_earlier_period() -> None:
    begun = NOW - timedelta(days=40)
    with as_worker():
        for at in (begun, *(NOW - timedelta(minutes=number) for number in range(100))):
            ledger.record(actor=SYSTEM, action="rule.activate", at=at, detail={"state": "ACTIVE"})
    first = paris_day(begun)
    found = annotations(actor=supervisor(), since=first, until=first + timedelta(days=7))
    assert [(one.kind, one.since) for one in found] == [(AnnotationKind.RULES, begun)]


def test_a_mark_stands_at_each_label_of_its_days() -> None:
    months = [date(2026, month, 1) for month in (1, 2, 3)]

    def mark(number: int, first: date, last: date) -> ChartMark:
        return ChartMark(
            number=number, kind="NOTE", text="", days="", by="", id=None, first=first, last=last
        )

    marks = [
        mark(1, date(2025, 12, 20), date(2025, 12, 31)),
        mark(2, date(2026, 1, 31), date(2026, 2, 1)),
        mark(3, date(2026, 2, 28), date(2026, 2, 28)),
        mark(4, date(2026, 4, 1), date(2026, 4, 2)),
    ]
    chart = marked({"labels": []}, marks, months, date(2026, 4, 1))
    assert chart["marks"] == [{"at": 0, "text": "2"}, {"at": 1, "text": "2, 3"}]


@pytest.mark.parametrize(
    ("here", "back"),
    [
        ("/en/desk/statistics/trends/", "/en/desk/statistics/trends/"),
        ("https://elsewhere.test/statistics/", "/fr/desk/statistics/"),
        ("//elsewhere.test/statistics/", "/fr/desk/statistics/"),
        ("/fr/desk/", "/fr/desk/statistics/"),
    ],
)
def test_the_way_back_is_a_page_of_statistics(here: str, back: str) -> None:
    with override("fr"):
        assert _back(RequestFactory().post("/", {"here": here})) == f"{back}#annotations"
