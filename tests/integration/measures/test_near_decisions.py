"""However the number of an ended decision is written, no mirror under it is drafted, listed, or stays listed."""

from datetime import UTC, datetime
from importlib import import_module

import pytest
from django.db import connection

from fanal.casework.operations.approvals import approve_act
from fanal.db import sql
from fanal.kernel.actors import system_actor
from fanal.kernel.refusal import Refusal
from fanal.measures.blocking.mirrors import acts
from fanal.measures.blocking.mirrors.kind import MIRROR
from fanal.measures.blocking.mirrors.near import ends_near, open_near
from fanal.measures.blocking.register import entries_in_force
from tests.integration.measures.blockings import ago
from tests.integration.measures.mirrors import (
    COPY,
    act_of,
    approved,
    drafted,
    file_of,
    in_days,
    listed,
    take,
)
from tests.integration.measures.raw import CHECK
from tests.integration.measures.stories import ANALYST, OFFICER
from tests.integration.measures.test_blocking_sql import step
from tests.integration.measures.test_mirror_acts import refusal
from tests.server import as_worker

pytestmark = pytest.mark.django_db
ENDS = in_days(30)
COURTS = [
    "Tribunal judiciaire de Paris", "tribunal  JUDICIAIRE de paris", "TJ de Paris", "TJ Paris", "TJParis",
    "Tribunal judiciaire de P\u0430ris", "Paris", "T.J. de Pariss", "Tribunal judiciaire",
]  # fmt: skip
NUMBERS = [
    "26/01234", "RG 26/01234", "RG n\u00b0 26/01234", "N\u00b0 RG 26/01234", "RG 26/1234", "26-01234",
    "2601234", "2026/01234", "26\u30fb01234", "26\u20de01234", "26|01234", "26\u200b/01234", "26/01234\u2063",
    "26/\u0660\u0661\u0662\u0663\u0664", "\uff12\uff16/01234", "26/O1234", "dossier num\u00e9ro 26/01234",
]  # fmt: skip


def names() -> set[str]:
    return {entry.name for entry in entries_in_force(now=datetime.now(UTC))}


@pytest.mark.parametrize("number", NUMBERS)
def test_another_spelling_of_the_number_has_the_same_key(number: str) -> None:
    assert sql.one("SELECT measures_number_key(%s)", [number]) == ("261234",)


@pytest.mark.parametrize("court", COURTS)
def test_another_spelling_of_the_court_does_not_clearly_differ(court: str) -> None:
    assert differ(court, "Tribunal judiciaire de Paris") is False


@pytest.mark.parametrize(
    "court", ["Tribunal judiciaire de Lyon", "Cour d’appel de Versailles", "TJ Marseille"]
)
def test_courts_of_other_towns_clearly_differ(court: str) -> None:
    assert differ(court, "Tribunal judiciaire de Paris") is True


def differ(one: str, other: str) -> object:
    return sql.one(
        "SELECT measures_courts_differ(measures_court_key(%s), measures_court_key(%s))",
        [one, other],
    )[0]


@pytest.mark.parametrize("number", ["9", "26/01235", "26/02234", "25/01234", "RG 261/1234/5"])
def test_other_digits_are_another_decision(number: str) -> None:
    assert sql.one("SELECT measures_number_key(%s)", [number]) != ("261234",)


def test_numbers_without_digits_are_compared_by_their_letters() -> None:
    found = sql.one("SELECT measures_number_key('ORD-A'), measures_number_key('ord a')")
    assert found == ("orda", "orda")


@pytest.mark.parametrize("number", ["26/01234", "RG n\u00b0 26/01234", "RG 26/1234", "2601234"])
def test_the_end_lifts_mirrors_whose_number_is_written_otherwise(number: str) -> None:
    one = listed(3, ends=ENDS)
    before = listed(2, ends=ENDS, name="before.example", number=number)
    ready = approved(drafted(ago(2), ends=ENDS, name="ready.example", number=number), ago(2))
    take(one, "lift", ago(1), outcome="DECISION_ENDED")
    assert (act_of(before).state, act_of(ready).state, names()) == ("LIFTING", "WITHDRAWN", set())
    with pytest.raises(Refusal, match="ENDED_EARLY"):
        drafted(ago(0.2), ends=ENDS, name="after.example", number=number)


LYON = "Tribunal judiciaire de Lyon"


