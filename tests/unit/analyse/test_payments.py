"""Payment typologies: none suffices alone, each is explained, innocent payers are left in peace."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from msgspec import structs

from fanal.analyse.analysis import analyse, shipped_knowledge
from fanal.analyse.payments.domain.indicators import (
    CODES,
    TESTS,
    load_typologies,
    read_typologies,
    shipped_texts,
)
from fanal.analyse.payments.domain.scoring import (
    Around,
    PayerScore,
    find_payment_signals,
    score_payers,
)
from fanal.analyse.payments.domain.transfers import Paid, paid_in
from fanal.formats.report.records import Payment, Person, PersonRole, ReportKind
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.reference.reader import ReferenceRefused
from tests.unit.analyse.payment_world import TARGETS, UNTIL, Maker, party, world

TYPOLOGIES = load_typologies()
HELD_OUT = (2031, 2032, 2033)
"""Worlds on which no weight was tried."""


def scored(seed: int) -> tuple[list[PayerScore], dict[str, str]]:
    transfers, kinds = world(seed)
    return score_payers(transfers, TYPOLOGIES, until=UNTIL), kinds


@pytest.mark.parametrize("seed", HELD_OUT)
def test_precision_and_recall_on_an_unseen_world(seed: int) -> None:
    scores, kinds = scored(seed)
    suspected = Counter(kinds[s.sender.key] for s in scores if s.suspected)
    right = sum(suspected[kind] for kind in TARGETS)
    targets = sum(kind in TARGETS for kind in kinds.values())
    print(
        f"seed {seed}: precision {right / suspected.total():.3f}, recall {right / targets:.3f}, {suspected}"
    )
    assert right / suspected.total() >= 0.9
    assert right / targets >= 0.9
    for kind in (
        "family_by_month",
        "family_by_week",
        "employer",
        "donor",
        "holidaymaker",
        "savings_group",
    ):
        assert suspected[kind] == 0


def test_the_order_and_repeats_of_transfers_change_nothing() -> None:
    transfers, _ = world(5)
    again = [*transfers, *transfers[:500]]
    Random(1).shuffle(again)
    assert score_payers(again, TYPOLOGIES, until=UNTIL) == score_payers(
        transfers, TYPOLOGIES, until=UNTIL
    )


def test_each_point_names_transfers_of_its_payer_and_its_source() -> None:
    scores, _ = scored(2031)
    for score in scores:
        own = {paid.id for paid in score.transfers}
        for point in score.points:
            assert point.transfers
            assert set(point.transfers) <= own
            assert point.source
            assert point.checked_by == "UNCHECKED" or point.confidence == "H"


def test_a_score_never_rests_on_one_indicator() -> None:
    scores, _ = scored(2031)
    for score in scores:
        met = [p for p in score.points if score.typology in p.typologies and not p.lowers]
        assert score.score == 0 or len(met) >= 3
    alone = structs.replace(
        TYPOLOGIES,
        indicator=tuple(structs.replace(i, weight=0.99) for i in TYPOLOGIES.indicator[:1]),
    )
    transfers, _ = world(5)
    assert {s.score for s in score_payers(transfers, alone)} == {0.0}


def test_what_speaks_for_innocence_lowers_a_score() -> None:
    make = Maker(Random(1))
    me, home = party("p-1"), party("h-1", "PH")
    start = datetime(2026, 3, 2, 21, 30, tzinfo=UTC)
    even = [
        make.paid(me, home, start + timedelta(days=7 * n), 50, "family support") for n in range(9)
    ]
    (regular,) = score_payers(even, TYPOLOGIES, senders={home.key: 4})
    gaps = (0, 1, 3, 9, 10, 17, 19, 28, 29)
    uneven = [
        structs.replace(p, at=start + timedelta(days=d)) for p, d in zip(even, gaps, strict=True)
    ]
    (restless,) = score_payers(uneven, TYPOLOGIES, senders={home.key: 4})
    assert "PAYMENT_REGULAR" in {p.code for p in regular.points if p.lowers}
    assert regular.score < restless.score
    assert (regular.suspected, restless.suspected) == (False, True)
    (hub,) = score_payers(uneven, TYPOLOGIES, senders={home.key: 400})
    assert hub.score < regular.score
    assert not hub.suspected


def test_a_stop_is_one_only_while_the_data_go_on() -> None:
    make = Maker(Random(1))
    me, other = party("p-1", born=date(2010, 3, 1)), party("x-1", "CI")
    start = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)
    paid = [make.paid(me, other, start + timedelta(hours=5 * n), 80) for n in range(3)]
    (open_,) = score_payers(paid, TYPOLOGIES)
    (closed,) = score_payers(paid, TYPOLOGIES, until=start + timedelta(days=30))
    assert "PAYMENT_ABRUPT_STOP" not in {p.code for p in open_.points}
    assert "PAYMENT_ABRUPT_STOP" in {p.code for p in closed.points}
    assert closed.typology == "SEXTORTION"


def test_night_is_that_of_both_places() -> None:
    make = Maker(Random(1))
    me, other = party("p-1", "FR"), party("x-1", "PH")
    evening = [make.paid(me, other, datetime(2026, 3, d, 16, tzinfo=UTC), 50) for d in (2, 3)]
    late = [make.paid(me, other, datetime(2026, 3, d, 23, tzinfo=UTC), 50) for d in (2, 3)]
    (here,) = score_payers(late, TYPOLOGIES)
    (there,) = score_payers(evening, TYPOLOGIES)
    assert "PAYMENT_NIGHT" in {p.code for p in here.points}
    assert "PAYMENT_NIGHT_THERE" not in {p.code for p in here.points}  # seven in the morning
    assert "PAYMENT_NIGHT_THERE" in {p.code for p in there.points}
    assert "PAYMENT_NIGHT" not in {p.code for p in there.points}


def payment(at: str, amount: str, **fields: str) -> Payment:
    return Payment(at=at, amount=amount, currency="EUR", **fields)


def report(*payments: Payment, persons: tuple[Person, ...] = ()) -> HarmonisedReport:
    return HarmonisedReport(
        report_id=UUID(int=0),
        reference="r",
        kind=ReportKind.OTHER,
        payments=payments,
        persons=persons,
    )


def codes(*payments: Payment) -> set[str]:
    (found,) = analyse([report(*payments)], shipped_knowledge())
    return {f.code for f in found.findings}


SEVERAL = (
    payment(
        "2026-11-01T23:10:00+01:00", "30", sender="a", beneficiary="z", beneficiary_country="PH"
    ),
    payment("2026-11-08T23:30:00+01:00", "40", sender="b", beneficiary="z", label="School fees"),
    payment("2026-11-15T02:00:00+01:00", "50", sender="c", beneficiary="z", label="Gift"),
)


def test_several_typologies_together_are_a_finding() -> None:
    assert {
        "PAYMENT_PATTERN",
        "PAYMENT_COMMON_BENEFICIARY",
        "PAYMENT_CORRIDOR",
        "PAYMENT_NIGHT",
    } <= codes(*SEVERAL)


def test_one_indicator_alone_is_none() -> None:
    assert codes(payment("2026-11-01T10:00:00+01:00", "33.17", beneficiary_country="PH")) == set()
    assert (
        codes(payment("no date", "not a number"), payment("", "NaN"), payment("2026", "1e99"))
        == set()
    )
    assert codes(payment("9999-12-31T23:59:00-23:00", "-5"), payment("2026-01-01", "0")) == set()


def test_what_is_known_beside_a_report_counts() -> None:
    alone = report(SEVERAL[0])
    paid = paid_in(alone, TYPOLOGIES.rates)[0]
    others = tuple(
        structs.replace(paid, id=UUID(int=n), at=paid.at + timedelta(days=3 * n))
        for n in range(1, 6)
        if paid.at
    )
    around = Around(transfers=others, senders={paid.beneficiary.key: 6})
    assert list(find_payment_signals(alone, TYPOLOGIES, rule_version="v")) == []
    found = list(find_payment_signals(alone, TYPOLOGIES, rule_version="v", around=around))
    assert found[-1].code == "PAYMENT_PATTERN"


def test_a_transfer_is_the_same_in_whichever_file_it_comes() -> None:
    person = Person(role=PersonRole.ASSOCIATED, name="Camille Exemple", phones=("+33639980041",))
    first = Payment(amount="5", operator="Transfers Example", reference="T-1", sender_person=0)
    second = Payment(amount="5.00", operator="transfers example", reference="T-1", sender="Camille")
    (one,), (two,) = (
        paid_in(report(p, persons=(person,)), TYPOLOGIES.rates) for p in (first, second)
    )
    assert one.id == two.id
    assert one.sender.key == "PHONE|+33639980041"
    (other,) = paid_in(
        report(structs.replace(first, reference="T-2"), persons=(person,)), TYPOLOGIES.rates
    )
    assert other.id != one.id


def test_namesakes_are_told_apart_by_operator_and_birth() -> None:
    keys = {
        paid_in(
            report(
                p, persons=(Person(role=PersonRole.ASSOCIATED, name="Sam Sample", birth_date=b),)
            ),
            {},
        )[0].sender.key
        for p in (Payment(operator="a", sender_person=0), Payment(operator="b", sender_person=0))
        for b in ("1980-01-01", "1990-01-01")
    }
    assert len(keys) == 4


def test_every_indicator_has_a_test_and_every_test_an_indicator() -> None:
    named = {i.code for i in (*TYPOLOGIES.indicator, *TYPOLOGIES.lowers)}
    assert set(TESTS) == CODES == named


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("needs = 3", "needs = 1"),
        ("weight = 0.25", "weight = 1.0"),
        ('code = "PAYMENT_NIGHT" ', 'code = "PAYMENT_DAWN" '),
        ('core = ["LIVESTREAM"]', 'core = ["ELSEWHERE"]'),
        ('confidence = "M"\nchecked_by = "UNCHECKED"', 'confidence = "M"\nchecked_by = "PROJECT"'),
        ('FR = "Europe/Paris"', 'FR = "Europe/Nowhere"'),
        ("schema = 1", "schema = 1\nodd = 2"),
    ],
)
def test_refuses_a_broken_typology_file(before: str, after: str) -> None:
    text = shipped_texts()[-1]
    assert before in text
    with pytest.raises(ReferenceRefused):
        read_typologies(text.replace(before, after))


@pytest.mark.long
def test_tens_of_thousands_of_transfers_are_scored_in_one_pass() -> None:
    transfers: list[Paid] = []
    for seed in range(3):
        transfers += [
            structs.replace(p, id=UUID(int=(seed << 64) + p.id.int)) for p in world(seed)[0]
        ]
    assert len(score_payers(transfers, TYPOLOGIES, until=UNTIL)) > 2000
