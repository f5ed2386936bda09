"""The document of a dossier: a summary with tables, not the text of its reports."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from msgspec import Struct

from fanal import reference
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.casework.domain.documents import Part
from fanal.crosscheck.domain.records import DossierView
from fanal.crosscheck.dossiers.queries import dossier_view
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import read_aware
from fanal.kernel.texts import alphabetical
from fanal.ledger.domain.records import ObjectRef
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Case
from fanal.web.account.actors import actor_of
from fanal.web.components.words import identifier
from fanal.web.desk.dossiers.graph import other_desks, references_of
from fanal.web.desk.dossiers.places import named_places
from fanal.web.desk.dossiers.related import percent, values_of
from fanal.web.documents import (
    MOST_ROWS,
    TakenDocument,
    fact_lines,
    spoken_instant,
    table,
    take_out,
)
from fanal.web.reading import consult

_BATCH = 200
"""Reports whose text is in memory at a time."""
_LEVELS = ("DANGER", "HIGH", "NORMAL", "LOW")


class _Gist(Struct, frozen=True, kw_only=True):
    """The data that the document of a dossier keeps of one report: the day of its facts, and its places.

    `places` is a report in the internal format that holds nothing but its places and persons.
    """

    occurred: str
    places: HarmonisedReport


class _Dossier(Struct, frozen=True, kw_only=True):
    """The data of a dossier's document.

    `view` is the dossier; `own` are the ids of its reports at the reader's desks, and `cases` (rows of the
    queue), `references` (as displayed) and `gists` are by report id.
    """

    actor: Actor
    lang: str
    view: DossierView
    own: list[UUID]
    cases: dict[UUID, Case]
    references: dict[UUID, str]
    gists: dict[UUID, _Gist]

    def label(self, kind: str, code: str | None) -> str:
        """Return the label of a code in the document's language; "" without a code."""
        return reference.label(kind, code, self.lang) if code else ""


@never_cache
@require_POST
@needs("dossier.document")
def document(request: HttpRequest, dossier_id: UUID) -> HttpResponse:
    """Serve the document of a dossier in the form's `format`, for the purpose in the form's `motive`.

    Raises:
        Http404: no such dossier at the person's desks, or no such format.
        Refused: the person may not export the document.
    """
    actor = actor_of(request)
    view = dossier_view(actor=actor, dossier_id=dossier_id)
    if view is None:
        raise Http404
    own = {node.report_id: node.desk_id for node in view.nodes if node.report_id}
    return take_out(
        request,
        lambda actor: _document(request, view, list(own), actor=actor),
        right="dossier.document",
        action="dossier.export",
        desks=set(own.values()),
    )


def _document(
    request: HttpRequest, view: DossierView, own: list[UUID], *, actor: Actor
) -> TakenDocument:
    consult(request, "dossier", [view.id], actor.motive, reports=own)
    lang = get_language() or "fr"
    read = _Dossier(
        actor=actor,
        lang=lang,
        view=view,
        own=own,
        cases=oriented.get_cases(actor=actor, report_ids=own),
        references=references_of(own, actor=actor),
        gists=_gists(own, actor=actor, lang=lang),
    )
    return TakenDocument(
        kind="dossier",
        id=view.id,
        title=_("Dossier"),
        reference=view.number,
        state=read.label("dossier_state", view.state),
        facts=_facts(read),
        parts=tuple(_parts(read)),
        name=f"fanal-dossier-{view.id}",
        back=reverse("desk:dossier", args=[view.id]),
        also=tuple(ObjectRef(kind="report", id=report_id) for report_id in own),
        data={"reports": own},
    )


def _gists(own: Sequence[UUID], *, actor: Actor, lang: str) -> dict[UUID, _Gist]:
    """Return the day of the facts and the places of each report, by id; texts are read in batches."""
    found: dict[UUID, _Gist] = {}
    for start in range(0, len(own), _BATCH):
        batch = own[start : start + _BATCH]
        for report_id, record in harmonised.get_records(actor=actor, report_ids=batch).items():
            at = read_aware(record.occurred.earliest) if record.occurred else None
            found[report_id] = _Gist(
                occurred=spoken_instant(at, lang, day_only=True),
                places=HarmonisedReport(
                    report_id=report_id,
                    reference="",
                    kind=record.kind,
                    place=record.place,
                    places=record.places,
                    persons=record.persons,
                ),
            )
    return found