def test_the_same_number_of_a_court_that_differs_is_refused_near_the_day_and_shown() -> None:
    one = listed(3, ends=ENDS)
    held = listed(2, ends=ENDS, name="lyon.example", court=LYON)
    waits = approved(drafted(ago(2), ends=ENDS, name="waits.example", court=LYON), ago(2))
    draft = drafted(ago(2), ends=ENDS, name="draft.example", court=LYON)
    take(one, "lift", ago(1), outcome="DECISION_ENDED")
    assert names() == {"lyon.example"}, "a person decides"
    take(held, "check", ago(0.5))
    assert refusal(waits, "list", ago(0.5)) == "MAY_HAVE_ENDED"
    assert step(waits, "list", "APPROVED", "LISTED") == CHECK
    with pytest.raises(Refusal, match="MAY_HAVE_ENDED"):
        drafted(ago(0.2), ends=ENDS, name="after.example", court=LYON)
    assert {act.id for act, _ in open_near(actor=OFFICER, act_id=one)} == {held, waits, draft}
    for act_id in (held, waits, draft):
        assert [act.id for act, _ in ends_near(actor=ANALYST, act_id=act_id)] == [one]
    assert open_near(actor=OFFICER, act_id=held) == ends_near(actor=OFFICER, act_id=one) == ()


def test_nothing_is_approved_that_may_have_ended() -> None:
    one = listed(3, ends=ENDS)
    waits = drafted(ago(2), ends=ENDS, name="waits.example", court=LYON)
    take(waits, "enforce", ago(2), actor=ANALYST, file=COPY)
    take(waits, "compare", ago(2), actor=ANALYST)
    take(waits, "submit", ago(2), actor=ANALYST)
    take(one, "lift", ago(1), outcome="DECISION_ENDED")
    with pytest.raises(Refusal, match="MAY_HAVE_ENDED"):
        approve_act(
            actor=OFFICER, lifecycle=MIRROR, act_id=waits, digest=file_of(waits).digest,
            now=ago(0.5), before=acts.check_approval,
        )  # fmt: skip
    assert step(waits, "approve", "TO_SECOND", "APPROVED") == CHECK


def test_the_same_number_is_free_where_court_and_day_clearly_differ() -> None:
    one = listed(3, ends=ENDS)
    take(one, "lift", ago(1), outcome="DECISION_ENDED")
    listed(0.5, ends=ENDS, name="lyon.example", court=LYON, ruled_on="2025-11-03")
    assert names() == {"lyon.example"}


def test_another_number_of_the_court_and_day_is_shown_and_not_refused() -> None:
    one = listed(3, ends=ENDS)
    take(one, "lift", ago(1), outcome="DECISION_ENDED")
    other = listed(0.5, ends=ENDS, name="other.example", number="26/01243")
    assert names() == {"other.example"}
    assert [act.id for act, host in open_near(actor=OFFICER, act_id=one)] == [other]
    assert [(act.id, host) for act, host in open_near(actor=OFFICER, act_id=one)] == [
        (other, "other.example")
    ]


def test_the_end_is_known_after_the_texts_have_expired() -> None:
    one = listed(3, ends=ENDS)
    take(one, "lift", ago(1), outcome="DECISION_ENDED")
    take(one, "restore", ago(0.9))
    with as_worker():
        assert acts.erase_words(actor=system_actor("expiry"), act_ids=[one], now=ago(0.8)) == 1
    for court, code in (("Tribunal judiciaire de Paris", "ENDED_EARLY"), (LYON, "MAY_HAVE_ENDED")):
        with pytest.raises(Refusal, match=code):
            drafted(ago(0.2), ends=ENDS, name="after.example", number="26/1234", court=court)


@pytest.mark.role("owner")
def test_the_migration_makes_the_keys_of_stored_mirrors_anew() -> None:
    migration = import_module("fanal.measures.migrations.0023_near_decisions")
    one = listed(3, ends=ENDS)
    two = listed(2, ends=ENDS, name="second.example", number="26/1234", court=LYON)
    columns = "decision, decision_court, decision_ruled, decision_ended"
    query = f"SELECT {columns} FROM measures_blocking WHERE act_id IN (%s, %s) ORDER BY act_id"
    take(one, "lift", ago(1), outcome="DECISION_ENDED")
    wanted = sql.rows(query, [one, two])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE measures_blocking SET decision = 'old', decision_court = '', decision_ruled = NULL,"
            " decision_ended = CASE decision_ended WHEN '' THEN '' ELSE 'old' END"
        )
        cursor.execute(migration.STORED)
    assert sql.rows(query, [one, two]) == wanted
    assert wanted[0][:2] == ("261234", "paris")
