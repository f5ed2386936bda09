"""Strict output: valid against the schema, and read back as what was written."""

from uuid import uuid4

import msgspec
import pytest
from hypothesis import given, settings, strategies as st
from lxml import etree

from fanal.formats.ncmec.answers import (
    DESCRIPTIONS,
    AnswerCode,
    code_of,
    done_response,
    refusal_response,
    report_response,
)
from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.formats.ncmec.tree import Outgoing
from fanal.formats.ncmec.write import write_file_details, write_report
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.report.records import (
    Account,
    Channel,
    Classification,
    File,
    Handle,
    IpSighting,
    Message,
    Payment,
    Person,
    PersonRole,
    Place,
    Report,
    ReportKind,
)
from fanal.harmonise.domain.records import Source, SourceFile
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.sources.read import read_source
from tests.formats.ncmec_documents import NOW, SCHEMA, filled, leaves


def draft(body: bytes, *files: bytes) -> Draft:
    details = tuple(SourceFile(file_id="f", details=file) for file in files)
    source = Source(report_id=uuid4(), format="ncmec-xml", body=body, files=details)
    return read_source(source, received_at=NOW)


def outgoing(found: Draft) -> Outgoing:
    return Outgoing(
        report=Report(**{name: getattr(found, name) for name in Report.__struct_fields__}),
        received_at="2026-11-24T12:00:00Z",
        desk_name="Desk",
        desk_email="desk@fanal.example",
        annotations=found.annotations,
        escalation_reason=found.escalation_reason,
        extra=[(item.path, item.value) for item in found.extra],
    )


def written(sent: Outgoing) -> bytes:
    data = write_report(sent)
    assert SCHEMA.validate(etree.fromstring(data)), SCHEMA.error_log
    return data


def written_file(sent: Outgoing, index: int) -> bytes:
    data = write_file_details(sent, index, report_id=7, file_id="f")
    assert SCHEMA.validate(etree.fromstring(data)), SCHEMA.error_log
    return data


@pytest.mark.parametrize("branch", range(8))
def test_every_element_goes_out_and_comes_back(branch: int) -> None:
    report, file = filled("report", branch=branch), filled("fileDetails", branch=branch)
    sent = outgoing(draft(report, file))
    data, details = written(sent), written_file(sent, 0)
    text = "\n".join(leaves(data) + leaves(details))
    own_ids = leaves(file)[:2]  # the report's and the file's: the writer is given new ones
    for value in leaves(report) + leaves(file)[2:]:
        assert value in text or value in own_ids, value


def test_synthetic_reports_keep_their_meaning() -> None:
    for report, files in synthetic_reports(11, 40):
        first = draft(report, *files)
        sent = outgoing(first)
        data = written(sent)
        details = [written_file(sent, index) for index in range(len(files))]
        again = draft(data, *details)
        assert again.kind is first.kind
        assert again.annotations == first.annotations
        assert sorted(again.urls) == sorted(first.urls)
        assert [msgspec.structs.replace(p, handles=()) for p in again.persons] == [
            msgspec.structs.replace(p, handles=()) for p in first.persons
        ]
        assert again.files == first.files
        assert (again.escalation_reason, again.occurred_at) == (
            first.escalation_reason,
            first.occurred_at,
        )


