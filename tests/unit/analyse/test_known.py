"""Known hashes and addresses, false alarms among them; payments beside them. The index: `test_index`."""

from uuid import UUID

import pytest

from fanal.analyse.domain.analysis import analyse, shipped_knowledge
from fanal.analyse.domain.known import KnownEntry, KnownLists, values_of
from fanal.analyse.domain.payments import PaymentsRefused, read_typologies
from fanal.analyse.domain.records import Finding
from fanal.formats.report.records import File, Payment, ReportKind
from fanal.harmonise.domain.records import HarmonisedReport


def entry(number: int, kind: str, value: str, **fields: str) -> KnownEntry:
    return KnownEntry(
        entry_id=UUID(int=number), list_name="alpha", kind=kind, value=value, **fields
    )


def findings(lists: KnownLists, *files: File, payments: tuple[Payment, ...] = ()) -> list[Finding]:
    subject = HarmonisedReport(
        report_id=UUID(int=0), reference="r", kind=ReportKind.OTHER, files=files, payments=payments
    )
    return list(analyse([subject], shipped_knowledge(), lists)[0].findings)


def test_a_known_false_alarm_stays_silent() -> None:
    cleared = entry(2, "PDQ", "0" * 64, scope="CLEAR")
    listed = entry(3, "PDQ", "0" * 60 + "000f")
    lists = KnownLists(
        [entry(4, "MD5", "a" * 32), entry(5, "MD5", "a" * 32, scope="CLEAR")],
        near={
            "0" * 64: [(cleared, 0), (listed, 4)],
            "0" * 63 + "7": [(listed, 1), (cleared, 3)],
        },
    )
    assert findings(lists, File(pdq="0" * 64), File(md5="a" * 32)) == []
    (near,) = findings(lists, File(pdq="0" * 63 + "7"))
    assert near.because.parameters["distance"] == 1


def test_what_the_lists_are_asked_for() -> None:
    subject = HarmonisedReport(
        report_id=UUID(int=0),
        reference="r",
        kind=ReportKind.OTHER,
        files=(File(pdq="ff", md5="a" * 32), File(pdq="0" * 64), File(pdq="g" * 64)),
    )
    assert values_of([subject]) == ({("MD5", "a" * 32)}, {"0" * 64})


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
