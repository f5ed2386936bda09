"""Warnings as a pure function of facts."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given, strategies as st

from fanal import reference
from fanal.kernel.refusal import Refusal
from fanal.measures.domain.records import MeasureState, MeasureWarning, WarningCode
from fanal.measures.domain.warnings import (
    Asked,
    Earlier,
    Lawful,
    check_warned,
    is_whole_site,
    target_key,
    warn,
)
from tests.unit.measures.test_letters_and_clocks import make

PAGE = "https://pictures.example/a"
REPORT, MEASURE = UUID(int=1), UUID(int=7)


def asked(*targets: str) -> Asked:
    return Asked(desk_id=1, report_id=REPORT, request=make(targets=targets or (PAGE,)))


def earlier(**values: object) -> Earlier:
    facts: dict[str, object] = {
        "key": target_key(PAGE),
        "measure_id": UUID(int=8),
        "desk_id": 1,
        "state": MeasureState.DRAFT,
        "asked": True,
        "refused": False,
        "replaced": False,
        "ending": False,
    }
    return Earlier(**(facts | values))


def codes(*facts: Earlier, lawful: tuple[Lawful, ...] = ()) -> list[WarningCode]:
    return [one.code for one in warn(asked(), pages=(), lawful=lawful, earlier=facts)]


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("https://pictures.example/", True),
        ("https://pictures.example", True),
        ("https://pictures.example//", True),
        ("https://pictures.example/?", True),
        ("https://pictures.example/#a-page", True),
        ("https://pictures.example/?utm_source=mail", True),  # tracking is no page
        ("https://somebody@pictures.example:8443/", True),
        ("https://pictures.example/%2e", True),
        ("https://pictures.example/?page=2", False),
        ("https://pictures.example/a", False),
        ("https://pictures.example/a/..", True),
        ("https://pictures.example/index.html", False),
        ("ftp://pictures.example/", True),
    ],
)
def test_a_whole_site_has_neither_path_nor_query(address: str, whole: bool) -> None:
    assert is_whole_site(address) is whole


@given(st.text(max_size=60))
def test_whatever_stands_for_an_address_is_compared(text: str) -> None:
    """A page that failed here would hide every other warning."""
    is_whole_site(f"https://{text}")
    assert target_key(text) == target_key(text)


def test_a_root_is_said_otherwise_where_the_report_names_a_page() -> None:
    root = asked("https://pictures.example/", PAGE)
    [bare] = warn(root, pages=["https://pictures.example/#top"], lawful=(), earlier=())
    assert (bare.code, bare.addresses) == (WarningCode.WHOLE_SITE, ("https://pictures.example/",))
    [known] = warn(root, pages=[PAGE, PAGE], lawful=(), earlier=())
    assert (known.code, known.pages) == (WarningCode.PAGE_KNOWN, (PAGE,))
    assert warn(asked(), pages=[PAGE], lawful=(), earlier=()) == ()


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (MeasureState.DRAFT, None),
        (MeasureState.TO_SECOND, None),
        (MeasureState.APPROVED, WarningCode.MEASURE_RUNNING),
        (MeasureState.SENT, WarningCode.MEASURE_RUNNING),
        (MeasureState.RECEIVED, WarningCode.MEASURE_RUNNING),
        (MeasureState.SUSPENDED, WarningCode.MEASURE_RUNNING),
        (MeasureState.EXPIRED, WarningCode.MEASURE_RUNNING),
        (MeasureState.EXECUTED, WarningCode.MEASURE_RUNNING),
        (MeasureState.LIFTED, WarningCode.MEASURE_LIFTED),
        (MeasureState.ANNULLED, WarningCode.MEASURE_ANNULLED),
        (MeasureState.WITHDRAWN, WarningCode.MEASURE_WITHDRAWN),
    ],
)
def test_each_state_of_another_measure(state: MeasureState, code: WarningCode | None) -> None:
    assert codes(earlier(state=state)) == ([code] if code else [])
    assert codes(earlier(state=state, asked=False)) == []  # amended: it no longer asks this
    assert codes(earlier(state=state, measure_id=MEASURE)) == []  # itself


def test_every_state_has_been_thought_of() -> None:
    states = {mark.args[1][n][0] for mark in test_each_state_of_another_measure.pytestmark
              for n in range(len(mark.args[1]))}  # fmt: skip
    assert states == set(MeasureState)


def test_what_a_new_decision_withdrew_is_nobody_s_verdict() -> None:
    assert codes(earlier(state=MeasureState.WITHDRAWN, replaced=True)) == []
    # Replaced, it had left all the same.
    sent = earlier(state=MeasureState.SENT, replaced=True)
    assert codes(sent) == [WarningCode.MEASURE_RUNNING]


@pytest.mark.parametrize("state", list(MeasureState))
@pytest.mark.parametrize("asks", [True, False])
def test_a_refusal_stays_until_somebody_seconds(state: MeasureState, asks: bool) -> None:
    """Also of an address that the proposer dropped then, and of what a new decision withdrew."""
    of_it = {"state": state, "asked": asks, "refused": True}
    assert codes(earlier(**of_it)) == [WarningCode.MEASURE_REFUSED]
    assert codes(earlier(replaced=True, **of_it)) == [WarningCode.MEASURE_REFUSED]


def test_a_recommendation_to_end_counts_for_the_measure_itself_too() -> None:
    assert codes(earlier(ending=True)) == [WarningCode.END_RECOMMENDED]
    assert codes(earlier(ending=True, measure_id=MEASURE)) == [WarningCode.END_RECOMMENDED]
    assert codes(earlier(ending=True, asked=False)) == []


def test_of_another_desk_only_existence_and_whom_to_ask() -> None:
    facts = [
        earlier(desk_id=2, state=MeasureState.LIFTED, ending=True),
        earlier(desk_id=2, measure_id=UUID(int=9), refused=True),
    ]
    decided = Lawful(key=target_key(PAGE), report_id=UUID(int=3), desk_id=3)
    found = warn(asked(), pages=(), lawful=[decided], earlier=facts)
    assert found == (
        MeasureWarning(code=WarningCode.DECIDED_ELSEWHERE, addresses=(PAGE,), desk_id=3),
        MeasureWarning(code=WarningCode.MEASURE_ELSEWHERE, addresses=(PAGE,), desk_id=2),
    )


def test_a_report_is_not_warned_of_itself_nor_of_other_addresses() -> None:
    itself = Lawful(key=target_key(PAGE), report_id=REPORT, desk_id=1)
    other = Lawful(key=target_key("https://pictures.example/b"), report_id=uuid4(), desk_id=1)
    assert codes(lawful=(itself, other)) == []


def test_addresses_of_one_key_are_all_named() -> None:
    both = asked(f"{PAGE}#1", f"{PAGE}#2")
    [one] = warn(both, pages=(), lawful=(), earlier=[earlier(state=MeasureState.SENT)])
    assert one.addresses == (f"{PAGE}#1", f"{PAGE}#2")
    assert len(one.tokens) == 2


def test_who_goes_on_has_seen_each_warning_and_says_why() -> None:
    stand = warn(asked(), pages=(), lawful=(), earlier=[earlier(state=MeasureState.SENT)])
    seen = stand[0].tokens
    assert check_warned((), seen=(), reason="") == ""
    assert check_warned(stand, seen={*seen, "of-one-that-went"}, reason=" read ") == "read"
    for shown, reason, code in (
        ((), "read", "WARNINGS_CHANGED"),
        (("x",), "", "WARNINGS_CHANGED"),
        (seen, " \n", "NO_REASON"),
        (seen, "a\0b", "TEXT_UNREADABLE"),
        (seen, "x" * 2001, "TEXT_UNREADABLE"),
    ):
        with pytest.raises(Refusal, match=code):
            check_warned(stand, seen=shown, reason=reason)


def test_the_same_warning_on_another_address_is_another() -> None:
    [one] = warn(asked(), pages=(), lawful=(), earlier=[earlier(state=MeasureState.SENT)])
    elsewhere = MeasureWarning(code=one.code, addresses=one.addresses, desk_id=2)
    other = MeasureWarning(code=one.code, addresses=("https://pictures.example/b",))
    assert len({*one.tokens, *elsewhere.tokens, *other.tokens}) == 3


def test_each_warning_has_words_and_each_word_a_warning() -> None:
    assert set(reference.load().words.codes("measure_warning")) == set(WarningCode)