def test_a_report_of_our_own_format_loses_nothing() -> None:
    report = Report(
        reference="r",
        kind=ReportKind.LIVESTREAM,
        emergency=True,
        occurred_at="2026-11",
        language="fr",
        channel=Channel.MESSAGING,
        platform="Voxroom",
        place=Place(country="PH", locality="Town", postcode="1000"),
        urls=("https://a.example/1", "not a url"),
        description="told\x01 by \ufffe hand",
        conversation=(Message(speaker="A", at="10:00", text="neutral words"),),
        persons=(
            Person(
                role=PersonRole.SUSPECT,
                name="Jean Noël Arbre",
                birth_date="1980",
                handles=(Handle(value="h1", platform="Voxroom"), Handle(value="h2")),
                accounts=(Account(kind="WALLET", value="wallet-1"),),
                ips=(IpSighting(value="203.0.113.7", at="yesterday", port=40122),),
                devices=("device-1",),
                phones=("+33612345678",),
            ),
            Person(role=PersonRole.WITNESS, name="Wit Ness", emails=("w@mail.example",)),
            Person(role=PersonRole.ASSOCIATED, type="Friend", name="Ally"),
            Person(role=PersonRole.VICTIM),
        ),
        files=(
            File(
                name="x" * 3000,
                pdq="4" * 64,
                classification=Classification(scheme="COPINE", code="7"),
                seen_by_provider=False,
            ),
        ),
        payments=(Payment(amount="45.00", currency="EUR", beneficiary_country="PH"),),
    )
    sent = Outgoing(
        report=report,
        received_at="2026-11-24T12:00:00Z",
        desk_name="Desk",
        desk_email="d@f.example",
    )
    text = "\n".join(leaves(written(sent)))
    for value in (
        *("2026-11", "Town", "not a url", "told\\u0001 by", "neutral words", "h1", "h2", "1980"),
        *("wallet-1", "yesterday", "40122", "device-1", "Wit Ness", "w@mail.example", "Friend"),
        *("Ally", "45.00 EUR", "CHILD_IN_DANGER", "desk@f.example"[4:], "Desk", "+33612345678"),
    ):
        assert value in text, value
    file = "\n".join(leaves(written_file(sent, 0)))
    for value in ("x" * 3000, "4" * 64, "COPINE 7", "false"):
        assert value in file


def test_a_supplemental_file_goes_out_without_class() -> None:
    report = Report(
        reference="r",
        kind=ReportKind.OTHER,
        files=(File(classification=Classification(scheme="NCMEC", code="A1")),),
    )
    sent = Outgoing(
        report=report,
        received_at="2026-11-24T12:00:00Z",
        desk_name="D",
        desk_email="d@f.example",
        extra=[("fileDetails[1]/fileRelevance", "Supplemental Reported")],
    )
    root = etree.fromstring(written_file(sent, 0))
    assert root.find("industryClassification") is None
    assert "A1" in (root.findtext("additionalInfo") or "")


texts = st.text(max_size=30)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["SUSPECT", "VICTIM", "ASSOCIATED", "WITNESS"]), texts, texts),
        max_size=5,
    ),
    texts,
    st.lists(st.tuples(texts, texts), max_size=5),
)
def test_any_report_is_written_valid(
    people: list[tuple[str, str, str]], text: str, extra: list[tuple[str, str]]
) -> None:
    clean = text.encode("utf-8", "ignore").decode()
    persons = tuple(
        Person(role=PersonRole(role), name=name, emails=(value,), birth_date=value, type=value)
        for role, name, value in people
    )
    report = Report(
        reference="r",
        kind=ReportKind.OTHER,
        description=clean,
        urls=(clean,),
        occurred_at=clean,
        platform=clean,
        persons=persons,
        emergency=True,
    )
    pairs = [(f"report/{path}", value) for path, value in extra] + extra
    sent = Outgoing(
        report=report,
        received_at="2026-11-24T12:00:00Z",
        desk_name="D",
        desk_email="d@f.example",
        escalation_reason=text,
        extra=pairs,
    )
    written(sent)


@pytest.mark.parametrize("code", AnswerCode)
def test_answers_are_valid_and_without_namespace(code: AnswerCode) -> None:
    for data in (
        report_response(code, report_id=7, file_id="a" * 32, md5="b" * 32),
        report_response(code),
        done_response(code, report_id=7, file_ids=["a", "b"]),
        done_response(code, report_id=7),
    ):
        root = etree.fromstring(data)
        assert SCHEMA.validate(root), SCHEMA.error_log
        assert root.nsmap == {}
        assert root.findtext("responseCode") == str(code.value)
    assert DESCRIPTIONS[code]


def test_refusals_have_their_codes() -> None:
    assert code_of(FormatRefused(DocumentFault.DOCTYPE)) is AnswerCode.MALFORMED_XML
    wrong = FormatRefused(DocumentFault.MISSING_FIELD, "report/reporter")
    assert code_of(wrong) is AnswerCode.VALIDATION_FAILED
    assert b"MISSING_FIELD at report/reporter" in refusal_response(wrong)
