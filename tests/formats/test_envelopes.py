"""Notifications of article 18 DSA and reports of COM(2022)209: strict in, lossless through a record, strict out."""

import contextlib
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st

import fanal.formats
from fanal.formats.com209 import ProviderReport, provider_report_of, read_provider_report
from fanal.formats.dsa18 import Notification, notification_of, read_notification
from fanal.formats.envelope import Part, from_leaves, leaves
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.report.records import (
    Person,
    PersonRole,
    Place,
    Report,
    ReportKind,
)
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind, Source
from fanal.harmonise.domain.redaction.outside import as_report
from fanal.harmonise.domain.redaction.reporter import withhold
from fanal.harmonise.domain.sources.read import read_source
from tests.formats.ncmec_documents import NOW

ROOT = Path(fanal.formats.__path__[0])
ID = UUID("01993000-0000-7000-8000-000000000001")
DSA: dict[str, Any] = json.loads((ROOT / "dsa18/samples/notification.json").read_text())
COM: dict[str, Any] = json.loads((ROOT / "com209/samples/report.json").read_text())
READERS: dict[str, Callable[[bytes], tuple[Part, Report]]] = {
    "dsa-18": read_notification,
    "com-2022-209": read_provider_report,
}
BOTH = pytest.mark.parametrize(("name", "tree"), [("dsa-18", DSA), ("com-2022-209", COM)])


def body(tree: object) -> bytes:
    return json.dumps(tree, ensure_ascii=False).encode()


def record(name: str, tree: object) -> HarmonisedReport:
    source = Source(report_id=ID, format=name, body=body(tree))
    clear, _ = withhold(harmonise_one(ID, read_source(source, received_at=NOW)))
    return clear


def back(name: str, found: HarmonisedReport) -> dict[str, Any]:
    pairs = [(extra.path, extra.value) for extra in found.extra]
    common: dict[str, Any] = {"provider": "Partner", "received_at": "2026-11-24T12:00:00Z"}
    if name == "dsa-18":
        reason = found.escalation_reason
        data = notification_of(as_report(found), pairs=pairs, reason=reason, **common)
    else:
        data = provider_report_of(as_report(found), pairs=pairs, **common)
    READERS[name](data)  # what we write we read
    tree: dict[str, Any] = json.loads(data)
    return tree


@BOTH
def test_the_samples_hold_every_field(name: str, tree: dict[str, Any]) -> None:
    kind = Notification if name == "dsa-18" else ProviderReport
    assert set(tree) == {*kind.__struct_fields__, "report"}
    found, _ = READERS[name](body(tree))
    assert from_leaves(leaves(found), kind) == found


@BOTH
def test_every_leaf_is_kept_and_the_contact_is_withheld(name: str, tree: dict[str, Any]) -> None:
    found, _ = READERS[name](body(tree))
    kept = {extra.path: extra.value for extra in record(name, tree).extra}
    for path, value in leaves(found):
        assert kept.get(path) == (None if path.startswith("provider/contact/") else value), path
    for secret in tree["provider"]["contact"].values():
        assert secret not in repr(record(name, tree))


@BOTH
def test_a_record_gives_its_own_document_back(name: str, tree: dict[str, Any]) -> None:
    expected = copy.deepcopy(tree)
    del expected["provider"]["contact"]
    expected.pop("not_identified", None)  # false is what its absence means
    written = back(name, record(name, tree))
    emergency = written["report"].pop("emergency", False)
    assert emergency is True  # what the envelope says of urgency is the record's too
    assert written == expected


def test_a_notification_that_is_under_way_is_urgent() -> None:
    found = record("dsa-18", DSA)
    assert (found.emergency, found.escalation_reason) == (True, DSA["suspicion"])
    assert found.reference == DSA["notification_id"]
    assert record("dsa-18", DSA | {"stage": "PAST"}).emergency is False


def test_the_addresses_of_a_providers_report_are_selectors() -> None:
    found = record("com-2022-209", COM)
    ips = {s.value: s.port for s in found.selectors if s.kind is SelectorKind.IP}
    assert ips == {"203.0.113.7": 40122, "203.0.113.8": 40123}


def drawn(report: Report) -> dict[str, Any]:
    data = notification_of(
        report, pairs=[], reason=None, provider="P", received_at="2026-11-24T12:00:00Z"
    )
    tree: dict[str, Any] = json.loads(data)
    return tree


