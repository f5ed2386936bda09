"""Raw SQL as the desk's program: no order of steps applies a decision that has ended, or not begun."""

import json
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings, strategies as st

from fanal.kernel.calendar import end_of_day, start_of_day
from fanal.measures.blocking.mirrors.acts import amend_mirror
from fanal.measures.blocking.mirrors.kind import STATES, MirrorOutcome
from fanal.measures.blocking.register import entries_in_force
from fanal.measures.domain.records import DoubtCause
from tests.integration.measures.blockings import COLLEAGUE, HOUR, SUPERVISOR, ago
from tests.integration.measures.mirrors import (
    COPY,
    NAME,
    act_of,
    approved,
    decided,
    drafted,
    file_of,
    in_days,
    listed,
    take,
)
from tests.integration.measures.racing import refused_meanwhile
from tests.integration.measures.raw import CHECK, PRIVILEGE, RESTRICT, approve, sqlstate
from tests.integration.measures.stories import ANALYST, OFFICER
from tests.integration.measures.test_blocking_sql import step

PEOPLE = (ANALYST, OFFICER, COLLEAGUE, SUPERVISOR)
SEQUENCES = 40
_OUTCOMES = {"doubt": list(map(str, DoubtCause)), "lift": list(map(str, MirrorOutcome))}
_LIKELY = ("submit", "approve", "list", "confirm", "check", "doubt", "keep", "check", "list")


def pass_the_end(as_role, act_id: UUID) -> None:
    """Let the decision of a mirror have ended a second ago: only the owner of the tables can."""
    owner = as_role("owner")
    owner.execute(
        "UPDATE measures_blocking SET decision_ends_at = now() - interval '1 second' WHERE act_id = %s",
        [act_id],
    )
    owner.commit()


@pytest.mark.django_db(transaction=True)
def test_a_decision_that_has_ended_is_never_applied(as_role) -> None:
    at, early = ago(2), ago(1)
    act_id = approved(drafted(at, ends=in_days(30)), at)
    pass_the_end(as_role, act_id)
    assert step(act_id, "list", "APPROVED", "LISTED") == CHECK
    # a step dated earlier is recorded now
    assert step(act_id, "list", "APPROVED", "LISTED", at=early, recorded=early) == CHECK
    assert entries_in_force(now=datetime.now(UTC)) == ()
    assert step(act_id, "withdraw", "APPROVED", "WITHDRAWN", by=ANALYST.person_id) == ""


@pytest.mark.django_db(transaction=True)
def test_nothing_prolongs_a_mirror_past_its_decision(as_role) -> None:
    act_id, early = listed(0.5, ends=in_days(30)), ago(0.2)
    assert [entry.name for entry in entries_in_force(now=datetime.now(UTC))] == [NAME]
    pass_the_end(as_role, act_id)
    assert entries_in_force(now=datetime.now(UTC)) == ()
    for transition in ("confirm", "check"):
        for at in (early, None):
            refused = step(act_id, transition, "LISTED", "IN_FORCE", at=at, recorded=at)
            assert refused == CHECK
    assert step(act_id, "doubt", "LISTED", "DOUBTED", outcome="OTHER") == ""
    assert step(act_id, "keep", "DOUBTED", "IN_FORCE", by=COLLEAGUE.person_id) == CHECK
    assert step(act_id, "lift", "DOUBTED", "LIFTING", outcome="LAPSED") == ""


def test_no_decision_is_applied_before_its_first_day() -> None:
    at, first = ago(1), in_days(1)
    act_id = approved(drafted(at, ends=in_days(30), first=first), at)
    assert step(act_id, "list", "APPROVED", "LISTED") == CHECK


def test_nothing_is_listed_without_copy_evidence_and_a_second_person() -> None:
    at = ago(1)
    act_id = drafted(at, ends=in_days(30))
    assert step(act_id, "enforce", "DRAFT", "DRAFT", by=ANALYST.person_id) == CHECK  # no file
    assert step(act_id, "submit", "DRAFT", "TO_SECOND", by=ANALYST.person_id) == CHECK
    take(act_id, "enforce", at, actor=ANALYST, file=COPY)
    assert step(act_id, "submit", "DRAFT", "TO_SECOND", by=ANALYST.person_id) == CHECK
    take(act_id, "compare", at, actor=ANALYST)
    take(act_id, "submit", at, actor=ANALYST)
    assert step(act_id, "list", "TO_SECOND", "LISTED") == CHECK
    assert approve(act_id, by=ANALYST.person_id) == CHECK
    assert step(act_id, "list", "APPROVED", "LISTED") == CHECK
    assert approve(act_id, by=OFFICER.person_id) == ""
    assert step(act_id, "approve", "TO_SECOND", "APPROVED") == ""
    assert step(act_id, "list", "APPROVED", "LISTED", by=ANALYST.person_id) == CHECK
    assert step(act_id, "list", "APPROVED", "LISTED") == ""
    assert [entry.name for entry in entries_in_force(now=datetime.now(UTC))] == [NAME]


