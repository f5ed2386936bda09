"""Content of a report arranged for its page: timeline, conversation, findings, identifiers by role."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from fanal.accounts.queries.people import desk_names
from fanal.analyse.domain.records import Finding
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport, Selector, SelectorRole
from fanal.harmonise.domain.sightings import selector_key
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import read_aware
from fanal.kernel.ids import instant_of
from fanal.kernel.typed import whole_number
from fanal.web.components.navigation import selector_link
from fanal.web.components.words import identifier

_ROLES = ("SUSPECT", "VICTIM", "RECIPIENT", "ASSOCIATED", "WITNESS", "CONTENT")
_SEEN = 50  # reports counted for one identifier; more show as "50+"

Item = dict[str, object]


class DatedEvent(NamedTuple):
    """An event on the timeline of a report: its time `at` and its code (such as RECEIVED or PAID).

    `text` adds the speaker of a message, an identifier or an amount, "" for other events; `precision` is that
    of the reported event's time, else "".
    """

    at: datetime
    code: str
    text: str = ""
    precision: str = ""


def timeline_of(record: HarmonisedReport) -> list[DatedEvent]:
    """Return the dated events of a report, earliest first.

    They are its receipt, the reported event, first and last message, uses of identifiers, payments, and a
    planned meeting.
    """
    found: list[tuple[str | None, str, str, str]] = []
    if record.occurred is not None:
        first, last, precision = (
            record.occurred.earliest,
            record.occurred.latest,
            record.occurred.precision,
        )
        ends = ((first, "AT"),) if first == last else ((first, "FROM"), (last, "UNTIL"))
        found += [(at, code, "", precision) for at, code in ends]
    spoken = sorted(
        ((at, m) for m in record.conversation if (at := read_aware(m.at))), key=lambda each: each[0]
    )
    ends_of_it = spoken[:1] + spoken[1:][-1:]
    for (_at, message), code in zip(ends_of_it, ("FIRST", "LAST"), strict=False):
        found.append((message.at, code, message.speaker or "", ""))
    found += [(s.at, "SEEN", identifier(s.kind, s.value), "") for s in record.selectors if s.at]
    found += [
        (p.at, "PAID", " ".join(filter(None, (p.amount, p.currency))), "") for p in record.payments
    ]
    found += [
        (p.time.earliest, "MEETING", p.locality or "", p.time.precision)
        for p in record.places
        if p.time is not None
    ]
    dated = [DatedEvent(when, *told) for at, *told in found if (when := read_aware(at))]
    received = DatedEvent(instant_of(record.report_id), "RECEIVED")
    return sorted([received, *dated], key=lambda event: event.at)


def with_signals(record: HarmonisedReport, findings: Sequence[Finding]) -> list[Item]:
    """Return the messages of the conversation in order, each with the codes of its findings.

    Keys: `message`, `at` (None if unknown), `signals` (finding codes) and `speaker`, number of the speaker's
    color (0–3).
    """
    cited: dict[int, list[Finding]] = {}
    for finding in findings:
        place = finding.source.partition("conversation[")[2].partition("]")[0]
        if (number := whole_number(place)) is not None:
            cited.setdefault(number, []).append(finding)
    speakers = list(dict.fromkeys(m.speaker or "" for m in record.conversation))
    return [
        {
            "message": message,
            "at": read_aware(message.at),
            "signals": list(dict.fromkeys(f.code for f in cited.get(n, []))),
            "speaker": speakers.index(message.speaker or "") % 4,
        }
        for n, message in enumerate(record.conversation)
    ]


def by_category(findings: Sequence[Finding]) -> list[tuple[str, list[Finding]]]:
    """Return (category, findings) for each category, in the order of its first finding.

    A finding without a category counts as KNOWN (known material).
    """
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.category or "KNOWN", []).append(finding)
    return list(groups.items())


def selector_groups(record: HarmonisedReport, *, actor: Actor) -> list[tuple[str, list[Item]]]:
    """Return (role, identifiers) for each role of a report's identifiers, in a fixed order.

    Keys of an identifier: `selector`; `count`, the number of reports that hold it in the reader's desks
    (`bounded`: there may be more); `elsewhere`, the names of other desks that hold it, as one text; `href`,
    its search page ("" if it occurs in no other report).
    """
    keys = {(s.kind, s.value): selector_key(s.kind, s.value) for s in record.selectors}
    wanted = list(set(keys.values()))
    seen = harmonised.get_sightings(actor=actor, keys=wanted, limit=_SEEN)
    elsewhere = harmonised.seen_elsewhere(actor=actor, keys=wanted)
    desks = desk_names(desk_ids={d for found in elsewhere.values() for d in found})
    groups: list[tuple[str, list[Item]]] = []
    for role in _ROLES:
        members: dict[UUID, Selector] = {}
        for selector in record.selectors:
            if selector.role == role:
                members.setdefault(keys[selector.kind, selector.value], selector)
        if members:
            items = [
                _selector(
                    selector,
                    count=len({s.report_id for s in seen[key].newest}) if key in seen else 0,
                    bounded=key in seen and seen[key].bounded,
                    desks=[desks[d] for d in sorted(elsewhere.get(key, ())) if d in desks],
                )
                for key, selector in members.items()
            ]
            groups.append((SelectorRole(role), items))
    return groups


def _selector(selector: Selector, *, count: int, bounded: bool, desks: list[str]) -> Item:
    return {
        "selector": selector,
        "count": count,
        "bounded": bounded,
        "elsewhere": ", ".join(desks),
        "href": selector_link(selector.kind, selector.value) if count > 1 or desks else "",
    }
