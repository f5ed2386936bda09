"""Extracts of a report's content in its row of the queue: victim's age, strongest passage, second reason.

The passage is the one that the strongest finding cites; without one, the beginning of the reported text. It
comes from the stored report and its findings, as on the report's page: no sealed file is opened. A report of
more than `_LARGEST` bytes is not read for a row, so that a page of long conversations is as fast as any
other; the passage of its strongest finding is still shown, the age is not.
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.analyse import queries as analysed
from fanal.analyse.domain.records import Because, Finding, Priority
from fanal.analyse.signals.domain.ages import youngest_victim
from fanal.formats.report.records import Message, Person
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import TimeRange
from fanal.kernel.actors import Actor
from fanal.orient.domain.records import Case

_LARGEST = 500_000
_LONGEST = 200
"""Most characters of a passage; the stored citation of a finding has at most 240."""
_NATURE = "NATURE"
_DANGER = ("CHILD_IN_DANGER", "DANGER_")
"""Beginnings of the rules' codes on a present danger: where one is shown, another says the same."""
Fields = Mapping[str, msgspec.Raw]


class RowContent(Struct, frozen=True, kw_only=True):
    """Extracts of a report's content for its row of the queue; empty or None where the report states nothing.

    `age`: of the youngest victim, in years. `passage`: a text as written, on one line. `second`: the reason
    for the priority with the most points after the main one, which the row shows anyway.
    """

    age: int | None = None
    passage: str = ""
    second: Because | None = None


NO_CONTENT = RowContent()


def contents_of(cases: Sequence[Case], *, actor: Actor) -> dict[UUID, RowContent]:
    """Return the extracts shown in the queue's rows of the reports that the actor may read, by report id.

    `cases` are the reports' rows in the queue. Costs three queries, whatever their number.
    """
    ids = [case.report_id for case in cases]
    records = harmonised.get_record_fields(actor=actor, report_ids=ids, largest=_LARGEST)
    analyses = analysed.get_analyses(actor=actor, report_ids=ids)
    priorities = analysed.get_priorities(actor=actor, report_ids=ids)
    contents = {}
    for case in cases:
        fields = records.get(case.report_id, {})
        analysis = analyses.get(case.report_id)
        cited = _cited(analysis.findings) if analysis else ""
        age = victim_age(fields)
        contents[case.report_id] = RowContent(
            age=age,
            passage=_cut(cited or _beginning(fields)),
            second=_second(case, priorities.get(case.report_id), age),
        )
    return contents


def victim_age(fields: Fields) -> int | None:
    """Return the age in years of the youngest victim that a record's fields state, None without one."""
    persons = msgspec.json.decode(fields.get("persons", b"[]"), type=list[Person])
    occurred = msgspec.json.decode(fields.get("occurred", b"null"), type=TimeRange | None)
    return youngest_victim(persons, on=occurred.earliest if occurred else None)


def _cited(findings: Iterable[Finding]) -> str:
    """Return the passage that the strongest finding cites, "" if no finding cites a text.

    If another finding cites a part of that passage, return that part. A finding on the nature of the whole
    report is used only if no signal cites a passage.
    """
    passages = sorted(
        (found for found in findings if "#" in found.source and found.value),
        key=lambda found: (found.category != _NATURE, found.score),
        reverse=True,
    )
    if not passages:
        return ""
    whole = passages[0].value
    return next((one.value for one in passages if one.value != whole and one.value in whole), whole)


def _beginning(fields: Fields) -> str:
    described = msgspec.json.decode(fields.get("description", b"null"), type=str | None)
    if described and described.strip():
        return described
    said = msgspec.json.decode(fields.get("conversation", b"[]"), type=list[Message])
    return next((message.text for message in said if message.text and message.text.strip()), "")


def _cut(text: str) -> str:
    """Return a text on one line, of at most `_LONGEST` characters."""
    line = " ".join(text.strip()[: 4 * _LONGEST].split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1].rstrip()}…"


def _second(case: Case, priority: Priority | None, age: int | None) -> Because | None:
    """Return the reason with the most points among those that the row does not show already, or None."""
    shown = {case.reason, case.floor}
    told = ["KIND_", *(["VICTIM_"] if age is not None else [])]
    if any(str(code).startswith(_DANGER) for code in shown):
        told += _DANGER
    parts = [
        part
        for part in (priority.parts if priority else ())
        if part.points > 0
        and not {part.code, part.because.code} & shown
        and not part.code.startswith(tuple(told))
    ]
    strongest = max(parts, key=lambda part: part.points, default=None)
    return strongest.because if strongest else None
