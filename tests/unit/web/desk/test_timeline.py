"""Timelines go by instants, whatever zone each is written in."""

from uuid import UUID

from fanal.harmonise.domain.records import (
    HarmonisedReport,
    Message,
    Selector,
    SelectorKind,
    SelectorRole,
    TimeRange,
)
from fanal.web.desk.dossiers.views import _timeline
from fanal.web.desk.report.content import timeline_of

RECEIVED = UUID("019ace00-0000-7000-8000-000000000001")
LATE, EARLY = "2025-03-01T01:30:00+00:00", "2025-03-01T02:00:00+05:00"
"""As text LATE comes before EARLY; as instants it is four and a half hours after it."""


def seen(at: str, value: str) -> Selector:
    return Selector(kind=SelectorKind.HANDLE, value=value, role=SelectorRole.SUSPECT, at=at)


def test_a_report_is_told_in_the_order_of_instants() -> None:
    report = HarmonisedReport(
        report_id=RECEIVED,
        reference="r",
        kind="GROOMING",
        selectors=(seen(LATE, "late"), seen(EARLY, "early")),
    )
    told = [event.text for event in timeline_of(report) if event.code == "SEEN"]
    assert [text.partition("@")[0] for text in told] == ["early", "late"]


def test_the_first_and_last_message_are_those_said_first_and_last() -> None:
    report = HarmonisedReport(
        report_id=RECEIVED,
        reference="r",
        kind="GROOMING",
        conversation=tuple(
            Message(speaker=speaker, text="…", at=at)
            for speaker, at in (("b", LATE), ("c", "2025-03-02T00:00:00Z"), ("a", EARLY))
        ),
    )
    told = {event.code: event.text for event in timeline_of(report)}
    assert (told["FIRST"], told["LAST"]) == ("a", "c")


def test_a_dossier_is_told_in_the_order_of_instants_and_undated_reports_last() -> None:
    ids = [UUID(int=RECEIVED.int + n) for n in range(3)]
    times = [LATE, None, EARLY]
    records = {
        report_id: HarmonisedReport(
            report_id=report_id,
            reference=str(n),
            kind="GROOMING",
            occurred=TimeRange(earliest=at, latest=at, precision="SECOND", zone="UTC")
            if at
            else None,
        )
        for n, (report_id, at) in enumerate(zip(ids, times, strict=True))
    }
    assert [event["report_id"] for event in _timeline(records, {})] == [ids[2], ids[0], ids[1]]