def test_what_is_drawn_from_any_record_says_no_more_than_it_holds() -> None:
    persons = (
        Person(role=PersonRole.SUSPECT, country="BE"),
        Person(role=PersonRole.VICTIM, country="PH"),
        Person(role=PersonRole.ASSOCIATED, type="Linked", name="Ally"),
        Person(role=PersonRole.REPORTER),
    )
    report = Report(
        reference="r", kind=ReportKind.GROOMING, place=Place(country="FR"), persons=persons
    )
    tree = drawn(report)
    assert tree["member_states"] == [
        {"country": "FR", "ground": "OFFENCE"},
        {"country": "BE", "ground": "SUSPECT"},
    ]
    assert (tree["stage"], tree["suspicion"]) == ("UNKNOWN", "GROOMING")
    assert [p["role"] for p in tree["report"]["persons"]] == ["SUSPECT", "VICTIM"]
    assert "Ally" in tree["other_information"]
    nowhere = drawn(Report(reference="r", kind=ReportKind.OTHER))
    assert (nowhere["not_identified"], nowhere["fallback"]) == (True, "EUROPOL")
    data = provider_report_of(report, pairs=[], provider="P", received_at="2026-11-24T12:00:00Z")
    found, _ = read_provider_report(data)
    assert (found.abuse, found.urgent) == (("SOLICITATION",), False)


@pytest.mark.parametrize(
    ("name", "change", "code", "path"),
    [
        ("dsa-18", {"format": "fanal/dsa-18/2"}, DocumentFault.UNKNOWN_CODE, "format"),
        ("dsa-18", {"more": 1}, DocumentFault.UNKNOWN_FIELD, "more"),
        ("dsa-18", {"notification_id": " "}, DocumentFault.MISSING_FIELD, "notification_id"),
        (
            "dsa-18",
            {"member_states": [], "fallback": None},
            DocumentFault.MISSING_FIELD,
            "member_states",
        ),
        ("dsa-18", {"notified_at": "today"}, DocumentFault.BAD_DATE, "notified_at"),
        ("dsa-18", {"threat": None}, DocumentFault.WRONG_TYPE, "threat"),
        ("dsa-18", {"provider": {}}, DocumentFault.MISSING_FIELD, "provider/name"),
        ("dsa-18", {"report": None}, DocumentFault.WRONG_TYPE, "report"),
        ("dsa-18", {"report": {"reference": "r"}}, DocumentFault.MISSING_FIELD, "report/kind"),
        ("dsa-18", {"suspicion": "x" * 200_001}, DocumentFault.TEXT_TOO_LONG, "suspicion"),
        ("com-2022-209", {"abuse": []}, DocumentFault.MISSING_FIELD, "abuse"),
        ("com-2022-209", {"abuse": ["OLD"]}, DocumentFault.UNKNOWN_CODE, "abuse[1]"),
        ("com-2022-209", {"urgent": "yes"}, DocumentFault.WRONG_TYPE, "urgent"),
        ("com-2022-209", {"locations": [{"at": "x"}]}, DocumentFault.BAD_DATE, "locations[1]/at"),
    ],
    ids=range(14),
)
def test_what_is_none_is_refused_with_its_place(
    name: str, change: dict[str, Any], code: DocumentFault, path: str
) -> None:
    with pytest.raises(FormatRefused) as found:
        READERS[name](body((DSA if name == "dsa-18" else COM) | change))
    assert (found.value.code, found.value.path) == (code, path)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"{}",
        b"\xff",
        b'{"report":{},"report":{}}',
        b'{"report":' + b"[" * 100_000,
        b" " * 1_000_001,
        b'{"format":"\\ud800","report":{}}',
        b'{"report_id":NaN,"report":{}}',
    ],
    ids=range(10),
)
def test_hostile_bytes_are_refused(name: str, data: bytes) -> None:
    with pytest.raises(FormatRefused):
        READERS[name](data)


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_hostile_trees_are_read_or_refused(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(READERS)))
    tree = copy.deepcopy(DSA if name == "dsa-18" else COM)
    strange = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
        max_leaves=6,
    )
    for key in data.draw(st.lists(st.sampled_from(sorted(tree)), max_size=4)):
        tree[key] = data.draw(strange)
    with contextlib.suppress(FormatRefused, UnicodeEncodeError):
        READERS[name](body(tree))
