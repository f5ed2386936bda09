"""Feedback drawn from folds: true duplicates alone, and taken back once the fold is undone."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from fanal.kernel.refusal import Refusal
from fanal.ledger import queries as ledger
from fanal.orient.domain.records import OrientItem
from fanal.orient.feedback.domain import FeedbackVerdict
from fanal.orient.feedback.operations import give_feedback
from fanal.orient.feedback.queries import feedback_of, provider_figures
from fanal.orient.folding.domain import Sameness
from fanal.orient.folding.operations.unfolding import unfold
from fanal.orient.folding.queries import list_folded
from fanal.orient.queue.operations import claim_case, withdraw_case
from tests.integration.orient.people import WORKER
from tests.integration.orient.test_folding import ANALYST, case, decide, put, take
from tests.unit.orient.items import NOW
from tests.unit.orient.sameness import MONDAY, picture, report

LATER = NOW + timedelta(seconds=1)
DAY = "2026-11-20"


def said(report_id: UUID) -> list[tuple[str, str]]:
    found = feedback_of(actor=ANALYST, report_ids=[report_id]).get(report_id, [])
    return [(item.verdict, item.origin) for item in found]


def level(head: UUID, report_id: UUID) -> Sameness:
    return list_folded(actor=ANALYST, head_id=head)[1][report_id].level


def after(minutes: int) -> dict[str, object]:
    return {"at": MONDAY + timedelta(minutes=minutes)}


PAIRS: Sequence[tuple[Sameness, OrientItem, OrientItem]] = (
    (
        Sameness.SAME_FILE,
        report(picture("A"), who="one"),
        report(picture("A"), who="one", provider=1, **after(1)),
    ),
    (
        Sameness.NEAR_FILE,
        report(picture("A"), who="one"),
        report(picture("A", 12), who="one", **after(1)),
    ),
    (
        Sameness.SAME_ACCOUNT,
        report(picture("A"), who="one"),
        report(picture("B"), who="one", **after(1)),
    ),
    (
        Sameness.SAME_EVENT,
        report(picture("A"), who="one", day=DAY),
        report(picture("B"), who="one", day=DAY, provider=1, **after(1)),
    ),
)


@pytest.mark.parametrize(("same", "first", "second"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_the_same_file_and_the_same_event_are_duplicates_and_nothing_else(
    same: Sameness, first: OrientItem, second: OrientItem
) -> None:
    head, other = put(first, second)
    assert level(head, other) == same
    duplicate = same in {Sameness.SAME_FILE, Sameness.SAME_EVENT}
    assert said(other) == ([("DUPLICATE", "FOLD")] if duplicate else [])
    assert said(head) == []
    actions = [line.action for line in ledger.entries_of(actor=WORKER, object_id=other)]
    assert ("feedback.give" in actions) is duplicate


def test_a_person_who_undoes_the_fold_takes_it_back() -> None:
    head, other = put(report(picture("A"), who="one"), report(picture("A"), who="one", **after(1)))
    unfold(actor=ANALYST, report_id=other, reason="another person", now=LATER)
    assert said(other) == [("DUPLICATE", "FOLD"), ("WITHDRAWN", "FOLD")]
    counts = provider_figures(actor=ANALYST, report_ids=[head, other])
    assert (counts.cases, counts.duplicates) == (2, 0)
    token = claim_case(actor=ANALYST, report_id=other, now=LATER).token
    assert token
    give_feedback(
        actor=ANALYST, report_id=other, verdict=FeedbackVerdict.USEFUL, now=LATER + timedelta(1)
    )
    assert said(other)[-1] == ("USEFUL", "PERSON")


def test_what_stood_before_becomes_the_duplicate_of_what_came_in_late() -> None:
    (second,) = put(report(picture("A"), who="one", **after(5)))
    (first,) = put(report(picture("A"), who="one"))
    assert case(second).head_id == first
    assert (said(first), said(second)) == ([], [("DUPLICATE", "FOLD")])


def test_it_stays_once_the_first_is_decided_and_goes_once_it_is_taken_back() -> None:
    first, second, third = put(
        *(report(picture("A"), who="one", **after(minutes)) for minutes in range(3))
    )
    assert said(second) == said(third) == [("DUPLICATE", "FOLD")]
    decide(first, take(first))
    assert said(second) == said(third) == [("DUPLICATE", "FOLD")]
    assert case(third).head_id == second
    withdraw_case(actor=WORKER, report_id=second, now=NOW)
    assert said(third) == [("DUPLICATE", "FOLD"), ("WITHDRAWN", "FOLD")]


def test_a_person_s_word_stays_and_nobody_says_withdrawn() -> None:
    (first,) = put(report(picture("A"), who="one", **after(5)))
    useful = FeedbackVerdict.USEFUL
    give_feedback(actor=ANALYST, report_id=first, verdict=useful, now=NOW)
    put(report(picture("A"), who="one"))
    assert said(first) == [("USEFUL", "PERSON")]
    with pytest.raises(Refusal) as refused:
        give_feedback(actor=ANALYST, report_id=first, verdict=FeedbackVerdict.WITHDRAWN, now=LATER)
    assert refused.value.code == "VERDICT"