def _facts(read: _Dossier) -> tuple[tuple[str, str], ...]:
    days = [case.received_at for case in read.cases.values()]
    away = sorted(other_desks(read.view).values(), key=alphabetical)
    span = (
        [spoken_instant(at, read.lang, day_only=True) for at in (min(days), max(days))]
        if days
        else []
    )
    named = (
        (_("Since"), spoken_instant(read.view.opened_at, read.lang, day_only=True)),
        (_("Reports"), str(len(read.own))),
        (_("Received"), " – ".join(dict.fromkeys(span))),
        (_("Also at"), ", ".join(away)),
    )
    return tuple((name, value) for name, value in named if value)


def _parts(read: _Dossier) -> Iterator[Part]:
    yield Part(
        lines=(
            _(
                "Not in this document: the text of the reports, who reported, the sealed files, the notes"
                " of the desk."
            ),
        )
    )
    yield Part(heading=_("Summary"), lines=_summary(read))
    yield from _reports(read)
    yield from _shared(read)
    yield from _links(read)
    yield from _places(read)
    yield from _judgements(read)


def _summary(read: _Dossier) -> tuple[str, ...]:
    cases = list(read.cases.values())

    def counted(kind: str, codes: Iterator[str]) -> str:
        counts = Counter(codes).most_common()
        return ", ".join(f"{read.label(kind, code) if kind else code} ({n})" for code, n in counts)

    facts = (
        (_("Kind"), counted("report_kind", (case.kind for case in cases))),
        (_("Platforms"), counted("", (case.platform for case in cases if case.platform))),
        (_("Priority"), counted("level", (case.level for case in cases))),
        (_("States"), counted("case_state", (case.state for case in cases))),
    )
    return fact_lines(facts, read.lang)


def _reports(read: _Dossier) -> tuple[Part, ...]:
    """Return the table of the reports, by priority level, then score, then the newest first."""
    ranked = sorted(
        read.cases.values(),
        key=lambda case: (_LEVELS.index(case.level), -case.score, -case.received_at.timestamp()),
    )
    rows = [
        (
            read.references.get(case.report_id, ""),
            spoken_instant(case.received_at, read.lang),
            read.gists[case.report_id].occurred if case.report_id in read.gists else "–",
            " · ".join(filter(None, (read.label("report_kind", case.kind), case.platform))),
            f"{case.score} · {read.label('level', case.level)}",
            read.label("case_state", case.state),
        )
        for case in ranked[:MOST_ROWS]
    ]
    header = (_("Report"), _("Received"), _("Facts"), _("Kind"), _("Priority"), _("State"))
    return table(_("Reports"), header, rows, count=len(ranked))


def _shared(read: _Dossier) -> tuple[Part, ...]:
    """Return the table of the values behind the links; values that link the most reports come first."""
    held: dict[tuple[str, str], set[UUID]] = defaultdict(set)
    for edge in read.view.edges:
        for shared in values_of(edge.reasons):
            held[shared] |= {edge.report_id, edge.other_id}
    ranked = sorted(held.items(), key=lambda item: (-len(item[1]), item[0]))
    rows = [
        (read.label("selector_kind", kind), identifier(kind, value), str(len(reports)))
        for (kind, value), reports in ranked
    ]
    return table(_("Shared values"), (_("Kind"), _("Value"), _("Reports")), rows)


def _links(read: _Dossier) -> tuple[Part, ...]:
    rows = [
        (
            read.references.get(edge.report_id, ""),
            read.references.get(edge.other_id, ""),
            percent(edge.score),
        )
        for edge in read.view.edges[:MOST_ROWS]
    ]
    header = (_("Report"), _("Earlier report"), _("Strength"))
    return table(_("Links"), header, rows, count=read.view.links)


def _places(read: _Dossier) -> tuple[Part, ...]:
    records: Mapping[UUID, HarmonisedReport] = {i: one.places for i, one in read.gists.items()}
    rows = [
        (
            place.name,
            str(place.count),
            ", ".join(name for _id, name, _roles in place.reports[:10] if name),
        )
        for place in named_places(records, read.references)
    ]
    return table(_("Places"), (_("Place"), _("Reports"), _("The first ten")), rows)


def _judgements(read: _Dossier) -> tuple[Part, ...]:
    found = read.view.judgements
    names = person_names(person_ids={one.author_id for one in found})
    rows = [
        (
            spoken_instant(one.made_at, read.lang),
            read.label("judgement_act", one.act) + (f" ({_('undone')})" if one.undone else ""),
            names.get(one.author_id, ""),
            one.reason or "–",
        )
        for one in found
    ]
    return table(_("Judgements"), (_("When"), _("Judgement"), _("By"), _("Reason")), rows)
