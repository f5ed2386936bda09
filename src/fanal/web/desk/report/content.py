"""Content of a report arranged for its page: timeline, conversation, findings, identifiers, cards of files.

A file's card shows facts, hashes, list entries and earlier assessments. No byte of a file is ever sent to a
browser: the tile is grey and shows facts only. `record` is the report in the internal format.
"""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _

from fanal.accounts.queries.desks import desk_names
from fanal.accounts.queries.people import person_names
from fanal.analyse.domain.records import Because, Finding
from fanal.analyse.material.domain.known import PDQ_RADIUS, pictures_of
from fanal.formats.report.records import File
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import (
    ComputedFile,
    HarmonisedReport,
    Selector,
    SelectorKind,
    SelectorRole,
)
from fanal.harmonise.domain.sightings import selector_key
from fanal.intake.domain.records import UploadFacts
from fanal.intake.queries.files import list_uploads
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day, read_aware
from fanal.kernel.ids import instant_of
from fanal.kernel.typed import whole_number
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Decision
from fanal.orient.folding.queries import NearAssessed, assessed_near, assessed_same
from fanal.web.components.navigation import selector_link
from fanal.web.components.words import identifier
from fanal.web.desk.material.lists import verdicts_of

_ROLES = ("SUSPECT", "VICTIM", "RECIPIENT", "ASSOCIATED", "WITNESS", "CONTENT")
_SEEN = 50  # reports counted for one identifier or hash; more show as "50+"

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


_COMPARED = 32  # files of a report searched for similar pictures
_HASHES = ("SHA256", "SHA1", "MD5", "PDQ")


def cards_of(
    record: HarmonisedReport, findings: Sequence[Finding], *, actor: Actor, now: datetime
) -> list[Item]:
    """Return the data of the file cards on a report's page, one per file, in the order of its files.

    `findings`: those of the report. Keys: facts of the file, `hashes`, `verdicts` (list entries that match),
    `others` and `assessed` (number of other reports with the file, and of decided ones), `assessment` (of the
    same file, None without one), `near` (that of the most similar picture, or None).
    """
    if not record.files:
        return []
    uploads = list_uploads(actor=actor, report_ids=[record.report_id])
    stored = {u.sha256: u for u in uploads.get(record.report_id, []) if u.sha256}
    elsewhere = _elsewhere(record, actor=actor)
    kept = _kept(record, actor=actor)
    elsewhere = {n: seen | kept.get(n, frozenset()) for n, seen in elsewhere.items()}
    decided = _decided({i for ids in elsewhere.values() for i in ids}, actor=actor)
    computed = {found.file: found for found in record.computed}
    verdicts = verdicts_of(findings, on=paris_day(now))
    newest = {
        number: max(seen & decided.keys(), key=lambda i: (decided[i], i))
        for number, seen in elsewhere.items()
        if seen & decided.keys()
    }
    near = _near(record, without=newest, actor=actor)
    read_from = set(newest.values()) | {found.report_id for found in near.values()}
    assessed = _assessments(sorted(read_from), actor=actor)
    return [
        _card(
            file,
            computed=computed.get(number),
            upload=stored.get(file.sha256 or ""),
            verdicts=verdicts.get(f"files[{number}]", []),
            others=elsewhere.get(number, frozenset()),
            decided=frozenset(decided),
        )
        | {
            "assessment": _of_file(file, assessed.get(newest[number]))
            if number in newest
            else None,
            "near": _of_near(near[number], assessed) if number in near else None,
        }
        for number, file in enumerate(record.files)
    ]


def _card(
    file: File,
    *,
    computed: ComputedFile | None,
    upload: UploadFacts | None,
    verdicts: list[Item],
    others: frozenset[UUID],
    decided: frozenset[UUID],
) -> Item:
    kind = file.classification
    hashes = [(name, value) for name in _HASHES if (value := getattr(file, name.lower()))]
    if computed is not None:
        own = ((name, getattr(computed, name.lower())) for name in _HASHES)
        hashes += [pair for pair in own if pair[1] and pair not in hashes]
    return {
        "name": file.name or _("Unnamed file"),
        "size": upload.size if upload else None,
        "sealed": upload is not None and upload.object_id is not None,
        "class": f"{kind.scheme} {kind.code}" if kind else "",
        "seen_by_provider": file.seen_by_provider,
        "publicly_available": file.publicly_available,
        "hashes": hashes,
        "verdicts": verdicts,
        "known": any(verdict["counts"] for verdict in verdicts),
        "cleared": any(verdict["cleared"] for verdict in verdicts),
        "listable": bool(hashes),
        **_facts_of(computed),
        "others": len(others),
        "bounded": len(others) >= _SEEN,
        "assessed": len(others & decided),
        "href": selector_link(*hashes[0]) if hashes and others else "",
    }


def _facts_of(computed: ComputedFile | None) -> Item:
    """Return the facts that the desk's own hasher computed, never the picture; empty values without them.

    Keys: `media_type`, `pixels` (width × height), `quality` (of the PDQ hash), `vague` (that hash is too poor
    to compare), `unhashed` (why no hash was computed).
    """
    if computed is None:
        return {"media_type": "", "pixels": "", "quality": None, "vague": False, "unhashed": ""}
    pixels = f"{computed.width} × {computed.height}" if computed.width else ""
    return {
        "media_type": computed.media_type,
        "pixels": pixels,
        "quality": computed.quality,
        "vague": computed.pdq is not None and not computed.is_comparable(),
        "unhashed": computed.unhashed or "",
    }


