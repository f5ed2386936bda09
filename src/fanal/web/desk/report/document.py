"""The document of a report: the content of its page, without reporter, sealed bytes and notes of the desk."""

from collections.abc import Iterator
from datetime import datetime
from typing import cast
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import get_language, gettext as _, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from msgspec import Struct

from fanal import reference
from fanal.accounts.queries.people import partner_names, person_names
from fanal.accounts.routes import needs
from fanal.analyse import queries as analysed
from fanal.analyse.domain.records import Analysis, Because, Priority
from fanal.casework.domain.documents import Part
from fanal.crosscheck.domain.records import KinLink
from fanal.crosscheck.links.queries import links_of
from fanal.formats.report.records import PersonRole, Stated
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedPlace, HarmonisedReport, Selector
from fanal.intake.domain.records import ReportFacts
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import read_aware
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Case
from fanal.web.account.actors import actor_of, now_of
from fanal.web.components.words import defang, identifier, signed, visible
from fanal.web.desk.dossiers.related import percent, points, values_of
from fanal.web.desk.report import content
from fanal.web.documents import (
    TakenDocument,
    fact_lines,
    first_lines,
    spoken_instant,
    table,
    take_out,
)
from fanal.web.reading import consult

_LINKS = 50
_OF_REPORTER = frozenset(
    {Stated.REPORTER_IS_CHILD, Stated.REPORTER_IS_PARENT, Stated.REPORTER_IS_PROFESSIONAL}
)
"""Codes of what the reporter is to the child; no document says them, nor the points for them."""
_HASHES = ("SHA256", "MD5", "PDQ")
_DAYS = frozenset({"DAY", "MONTH", "YEAR"})


class _Read(Struct, frozen=True, kw_only=True):
    """The data of a report's document, read for one person (`actor`) in one language (`lang`).

    `case` is the report's row in the queue, `facts` its receipt, `record` the harmonised report, `sender` the
    provider's name, "" for the public. `linked` are the facts of the reports that `links` name, by report id.
    """

    actor: Actor
    lang: str
    now: datetime
    case: Case
    facts: ReportFacts
    record: HarmonisedReport
    analysis: Analysis | None
    priority: Priority | None
    sender: str
    links: list[KinLink]
    linked: dict[UUID, ReportFacts]

    def label(self, kind: str, code: str | None) -> str:
        """Return the label of a code in the document's language; "" without a code."""
        return reference.label(kind, code, self.lang) if code else ""


