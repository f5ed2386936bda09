"""Files of transfers to reports: sides apart, everything kept, payers never shared as indicators."""

import io
from pathlib import Path
from uuid import UUID

import pytest

import fanal.formats
from fanal.distribution.domain.package import line_of
from fanal.formats.report.read import read_report
from fanal.formats.report.records import Payment, PersonRole, ReportKind
from fanal.formats.transfer import PayerPart
from fanal.formats.transfers import cut_parts
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind, SelectorRole, Source
from fanal.harmonise.domain.redaction.outside import as_report, shareable
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.sources.read import read_source
from tests.formats.ncmec_documents import NOW

ID = UUID("01993000-0000-7000-8000-000000000001")
ROOT = Path(fanal.formats.__path__[0])


def harmonised(format_: str, body: bytes) -> HarmonisedReport:
    draft = read_source(
        Source(report_id=ID, format=format_, body=body, reference="r-1"), received_at=NOW
    )
    return harmonise_one(ID, draft)


def first_part() -> HarmonisedReport:
    sample = (ROOT / "transfers/samples/agency-en.csv").read_bytes()
    part = next(p for p in cut_parts(io.BytesIO(sample)) if isinstance(p, PayerPart))
    return harmonised("transfers", part.body)


def test_payer_and_beneficiary_are_selectors_in_roles_of_their_own() -> None:
    report = first_part()
    found = {(s.kind, s.value, s.role) for s in report.selectors}
    assert (SelectorKind.HANDLE, "c-204@transfersexample", SelectorRole.ASSOCIATED) in found
    assert (SelectorKind.PHONE, "+33639980041", SelectorRole.ASSOCIATED) in found
    assert (SelectorKind.HANDLE, "r-31@transfersexample", SelectorRole.RECIPIENT) in found
    assert {s.role for s in report.selectors} == {SelectorRole.ASSOCIATED, SelectorRole.RECIPIENT}
    assert [(p.role, p.type) for p in report.persons] == [
        (PersonRole.ASSOCIATED, "PAYER"),
        (PersonRole.RECIPIENT, "PAYEE"),
    ]
    assert [(p.sender_person, p.beneficiary_person) for p in report.payments] == [(0, 1), (0, 1)]


def test_nothing_of_a_row_is_dropped() -> None:
    report = first_part()
    assert ("transfer[1]/Branch", "12") in {(e.path, e.value) for e in report.extra}
    assert [p.amount for p in report.payments] == ["40.00", "=2+3"]
    assert {"TIME_UNREADABLE", "AMOUNT_UNREADABLE"} <= {w.code for w in report.warnings}
    assert (report.kind, report.occurred_at) == (ReportKind.OTHER, "2026-11-02T21:40:00+00:00")


def test_who_pays_never_leaves_as_an_indicator() -> None:
    assert shareable([(first_part(), "2026-11-26T10:00:00Z")]) == []


def test_a_report_of_transfers_leaves_in_the_report_format() -> None:
    line = line_of(as_report(first_part()), reference="r-2")
    read = read_report(line, written_by_a_desk=True)
    assert [p.role for p in read.persons] == [PersonRole.ASSOCIATED, PersonRole.RECIPIENT]


@pytest.mark.parametrize(("format_", "name"), [("pacs.008", "pacs008"), ("camt.053", "camt053")])
def test_messages_become_reports(format_: str, name: str) -> None:
    report = harmonised(format_, (ROOT / f"iso20022/samples/{name}.xml").read_bytes())
    found = {(s.kind, s.value, s.role) for s in report.selectors}
    iban = (SelectorKind.ACCOUNT, "FR7630006000011234567890189", SelectorRole.ASSOCIATED)
    assert iban in found
    assert (SelectorKind.HANDLE, "0044-7781@explphmmxxx", SelectorRole.RECIPIENT) in found
    assert len(report.payments) == (2 if name == "pacs008" else 4)
    assert report.reference == "r-1"


def loose(**fields: str) -> set[tuple[str, str, str]]:
    draft = Draft(reference="r", kind=ReportKind.OTHER, payments=(Payment(**fields),))
    return {(s.kind, s.value, s.role) for s in harmonise_one(ID, draft).selectors}


def test_payments_of_a_report_name_both_sides() -> None:
    assert loose(sender="payer-2", beneficiary="counter-31", operator="Transfers Example") == {
        ("HANDLE", "payer-2@transfersexample", "ASSOCIATED"),
        ("HANDLE", "counter-31@transfersexample", "RECIPIENT"),
    }
    assert loose(beneficiary="FR76 3000 6000 0112 3456 7890 189") == {
        ("ACCOUNT", "FR7630006000011234567890189", "RECIPIENT")
    }
    assert loose(sender="p@mail.example") == {
        ("EMAIL", "p@mail.example", "ASSOCIATED"),
    }


def test_a_mere_name_links_nobody() -> None:
    assert (
        loose(sender="Camille Exemple", beneficiary="Dana", operator="Transfers Example") == set()
    )
    assert loose(sender="payer-2", beneficiary="counter-31") == set()
