"""The document of an oversight session: how the sample was drawn, what was read, what was recommended."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from fanal import reference
from fanal.accounts.routes import needs
from fanal.casework.domain.documents import Part
from fanal.kernel.actors import Actor
from fanal.ledger.domain.records import ObjectRef
from fanal.measures import queries
from fanal.measures.domain.oversight import Happening, Recommendation, Session
from fanal.web.account.actors import actor_of
from fanal.web.components.words import defang
from fanal.web.documents import TakenDocument, fact_lines, spoken_instant, table, take_out
from fanal.web.oversight.sessions import SampledMeasure, sampled
from fanal.web.reading import consult


@never_cache
@require_POST
@needs("measure.recommend")
def document(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Serve the record of the person's oversight session in the form's `format`.

    Raises:
        Http404: the person has no such session, or there is no such format.
    """
    session = queries.get_session(actor=actor_of(request), session_id=session_id)
    if session is None:
        raise Http404
    return take_out(
        request,
        lambda actor: _document(request, session, actor=actor),
        right="measure.recommend",
        action="oversight.export",
        motive="OVERSIGHT",
    )


def _document(request: HttpRequest, session: Session, *, actor: Actor) -> TakenDocument:
    consult(request, "measure", session.sample, action="measure.list")
    lang = get_language() or "fr"
    rows = sampled(session, actor=actor)
    made = _recommendations(session, actor=actor)
    return TakenDocument(
        kind="session",
        id=session.id,
        title=_("Oversight session"),
        reference=str(session.id),
        state=_("Session ended") if session.ended_at else _("Session in progress"),
        facts=(
            (_("Begun"), spoken_instant(session.started_at, lang)),
            (_("End"), spoken_instant(session.ended_at, lang)),
        ),
        parts=(
            Part(heading=_("Summary"), lines=_summary(session, rows, lang)),
            Part(heading=_("How the sample was drawn"), lines=(_method(session),)),
            *_sample(rows, lang),
            *(_recommendation(one, rows, lang) for one in made),
            *_record(session, rows, lang),
        ),
        name=f"fanal-session-{session.id}",
        back=reverse("oversight:session", args=[session.id]),
        also=tuple(ObjectRef(kind="measure", id=measure_id) for measure_id in session.sample),
        data={"sample": session.sample, "population": session.population},
    )


def _recommendations(session: Session, *, actor: Actor) -> list[Recommendation]:
    """Return the recommendations that the overseer made on the sample since the session began."""
    return [
        one
        for measure_id in session.measures(Happening.RECOMMENDED)
        for one in queries.recommendations_of(actor=actor, measure_id=measure_id)
        if one.overseer_id == session.overseer_id
        and one.made_at >= session.started_at
        and (session.ended_at is None or one.made_at <= session.ended_at)
    ]


def _summary(session: Session, rows: list[SampledMeasure], lang: str) -> tuple[str, ...]:
    facts = (
        (_("Measures read"), f"{len(session.measures(Happening.SEEN))}/{len(session.sample)}"),
        (_("No remark"), str(len(session.measures(Happening.AGREED)))),
        (_("Recommendations"), str(len(session.measures(Happening.RECOMMENDED)))),
        (
            _("Exposure: addresses in what you read"),
            str(sum(row.addresses for row in rows if row.seen)),
        ),
    )
    return fact_lines(facts, lang)


def _method(session: Session) -> str:
    said = _(
        "Measures drawn: %(n)s, out of all that had been sent when the session began (%(population)s), each"
        " with the same chance. They are the first in the order of SHA-256 of the session’s number followed"
        " by the measure’s number: whoever has both can draw the same sample again. The desk cannot foresee"
        " it, since the session’s number is random."
    )
    return said % {"n": len(session.sample), "population": session.population}


def _sample(rows: list[SampledMeasure], lang: str) -> tuple[Part, ...]:
    return table(
        _("Sample"),
        (
            "N°",
            _("Measure"),
            _("State"),
            _("Ground"),
            _("Addresses"),
            _("Sent"),
            _("In this session"),
        ),
        [
            (
                str(row.number),
                defang(row.measure.request.host),
                reference.label("measure_state", row.measure.state, lang),
                row.measure.request.offence + (f" ({_('Despite warnings')})" if row.warned else ""),
                str(row.addresses),
                spoken_instant(row.measure.sent_at, lang),
                _verdict(row, lang),
            )
            for row in rows
        ],
    )


def _verdict(row: SampledMeasure, lang: str) -> str:
    code = next(
        (
            what
            for what, holds in (
                (Happening.RECOMMENDED, row.told),
                (Happening.AGREED, row.agreed),
                (Happening.SEEN, row.seen),
            )
            if holds
        ),
        None,
    )
    return reference.label("session_event", code, lang) if code else "–"


def _recommendation(one: Recommendation, rows: list[SampledMeasure], lang: str) -> Part:
    number = _number(one.measure_id, rows)
    answered = one.answer
    said = (
        f"{reference.label('answer_verdict', answered.verdict, lang)}, {spoken_instant(answered.at, lang)}"
        if answered
        else f"{_('Answer due')} {spoken_instant(one.due_at, lang)}"
    )
    return Part(
        heading=_("Recommendation on measure %(n)s") % {"n": number},
        lines=(
            f"{reference.label('recommendation_kind', one.kind, lang)}, {spoken_instant(one.made_at, lang)}",
            *one.words.splitlines(),
            said,
            *(answered.words.splitlines() if answered else ()),
        ),
    )


def _number(measure_id: UUID, rows: list[SampledMeasure]) -> str:
    return next((str(row.number) for row in rows if row.measure.id == measure_id), str(measure_id))


def _record(session: Session, rows: list[SampledMeasure], lang: str) -> tuple[Part, ...]:
    return table(
        _("Record of the session"),
        (_("When"), _("Event"), _("Measure")),
        [
            (
                spoken_instant(event.at, lang),
                reference.label("session_event", event.what, lang),
                _number(event.measure_id, rows) if event.measure_id else "–",
            )
            for event in session.events
        ],
    )