@pytest.mark.parametrize(
    "changed",
    [
        {"host": "co.uk"},
        {"host": "192.0.2.7"},
        {"host": None},
        {"revision": 2},
        {"decision": None},
        {"decision": {"court": "TJ Paris", "number": "1", "service": "a.example"}},
        {"decision": "ended"},
        {"decision": "swapped"},
        {"decision": "service"},
        {"decision": "below"},
        {"decision": "above"},
        {"decision": "url"},
        {"decision": "unnumbered"},
    ],
)
def test_the_bytes_name_a_host_and_a_decision_with_its_days(changed: dict[str, object]) -> None:
    act_id = drafted(ago(1), ends=in_days(30))
    document = json.loads(file_of(act_id).content or b"")
    made = uuid4()
    known = document["mirror"]["decision"]
    also = {
        "ended": known | {"ends_on": "2026-01-16"},
        "swapped": known | {"ruled_on": "2026-03-01"},
        "service": known | {"service": NAME},
        "below": known | {"service": f"www.{NAME}"},
        "url": known | {"service": "https://condemned.example/"},
        "unnumbered": known | {"number": "\u00a0/\u200b"},
    }
    if isinstance(changed.get("decision"), str):
        if changed["decision"] == "above":
            changed = {"host": f"pages.{known['service']}"}
        else:
            changed = {"decision": also[str(changed["decision"])]}
    document["mirror"] |= {"act_id": str(made), **changed}
    columns = "desk_id, subject_id, report_ids, addressee, basis, level, author_id"
    with transaction.atomic():
        sqlstate(
            f"INSERT INTO casework_act (id, kind, state, created_at, {columns}) SELECT %s, 'mirror',"
            f" 'DRAFT', now(), {columns} FROM casework_act WHERE id = %s",
            [made, act_id],
        )
        refused = sqlstate(
            "INSERT INTO casework_document (act_id, revision, content, author_id, written_at)"
            " VALUES (%s, 1, %s, %s, now())",
            [made, json.dumps(document).encode(), ANALYST.person_id],
        )
        transaction.set_rollback(True)
    assert refused == CHECK


def test_no_step_applies_a_mirror_under_a_decision_whose_end_is_recorded() -> None:
    ends, early = in_days(30), ago(1)
    one, two = listed(3, ends=ends), listed(2, ends=ends, name="second.example")
    three = approved(drafted(ago(2), ends=ends, name="third.example"), ago(2))
    four = drafted(ago(2), ends=ends, name="fourth.example")
    take(four, "enforce", ago(2), actor=ANALYST, file=COPY)
    take(four, "compare", ago(2), actor=ANALYST)
    assert step(one, "lift", "LISTED", "LIFTING", outcome="DECISION_ENDED") == ""
    assert step(one, "restore", "LIFTING", "LIFTED") == ""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT decision_ended <> '' FROM measures_blocking WHERE act_id = %s", [one]
        )
        assert cursor.fetchone() == (True,)
    for at in (None, early):
        assert step(three, "list", "APPROVED", "LISTED", at=at, recorded=at) == CHECK
    assert step(four, "submit", "DRAFT", "TO_SECOND", by=ANALYST.person_id) == CHECK
    assert step(two, "confirm", "LISTED", "IN_FORCE") == CHECK
    assert step(two, "check", "LISTED", "IN_FORCE") == CHECK
    assert step(two, "doubt", "LISTED", "DOUBTED", outcome="OTHER") == ""
    assert step(two, "keep", "DOUBTED", "IN_FORCE", by=COLLEAGUE.person_id) == CHECK
    assert step(two, "lift", "DOUBTED", "LIFTING", outcome="DECISION_ENDED") == ""


@pytest.mark.django_db(transaction=True)
def test_listing_waits_for_the_end_of_the_decision_that_another_records() -> None:
    ends = in_days(30)
    one = listed(3, ends=ends)
    two = approved(drafted(ago(2), ends=ends, name="second.example"), ago(2))
    done: list[str] = []

    def lists() -> None:
        done.append(step(two, "list", "APPROVED", "LISTED"))

    def ended() -> None:
        done.append(step(one, "lift", "LISTED", "LIFTING", outcome="DECISION_ENDED"))

    refused_meanwhile(ended, lists)
    assert done == ["", CHECK]
    assert entries_in_force(now=datetime.now(UTC)) == ()


@pytest.mark.django_db(transaction=True)
def test_the_end_of_a_decision_waits_for_a_listing_and_lifts_it() -> None:
    ends = in_days(30)
    one = listed(3, ends=ends)
    two = approved(drafted(ago(2), ends=ends, name="second.example"), ago(2))
    refused_meanwhile(
        lambda: take(two, "list", datetime.now(UTC)),
        lambda: take(one, "lift", datetime.now(UTC), outcome="DECISION_ENDED"),
    )
    assert [act_of(one).state, act_of(two).state] == ["LIFTING", "LIFTING"]
    assert entries_in_force(now=datetime.now(UTC)) == ()


