"""What leaves names nobody who reported: however the name is written, and no more than the name."""

import unicodedata

import pytest
from hypothesis import given, strategies as st
from msgspec import structs

from fanal.formats.report.records import File, Message, Payment, Report
from fanal.harmonise.domain.redaction import outside as redaction
from fanal.harmonise.domain.redaction.outside import MARK, withheld_texts, without_reporter

OWN = frozenset(
    {"Hélène Dupont-Aubry", "helene.dupont@mail.example", "+33639985544", "lea", "M-Rôle", "198.51.100.7"}
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Write to HELENE.dupont@mail.example now", "Write to […] now"),
        ("I am HÉLÈNE  DUPONT AUBRY, sister of Jean Dupont", "I am […], sister of Jean Dupont"),
        ("signed: Helene Dupont–Aubry.", "signed: […]."),
        ("He\u0301le\u0300ne Dupont-Aubry\u0301 wrote", "[…] wrote"),
        ("I am he\u200bléne dupont\u00adaubry", "I am […]"),
        ("the user HeleneDupontAubry92", "the user […]92"),
        ("Call 06 39 98 55 44, +33.6.39.98.55.44 or 06/39/98/55/44", "Call […], […] or […]"),
        ("not 06 39 98 55 45", "not 06 39 98 55 45"),
        ("ask Léa, not Leandre or galéa", "ask […], not Leandre or galéa"),
        ("Hélène says so, and so does Dupont", "Hélène says so, and so does Dupont"),
        ("my name there is m.role", "my name there is […]"),
        ("seen from 198.51.100.7", "seen from […]"),
        ("", ""),
    ],
)
def test_a_text_that_leaves_holds_no_whole_value_of_its_reporter(text: str, left: str) -> None:
    assert without_reporter(text, OWN) == left


def test_the_family_name_may_come_first() -> None:
    assert (
        without_reporter("DUPONT Marie Anne, here", frozenset({"Marie Anne Dupont"})) == "[…], here"
    )


@pytest.mark.parametrize("own", ["", " ", "-.'", "Li", "é"])
def test_what_is_too_short_hides_nothing(own: str) -> None:
    assert (
        without_reporter("Li and é were there - so .", frozenset({own}))
        == "Li and é were there - so ."
    )


_AROUND = st.text(st.sampled_from("aAÅßſKςΣ½가漢\u0301 .-'_@1\u200b"), max_size=30)


@given(_AROUND, _AROUND, st.text(st.sampled_from("bBcéÉİﬁ"), min_size=6, max_size=12))
def test_whatever_stands_around_a_value_stays_as_it_was(before: str, after: str, own: str) -> None:
    """However the letters around fold (one to two, two to one, to none), the cut is at the value's own."""
    for written in (own, own.upper(), unicodedata.normalize("NFD", own)):
        left = without_reporter(f"{before} {written} {after}", frozenset({own}))
        assert left == f"{before} {MARK} {after}"


def test_every_text_of_a_report_is_looked_at() -> None:
    own = frozenset({"Marie Dupont"})
    said = "for Marie Dupont"
    report = Report(
        reference="r-1",
        kind="GROOMING",
        description=said,
        conversation=(Message(speaker="marie dupont", text=said), Message()),
        files=(File(name="from_marie-dupont.txt"), File()),
        payments=(Payment(sender="DUPONT Marie", beneficiary=said, label=said, amount="5"),),
    )
    left = withheld_texts(report, own)
    assert "dupont" not in repr(left).lower()
    assert (left.files[0].name, left.payments[0].amount) == ("from_[…].txt", "5")
    assert withheld_texts(report, frozenset()) == report
    assert withheld_texts(left, own) == left
    unknown = withheld_texts(report, None)
    assert "dupont" not in repr(unknown).lower()
    assert structs.replace(unknown, files=(), payments=()) == Report(
        reference="r-1", kind="GROOMING"
    )


def test_no_pattern_is_made_of_what_does_not_stand_in_a_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each report has a reporter of its own: a pattern for each value would be nearly all that sending costs."""
    own = frozenset({"Honorine Delaplanque", "h.delaplanque@mail.example", "+33639985544"})
    monkeypatch.setattr(redaction, "_pattern", None)
    text = "Somebody writes at night. Honorine’s sister knows; call 06 39 98 55 44."
    assert without_reporter(text, own) == text.replace("06 39 98 55 44", MARK)