def _elsewhere(record: HarmonisedReport, *, actor: Actor) -> Mapping[int, frozenset[UUID]]:
    """Return the newest other reports with the same file (exact hash), by file number, as sets of ids.

    A file number is the file's position in the report. Only reports visible to the actor.
    """
    keys = _keys(record)
    wanted = list({key for found in keys.values() for key in found})
    seen = harmonised.get_sightings(actor=actor, keys=wanted, limit=_SEEN)
    return {
        number: frozenset(s.report_id for key in found if key in seen for s in seen[key].newest)
        - {record.report_id}
        for number, found in keys.items()
    }


def _kept(record: HarmonisedReport, *, actor: Actor) -> Mapping[int, frozenset[UUID]]:
    """Return the decided reports with the same file (exact hash), by file number, as sets of ids.

    However old they are. A file number is the file's position in the report.
    """
    keys = _keys(record)
    found = assessed_same(actor=actor, keys=[key for each in keys.values() for key in each])
    return {
        number: frozenset(found[key] for key in each if key in found) - {record.report_id}
        for number, each in keys.items()
    }


def _keys(record: HarmonisedReport) -> Mapping[int, list[UUID]]:
    """Return the selector keys (digests used for look-up) of each file's hashes, by file number.

    A file number is the file's position in the report.
    """
    return {
        number: [
            selector_key(SelectorKind(name), value)
            for name in _HASHES
            if (value := getattr(file, name.lower()))
        ]
        for number, file in enumerate(record.files)
    }


def _near(
    record: HarmonisedReport, *, without: Container[int], actor: Actor
) -> Mapping[int, NearAssessed]:
    """Return, by file number (position), the decided report with the most similar picture (PDQ distance).

    Files in `without`, which have an exact match, are left out, as are files without a similar picture. Only
    the first `_COMPARED` files with pictures are compared.
    """
    pictures = {
        number: hashes
        for number, hashes in islice(pictures_of(record).items(), _COMPARED)
        if number not in without
    }
    wanted = [pdq for hashes in pictures.values() for pdq in hashes]
    found = assessed_near(actor=actor, pictures=wanted)
    nearest = {
        number: min((found[pdq] for pdq in hashes if pdq in found), default=None)
        for number, hashes in pictures.items()
    }
    return {
        number: near
        for number, near in nearest.items()
        if near is not None and near.report_id != record.report_id
    }


def _of_near(
    near: NearAssessed, assessed: Mapping[UUID, tuple[Decision, str, HarmonisedReport | None]]
) -> Item:
    decision, author, _record = assessed.get(near.report_id, (None, "", None))
    return {
        "report_id": near.report_id,
        "reason": Because(
            code="ASSESSED_NEAR", parameters={"distance": near.distance, "radius": PDQ_RADIUS}
        ),
        "by": author,
        "at": decision.decided_at if decision else None,
        "tracks": decision.tracks if decision else (),
    }


def _decided(report_ids: set[UUID], *, actor: Actor) -> dict[UUID, datetime]:
    cases = oriented.get_cases(actor=actor, report_ids=sorted(report_ids))
    return {i: case.decided_at for i, case in cases.items() if case.decided_at is not None}


def _assessments(
    report_ids: Sequence[UUID], *, actor: Actor
) -> dict[UUID, tuple[Decision, str, HarmonisedReport | None]]:
    """Return (last decision, name of its author, record) of each decided report, by report id.

    Other reports are absent. The name is "" if unknown; the record (the harmonised report) is None where none
    is stored.
    """
    taken = oriented.decisions_of(actor=actor, report_ids=report_ids)
    names = person_names(person_ids={found[-1].author_id for found in taken.values()})
    records = harmonised.get_records(actor=actor, report_ids=report_ids)
    return {
        report_id: (found[-1], names.get(found[-1].author_id, ""), records.get(report_id))
        for report_id, found in taken.items()
    }


def _of_file(
    file: File, found: tuple[Decision, str, HarmonisedReport | None] | None
) -> Item | None:
    """Return the earlier assessment of the same file: author, date, actions, and its class in that report.

    `found` is a value of `_assessments`; without it, None. Keys: `report_id`, `by`, `at`, `tracks` (the
    actions decided on), `class`.
    """
    if found is None:
        return None
    decision, author, record = found
    same = (other for other in record.files if _is_same(file, other)) if record else ()
    kind = next((other.classification for other in same if other.classification), None)
    return {
        "report_id": decision.report_id,
        "by": author,
        "at": decision.decided_at,
        "tracks": decision.tracks,
        "class": f"{kind.scheme} {kind.code}" if kind else "",
    }


def _is_same(one: File, two: File) -> bool:
    names = (name.lower() for name in _HASHES)
    return any(getattr(one, n) and getattr(one, n) == getattr(two, n) for n in names)