@never_cache
@require_POST
@needs("report.document")
def document(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Serve the document of a report in the form's `format`, for the purpose in the form's `motive`.

    Raises:
        Http404: no such report, one of another desk, one not fully processed, or no such format.
        Refused: the person may not export the document.
    """
    facts = get_reports(actor=actor_of(request), report_ids=[report_id]).get(report_id)
    if facts is None:
        raise Http404
    return take_out(
        request,
        lambda actor: _document(request, facts, actor=actor),
        right="report.document",
        action="report.export",
        desks=[facts.desk_id],
    )


def _document(request: HttpRequest, facts: ReportFacts, *, actor: Actor) -> TakenDocument:
    report_id = facts.report_id
    case = oriented.get_case(actor=actor, report_id=report_id)
    record = harmonised.get_records(actor=actor, report_ids=[report_id]).get(report_id)
    if case is None or record is None:
        raise Http404
    links = [link for link in links_of(actor=actor, report_id=report_id) if link.other_id][:_LINKS]
    others = [link.other_id for link in links if link.other_id]
    consult(request, "report", [report_id], actor.motive, reports=others)
    read = _Read(
        actor=actor,
        lang=get_language() or "fr",
        now=now_of(request),
        case=case,
        facts=facts,
        record=record,
        analysis=analysed.get_analyses(actor=actor, report_ids=[report_id]).get(report_id),
        priority=analysed.get_priorities(actor=actor, report_ids=[report_id]).get(report_id),
        sender=partner_names(partner_ids=[facts.sender_id]).get(facts.sender_id, ""),
        links=links,
        linked=get_reports(actor=actor, report_ids=others),
    )
    return TakenDocument(
        kind="report",
        id=report_id,
        title=_("Report"),
        reference=facts.called,
        state=read.label("case_state", case.state),
        facts=_facts(read),
        parts=tuple(_parts(read)),
        name=f"fanal-report-{facts.called}",
        back=reverse("desk:report", args=[report_id]),
    )


def _facts(read: _Read) -> tuple[tuple[str, str], ...]:
    facts, case = read.facts, read.case
    sent = facts.reference if facts.reference != str(facts.report_id) else ""
    named = (
        (_("Kind"), read.label("report_kind", read.record.kind)),
        (_("Reference of the sender"), " · ".join(filter(None, (read.sender, sent)))),
        (_("Received"), spoken_instant(facts.received_at, read.lang)),
        (_("Priority"), f"{case.score} · {read.label('level', case.level)}"),
        (_("Test"), _("yes") if facts.is_test else ""),
    )
    return tuple((name, value) for name, value in named if value)


def _parts(read: _Read) -> Iterator[Part]:
    lang, record = read.lang, read.record
    yield Part(
        lines=(
            _(
                "Not in this document: the sealed identity of who reported, the exchange with them, the"
                " sealed files, the notes of the desk. The texts of the report stand as they were"
                " written: they may name who wrote them."
            ),
        )
    )
    yield Part(heading=_("Account of the facts"), lines=_account(read))
    yield from table(
        _("Conversation"),
        (_("When"), _("Who"), _("Message")),
        [
            (_when(m.at, lang), visible(m.speaker or "?"), visible(m.text or ""))
            for m in record.conversation
        ],
    )
    yield from table(_("Persons"), (_("Role"), _("Name"), _("Particulars")), list(_persons(read)))
    yield from _identifiers(read)
    yield from _files(read)
    yield from table(
        _("Payments"),
        (_("When"), _("Amount"), _("Sender"), _("Beneficiary"), _("Payment label")),
        [
            (
                _when(p.at, lang),
                f"{p.amount or '–'} {p.currency or ''}".strip(),
                p.sender or "–",
                p.beneficiary or "–",
                p.label or "–",
            )
            for p in record.payments
        ],
    )
    yield from _assessed(read)
    yield from _linked(read)
    yield from _decided(read)


def _account(read: _Read) -> tuple[str, ...]:
    record, lang = read.record, read.lang
    place = record.place
    facts = [
        (_("Channel"), read.label("channel", record.channel)),
        (_("Platform"), visible(record.platform or "")),
        (_("Facts"), _occurred(record, lang)),
        (_("Place"), _place(read, place.country, place.locality, place.postcode) if place else ""),
    ]
    places = [(read.label("place_role", one.role), _stated(read, one)) for one in record.places]
    addresses = [(_("Address"), visible(defang(url.reported))) for url in record.urls]
    danger = _("The report says that a child is in danger now.")
    return (
        *(
            (f"{danger} {visible(record.escalation_reason or '')}".strip(),)
            if record.emergency
            else ()
        ),
        *(read.label("because", one) for one in record.stated if one not in _OF_REPORTER),
        *fact_lines(facts, lang),
        *first_lines(fact_lines(places, lang)),
        *first_lines(fact_lines(addresses, lang)),
        *(f"> {visible(line)}" for line in (record.description or "").splitlines() if line),
    )


def _occurred(record: HarmonisedReport, lang: str) -> str:
    if record.occurred is None:
        return ""
    ends = (record.occurred.earliest, record.occurred.latest)
    precise = [_when(at, lang, precision=record.occurred.precision) for at in ends]
    return " – ".join(dict.fromkeys(precise))


def _when(at: str | None, lang: str, *, precision: str = "") -> str:
    """Return a reported time in full, without the hour if its precision is a day or more; a dash for None."""
    instant = read_aware(at)
    if instant is None:
        return at or "–"
    return spoken_instant(instant, lang, day_only=precision in _DAYS)


def _stated(read: _Read, place: HarmonisedPlace) -> str:
    at = (
        _when(place.time.earliest, read.lang, precision=place.time.precision)
        if place.time
        else place.at or ""
    )
    where = _place(read, place.country, place.locality, place.postcode)
    return " · ".join(filter(None, (at, where))) or _("unknown")


def _place(read: _Read, country: str | None, locality: str | None, postcode: str | None) -> str:
    town = " ".join(filter(None, (postcode, visible(locality or ""))))
    return ", ".join(filter(None, (town, read.label("country", country))))


def _persons(read: _Read) -> Iterator[tuple[str, ...]]:
    """Yield role, name and facts (age, birth, country) of each person of a report, except the reporter."""
    for person in read.record.persons:
        facts = (
            _age(person.age),
            f"{_('born')} {person.birth_date}" if person.birth_date else "",
            read.label("country", person.country),
        )
        said = ", ".join(filter(None, facts))
        if person.role is not PersonRole.REPORTER and (person.name or said):
            name = visible(person.name or "–")
            yield read.label("person_role", person.role), name, said or "–"


def _age(age: int | None) -> str:
    if age is None:
        return ""
    return ngettext("%(age)s year old", "%(age)s years old", age) % {"age": age}


def _identifiers(read: _Read) -> tuple[Part, ...]:
    rows = []
    for role, items in content.selector_groups(read.record, actor=read.actor):
        for item in items:
            selector = cast("Selector", item["selector"])
            seen = f"{item['count']}{'+' if item['bounded'] else ''}"
            rows.append(
                (
                    read.label("selector_role", role),
                    read.label("selector_kind", selector.kind),
                    identifier(selector.kind, selector.value),
                    seen,
                    str(item["elsewhere"]) or "–",
                )
            )
    header = (_("Role"), _("Kind"), _("Value"), _("Reports"), _("Also known to"))
    return table(_("Identifiers"), header, rows)


def _files(read: _Read) -> tuple[Part, ...]:
    findings = read.analysis.findings if read.analysis else ()
    rows = []
    for number, card in enumerate(
        content.cards_of(read.record, findings, actor=read.actor, now=read.now), start=1
    ):
        hashes = dict(cast("list[tuple[str, str]]", card["hashes"]))
        known = (
            _("Known to the lists")
            if card["known"]
            else _("Known false alarm")
            if card["cleared"]
            else ""
        )
        rows.append(
            (
                f"{number}. {visible(str(card['name']))}",
                str(card["class"]) or "–",
                known or "–",
                "\n".join(f"{name} {hashes[name]}" for name in _HASHES if name in hashes) or "–",
            )
        )
    return table(_("Files"), (_("File"), _("Class"), _("Lists"), _("Digests")), rows)


def _assessed(read: _Read) -> Iterator[Part]:
    yield from table(
        _("Detected signals"),
        (_("Signal"), _("Why"), _("Score")),
        [
            (
                read.label("finding", one.code),
                _why(one.because, read.lang),
                points(one.score),
            )
            for one in (read.analysis.findings if read.analysis else ())
        ],
    )
    yield from table(
        _("Why this priority"),
        (_("Reason"), _("Points"), _("Rule")),
        [
            (
                _why(part.because, read.lang),
                signed(part.points, read.lang),
                part.code,
            )
            for part in (read.priority.parts if read.priority else ())
            if part.points and part.because.code not in _OF_REPORTER
        ],
    )


def _why(because: Because, lang: str) -> str:
    """Return a reason in words, with `…` in place of the labelled example that resembles the passage.

    The example may be a passage of another report, which must not be exported with this one.
    """
    values = because.parameters
    return reference.render(
        because.code, {**values, "example": "…"} if "example" in values else values, lang
    )


def _linked(read: _Read) -> tuple[Part, ...]:
    rows = [
        (
            read.linked[link.other_id].spoken,
            spoken_instant(read.linked[link.other_id].received_at, read.lang),
            percent(link.score or 0),
            ", ".join(
                f"{read.label('selector_kind', kind)} {identifier(kind, value)}"
                for kind, value in values_of(link.reasons)
            )
            or "–",
        )
        for link in read.links
        if link.other_id in read.linked
    ]
    header = (_("Report"), _("Received"), _("Strength"), _("Shared values"))
    return table(_("Related reports"), header, rows)


def _decided(read: _Read) -> Iterator[Part]:
    report_id = read.record.report_id
    found = oriented.decisions_of(actor=read.actor, report_ids=[report_id]).get(report_id, ())
    names = person_names(person_ids={one.author_id for one in found})
    for one in found:
        facts = (
            (_("Decision"), " + ".join(read.label("track", track) for track in one.tracks)),
            (_("Taken"), spoken_instant(one.decided_at, read.lang)),
            (_("By"), names.get(one.author_id, "")),
            (_("Authority"), read.label("body", one.body)),
            (_("Legal basis"), ", ".join(basis.code for basis in one.bases)),
        )
        said = one.reason.splitlines() or [_("The written reason has expired; its digest stays.")]
        yield Part(
            heading=_("Decision of %(at)s") % {"at": spoken_instant(one.decided_at, read.lang)},
            lines=(*fact_lines(facts, read.lang), *said),
        )
