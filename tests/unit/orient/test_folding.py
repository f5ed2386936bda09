"""Which reports are one job: the levels, what never folds, and that the order changes nothing."""

from datetime import timedelta
from random import Random
from uuid import UUID

import pytest
from msgspec import structs

from fanal.formats.report.records import File, Message, Person, PersonRole, PlaceRole
from fanal.harmonise.domain.records import HarmonisedPlace
from fanal.intake.domain.records import PUBLIC_SENDER
from fanal.orient.domain.records import OrientItem
from fanal.orient.folding.domain import Foldable, Sameness, fold, load_rules, root_of, standing_of
from tests.unit.orient.items import url, victim
from tests.unit.orient.sameness import MONDAY, account, mixed, picture, report

RULES = load_rules()


def standings(*items: OrientItem) -> list[Foldable]:
    return [s for each in items if (s := standing_of(each, RULES))]


def levels(*items: OrientItem) -> list[Sameness | None]:
    """Return at which level each report is folded, None where it is shown."""
    folded = fold(standings(*items), RULES)
    return [f.level if (f := folded.get(i.report.report_id)) else None for i in items]


def at(minutes: int):
    return MONDAY + timedelta(minutes=minutes)


def test_the_same_file_about_the_same_people_is_one_job() -> None:
    first = report(picture("A"), who="one", at=at(0))
    again = report(picture("A"), who="one", provider=1, at=at(1))
    other = report(picture("A"), who="two", at=at(2))
    assert levels(first, again, other) == [None, Sameness.SAME_FILE, None]


def test_near_is_31_bits_from_the_report_that_is_shown_and_never_a_chain() -> None:
    near = [report(picture("A", bits), who="one", provider=n % 2, at=at(n))
            for n, bits in enumerate((0, 31, 32, 62))]  # fmt: skip
    far = levels(*near)
    assert far[:2] == [None, Sameness.NEAR_FILE]
    folded = fold(standings(*near), RULES)
    first, second, third, fourth = (each.report.report_id for each in near)
    assert folded[second].parent == first
    assert third not in folded or folded[third].level is not Sameness.NEAR_FILE
    assert fourth not in folded or folded[fourth].parent == third


@pytest.mark.parametrize("pdq", ["0" * 64, "f" * 64, "no hash at all", "z" * 64, None])
def test_a_hash_that_tells_nothing_is_near_nothing(pdq: str | None) -> None:
    plain = [
        report(File(sha256=f"{n:064x}", pdq=pdq), who="one", provider=n, at=at(n)) for n in (0, 1)
    ]
    assert levels(*plain) == [None, None]


def test_account_event_and_viral_bundle() -> None:
    assert levels(
        report(picture("A"), who="one", at=at(0)), report(picture("B"), who="one", at=at(1))
    ) == [None, Sameness.SAME_ACCOUNT]
    assert levels(
        report(picture("A"), who="one", day="2026-11-20", at=at(0)),
        report(picture("B"), who="one", provider=1, day="2026-11-20", at=at(1)),
    ) == [None, Sameness.SAME_EVENT]
    many = [report(picture("A"), who=f"account {n}", at=at(n)) for n in range(5)]
    assert levels(*many) == [None, *[Sameness.VIRAL_BUNDLE] * 4]
    assert levels(*many[:4]) == [None] * 4


def test_two_periods_are_two_jobs() -> None:
    week = timedelta(days=7)
    first = report(picture("A"), who="one", at=MONDAY - week)
    assert levels(first, report(picture("B"), who="one", at=MONDAY)) == [None, None]


@pytest.mark.parametrize(
    "changed",
    [
        {"emergency": True},
        {"escalation_reason": "a child may be at risk"},
        {"persons": (account("one"), victim(9))},
        {"persons": (account("one"), Person(role=PersonRole.VICTIM, name="Somebody"))},
        {"conversation": (Message(speaker="A", text="see you"),)},
        {"urls": (url("https://pictures.example/new"),)},
        {"places": (HarmonisedPlace(role=PlaceRole.CHILD, locality="Mons", country="BE"),)},
        {"score": 80, "floor": "PROVIDER_ESCALATED"},
        {"score": 95, "level": "DANGER"},
    ],
)
def test_what_no_other_report_may_hide(changed: dict[str, object]) -> None:
    first = report(picture("A"), who="one", at=at(0))
    told = report(picture("A"), who="one", at=at(1), **changed)
    assert levels(first, told) == [None, None]
    late = report(picture("A"), who="one", at=at(2))
    assert levels(first, told, late) == [None, None, Sameness.SAME_FILE]


def test_what_the_public_sends_always_stands_for_itself() -> None:
    first = report(picture("A"), who="one", at=at(0))
    said = structs.replace(report(picture("A"), who="one", at=at(1)), sender_id=PUBLIC_SENDER)
    assert standing_of(said, RULES) is None
    assert levels(first, said) == [None, None]


def test_a_report_that_somebody_took_is_never_folded_and_is_shown_for_the_others() -> None:
    first, second = standings(
        report(picture("A"), who="one", at=at(0)), report(picture("A"), who="one", at=at(1))
    )
    taken = structs.replace(second, taken=True)
    assert fold([first, taken], RULES)[first.report_id].parent == taken.report_id
    assert fold([structs.replace(first, taken=True), taken], RULES) == {}


def test_a_weak_sameness_never_joins_what_a_strong_one_keeps_apart() -> None:
    first = report(picture("A"), who="one", at=at(0))
    same = report(picture("A"), who="one", provider=1, at=at(1))
    other = report(picture("B"), who="one", provider=1, at=at(2))
    # `same` goes with the first; only what is shown meets the next level, and providers differ there.
    assert levels(first, same, other) == [None, Sameness.SAME_FILE, None]


@pytest.mark.parametrize("seed", range(12))
def test_order_changes_nothing_and_nobody_is_lost(seed: int) -> None:
    luck = Random(seed)
    found = standings(*mixed(luck, 80))
    folded = fold(found, RULES)
    assert {f.level for f in folded.values()} >= {Sameness.SAME_FILE, Sameness.NEAR_FILE}
    for _ in range(3):
        luck.shuffle(found)
        assert fold(found, RULES) == folded
    ids = {standing.report_id for standing in found}
    roots: set[UUID] = {root_of(i, folded) for i in ids}
    assert roots <= ids
    assert roots.isdisjoint(folded)
