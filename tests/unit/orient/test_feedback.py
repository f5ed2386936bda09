"""Feedback is a closed set of codes: what makes no sense is refused, and a decision says little by itself."""

import pytest

from fanal import reference
from fanal.kernel.refusal import Refusal
from fanal.orient.domain.records import Track
from fanal.orient.feedback.domain import (
    FIELDS,
    FeedbackOrigin,
    FeedbackVerdict,
    checked_lacks,
    of_decision,
)

LACKS = FeedbackVerdict.LACKS_DATA


@pytest.mark.parametrize(
    ("verdict", "lacks", "code"),
    [
        (LACKS, (), "NO_FIELD"),
        (LACKS, ("PHONE OF THE CHIEF",), "UNKNOWN_FIELD"),
        (FeedbackVerdict.USEFUL, ("FILE_HASH",), "FIELDS_UNASKED"),
        (FeedbackVerdict.DUPLICATE, ("x",), "UNKNOWN_FIELD"),
    ],
)
def test_what_makes_no_sense_is_refused(
    verdict: FeedbackVerdict, lacks: tuple[str, ...], code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        checked_lacks(verdict, lacks)
    assert refused.value.code == code
    assert reference.label("feedback_refusal", code, "fr") != code


def test_fields_come_in_the_order_of_the_parts_each_once() -> None:
    asked = (FIELDS[3], FIELDS[0], FIELDS[3])
    assert checked_lacks(LACKS, asked) == (FIELDS[0], FIELDS[3])


@pytest.mark.parametrize("track", list(Track))
def test_a_decision_says_useful_or_nothing(track: Track) -> None:
    useful = of_decision((track,)) is FeedbackVerdict.USEFUL
    assert useful is (track is not Track.NONE)
    assert of_decision(()) is None


def test_every_code_has_words() -> None:
    for kind, codes in (
        ("feedback_verdict", FeedbackVerdict),
        ("feedback_origin", FeedbackOrigin),
        ("quality_part", FIELDS),
    ):
        assert all(reference.label(kind, code, "en") != code for code in codes)
