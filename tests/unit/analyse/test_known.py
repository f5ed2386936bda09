"""Known hashes and addresses: recall 1 within 31 bits, exact elsewhere; payments beside them."""

import random
from uuid import UUID

import pytest

from fanal.analyse.domain.analysis import analyse, shipped_knowledge
from fanal.analyse.domain.hamming import PDQ_RADIUS, ScanIndex, pack
from fanal.analyse.domain.known import KnownEntry, KnownLists
from fanal.analyse.domain.payments import PaymentsRefused, read_typologies
from fanal.analyse.domain.records import Finding
from fanal.formats.report.records import File, Payment, ReportKind
from fanal.harmonise.domain.records import HarmonisedReport


def flipped(value: str, bits: int, chance: random.Random) -> str:
    number = int(value, 16)
    for bit in chance.sample(range(256), bits):
        number ^= 1 << bit
    return f"{number:064x}"


@pytest.mark.parametrize("size", [0, 1, 2, 5000])
def test_finds_every_hash_within_the_radius_and_none_beyond(size: int) -> None:
    chance = random.Random(size)
    stored = [f"{chance.getrandbits(256):064x}" for _ in range(size)]
    index = ScanIndex(stored)
    assert len(index) == size
    assert index.search([], radius=PDQ_RADIUS) == []
    if not size:
        assert index.search(["0" * 64], radius=PDQ_RADIUS) == [[]]
        return
    for distance in (0, 1, 8, 16, 24, 30, 31, 32, 33):
        chosen = [chance.randrange(size) for _ in range(10)]
        queries = [flipped(stored[i], distance, chance) for i in chosen]
        found = index.search(queries, radius=PDQ_RADIUS)
        for position, hits in zip(chosen, found, strict=True):
            assert ((position, distance) in hits) == (distance <= PDQ_RADIUS)


def test_finds_all_duplicates_nearest_first() -> None:
    index = ScanIndex(["0" * 64, "0" * 63 + "1", "0" * 64])
    assert index.search(["0" * 64], radius=31) == [[(0, 0), (2, 0), (1, 1)]]


@pytest.mark.parametrize("bad", ["", "0" * 63, "g" * 64, "0" * 66])
def test_refuses_what_is_no_hash(bad: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        pack(["0" * 64, bad])


def entry(number: int, kind: str, value: str, **fields: str) -> KnownEntry:
    return KnownEntry(
        entry_id=UUID(int=number), list_name="alpha", kind=kind, value=value, **fields
    )


def findings(lists: KnownLists, *files: File, payments: tuple[Payment, ...] = ()) -> list[Finding]:
    subject = HarmonisedReport(
        report_id=UUID(int=0), reference="r", kind=ReportKind.OTHER, files=files, payments=payments
    )
    return list(analyse([subject], shipped_knowledge(lists))[0].findings)


def test_a_known_false_alarm_stays_silent() -> None:
    lists = KnownLists(
        [
            entry(1, "PDQ", "f" * 64),
            entry(2, "PDQ", "0" * 64, scope="CLEAR"),
            entry(3, "PDQ", "0" * 60 + "000f"),
            entry(4, "MD5", "a" * 32),
            entry(5, "MD5", "a" * 32, scope="CLEAR"),
        ]
    )
    assert findings(lists, File(pdq="0" * 64), File(md5="a" * 32)) == []
    assert len(findings(lists, File(pdq="f" * 64))) == 1


def test_a_malformed_reported_hash_is_no_error() -> None:
    assert findings(KnownLists([entry(1, "PDQ", "f" * 64)]), File(pdq="ff")) == []


def payment(at: str, amount: str, **fields: str) -> Payment:
    return Payment(at=at, amount=amount, currency="EUR", **fields)


def codes(*payments: Payment) -> set[str]:
    return {f.code for f in findings(KnownLists(), payments=payments)}


def test_several_typologies_together_are_a_finding() -> None:
    found = codes(
        payment(
            "2026-11-01T23:10:00+01:00", "30", sender="a", beneficiary="z", beneficiary_country="PH"
        ),
        payment(
            "2026-11-08T23:30:00+01:00", "40", sender="b", beneficiary="z", label="School fees"
        ),
        payment("2026-11-15T02:00:00+01:00", "50", sender="c", beneficiary="z"),
    )
    assert {
        "PAYMENT_PATTERN",
        "PAYMENT_COMMON_BENEFICIARY",
        "PAYMENT_CORRIDOR",
        "PAYMENT_NIGHT",
    } <= found


def test_quick_payments_then_none_look_like_extortion() -> None:
    found = codes(
        payment("2026-11-01T10:00:00+01:00", "50"),
        payment("2026-11-01T12:00:00+01:00", "100"),
        payment("2026-11-01T15:00:00+01:00", "200"),
    )
    assert "PAYMENT_EXTORTION_SHAPE" in found


def test_one_indicator_alone_is_none() -> None:
    assert codes(payment("2026-11-01T10:00:00+01:00", "33.17", beneficiary_country="PH")) == set()
    assert (
        codes(payment("no date", "not a number"), payment("", "NaN"), payment("2026", "1e99"))
        == set()
    )


def test_refuses_a_broken_typology_file() -> None:
    with pytest.raises(PaymentsRefused):
        read_typologies("schema = 1")