def test_no_later_bytes_lend_their_decision_to_the_approved_ones() -> None:
    act_id = approved(drafted(ago(1), ends=in_days(30)), ago(1))
    document = json.loads(file_of(act_id).content or b"")
    document["mirror"] |= {"revision": 2}
    document["mirror"]["decision"] |= {"ends_on": in_days(300).isoformat()}
    written = sqlstate(
        "INSERT INTO casework_document (act_id, revision, content, author_id, written_at)"
        " VALUES (%s, 2, %s, %s, now())",
        [act_id, json.dumps(document).encode(), ANALYST.person_id],
    )
    assert written == ""
    assert step(act_id, "list", "APPROVED", "LISTED") == CHECK


def test_the_copy_of_another_decision_is_none() -> None:
    at = ago(1)
    act_id = drafted(at, ends=in_days(30), number="RG 1")
    take(act_id, "enforce", at, actor=ANALYST, file=COPY)
    take(act_id, "compare", at, actor=ANALYST)
    other = decided(ends=in_days(30), number="RG 2")
    amend_mirror(actor=ANALYST, act_id=act_id, decision=other, reasons="Same pages.", now=at)
    assert step(act_id, "submit", "DRAFT", "TO_SECOND", by=ANALYST.person_id) == CHECK


def test_no_end_of_a_decision_moves() -> None:
    act_id = drafted(ago(1), ends=in_days(30))
    for statement in (
        "UPDATE measures_blocking SET decision_ends_at = now() + interval '1 year' WHERE act_id = %s",
        "UPDATE measures_blocking SET decision_from = '2000-01-01' WHERE act_id = %s",
        "UPDATE measures_blocking SET decision_ended = 'x' WHERE act_id = %s",
        "DELETE FROM measures_blocking WHERE act_id = %s",
    ):
        assert sqlstate(statement, [act_id]) in {PRIVILEGE, RESTRICT}


@settings(max_examples=300, deadline=None)
@given(day=st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_midnight_in_paris_is_the_same_in_the_database(day: date) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT measures_midnight(%s), measures_midnight(%s + 1)", [day, day])
        found = cursor.fetchone()
    assert tuple(found) == (start_of_day(day), end_of_day(day))


def test_no_order_of_steps_applies_a_mirror_outside_its_decision() -> None:
    at = ago(10)
    ends = in_days(3)
    act_id = drafted(at, ends=ends)
    take(act_id, "enforce", at, actor=ANALYST, file=COPY)
    take(act_id, "compare", at, actor=ANALYST)
    number, seen = st.integers(0, 10_000), set()

    @settings(max_examples=SEQUENCES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(st.tuples(number, number, number), min_size=4, max_size=14),
        st.lists(st.integers(0, 9 * 24), min_size=14, max_size=14),
    )
    def check(drawn: list[tuple[int, int, int]], hours: list[int]) -> None:
        with transaction.atomic():
            for one, before in zip(drawn, sorted(hours, reverse=True), strict=False):
                _one_step(act_id, one, datetime.now(UTC) - before * HOUR)
                now = datetime.now(UTC)
                found = {entry.name for entry in entries_in_force(now=now)}
                assert {e.name for e in entries_in_force(now=end_of_day(ends))} == set()
                assert all(e.expires <= end_of_day(ends) for e in entries_in_force(now=now))
                if found:
                    assert act_of(act_id).state in {"LISTED", "IN_FORCE", "DOUBTED"}
                    approval = file_of(act_id).approvals[-1]
                    assert approval.approver_id != ANALYST.person_id
                seen.add(bool(found))
            transaction.set_rollback(True)

    check()
    assert seen == {True, False}


def _one_step(act_id: UUID, drawn: tuple[int, int, int], at: datetime) -> None:
    """Take a step that the state allows or, now and then, any other; PostgreSQL may refuse it."""
    choice, person, extra = drawn
    actor, state = PEOPLE[person % len(PEOPLE)].person_id, act_of(act_id).state
    moves = [(one, source) for one in STATES.transitions for source in sorted(one.sources)]
    allowed = [(one, source) for one, source in moves if source == state and one.name != "amend"]
    likely = [move for move in allowed if move[0].name in _LIKELY]
    wanted = (moves if extra % 7 == 0 else likely if extra % 7 < 5 else allowed) or moves
    move, source = wanted[choice % len(wanted)]
    if move.name == "approve":
        approve(act_id, by=actor)
    outcomes = _OUTCOMES.get(move.name, [""])
    outcome = outcomes[extra % len(outcomes)]
    step(act_id, move.name, source, move.target, at=at, recorded=at, by=actor, outcome=outcome)
