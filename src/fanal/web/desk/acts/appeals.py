"""Pages on appeals against measures (LCEN, article 6-1 II): registration, list, act, steps."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.policy import may
from fanal.accounts.routes import needs
from fanal.casework.domain.documents import Part
from fanal.casework.domain.records import Act, ActFile, Event
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import PARIS, paris_day
from fanal.measures.appeal import acts as operations, views
from fanal.measures.appeal.document import read_appeal
from fanal.measures.appeal.kind import APPEAL, FILERS, REASONED, RULINGS, Filer
from fanal.measures.appeal.rules import Term
from fanal.reference import MeasureClock
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.acts import lasting, pages as acts
from fanal.web.forms import Parsed, PostedForm, lines, text

_RIGHTS = {"OFFICER": "appeal.record", "SUPERVISOR": "appeal.record"}
"""The policy action of those who are asked for the next step (label kind `appeal_asked`)."""
CONTESTED = {
    "measure": "desk:measure",
    "blocking": "desk:blocking",
    "dereferencing": "desk:dereferencing",
}
"""The page of a contested measure, by its kind of act."""


class TermLine(Struct, frozen=True, kw_only=True):
    """A legal term on the page of an appeal: the term, its name, its article, and the titles of its sources.

    `late`: it ended before what it bounds happened.
    """

    term: Term
    name: str
    article: str
    sources: tuple[str, ...]
    late: bool


def against(request: HttpRequest, act: Act) -> dict[str, object]:
    """Return the template context of the appeals against a measure, and of the form that registers one.

    Keys: `appeals`, `may_appeal` (the reader may register one: somebody was notified of the measure),
    `filers` (codes of those who may file).
    """
    actor = actor_of(request)
    found = views.appeals_against(
        actor=actor, report_id=act.subject_id, contested_ids={act.id}, now=now_of(request)
    )
    return {
        "appeals": found if may(actor, APPEAL.reads) else (),
        "may_appeal": act.sent_at is not None and may(actor, APPEAL.proposes),
        "filers": FILERS,
    }


def _beside(request: HttpRequest, file: ActFile) -> tuple[dict[str, object], list[UUID]]:
    """Return the additional template context of an appeal's page, and the ids of its reports."""
    actor, now = actor_of(request), now_of(request)
    view = views.view_of(actor=actor, act=file.act, now=now)
    found = None if file.content is None else read_appeal(file.content)
    allowed = APPEAL.allowed(file.act.state)
    context: dict[str, object] = {
        "view": view,
        "appeal": found.appeal if found else None,
        "contested": CONTESTED.get(found.appeal.contested_kind, "") if found else "",
        "terms": _terms(view, now),
        "rules": bool(RULINGS.intersection(allowed)),
        "reasons": bool(REASONED.intersection(allowed)),
        "may_read": may(actor, "report.read"),
        **lasting.letters(file, found.text if found else None),
    }
    return context, list(file.act.report_ids)


def _terms(view: views.AppealView, now: datetime) -> list[TermLine]:
    catalogue, lang = reference.load(), "en" if get_language() == "en" else "fr"
    found = []
    for term in view.terms:
        clock = catalogue.by_code(MeasureClock, term.code, paris_day(term.started_at))
        if clock is not None:
            found.append(
                TermLine(
                    term=term,
                    name=clock.label.of(lang),
                    article=clock.value.article,
                    sources=tuple(one.title for one in clock.source),
                    late=term.late(now),
                )
            )
    return found


def _in_paris(typed: str) -> datetime:
    at = datetime.fromisoformat(typed.strip())
    return at if at.tzinfo else at.replace(tzinfo=PARIS)


class _FilingForm(acts.EventForm):
    """Form of a filing: its time and proof."""


class _AppealForm(PostedForm):
    """Form of an appeal: who files it, before which court, since when the measure was known."""

    refuses = "appeal"

    filer = Parsed(Filer, "NO_FILER")
    filer_name = text()
    court = text()
    case_number = text()
    claims = lines()
    known_at = Parsed(_in_paris, "KNOWN_WRONG", posted="known", required=False)


def _record(actor: Actor, act_id: UUID, transition: str, event: Event, now: datetime) -> object:
    return operations.record_appeal(
        actor=actor, act_id=act_id, transition=transition, event=event, now=now
    )


_KIND = lasting.Lasting(
    lifecycle=APPEAL,
    listing=views.list_appeals,
    board="desk/appeals.html",
    rights=_RIGHTS,
    reasoned=REASONED,
    record=_record,
)


def _parts(file: ActFile, lang: str) -> tuple[Part, ...]:
    return lasting.parts(read_appeal(file.content or b"").text, lang)


PAGES = acts.ActPages(
    lifecycle=APPEAL,
    route="desk:appeal",
    template="desk/appeal.html",
    beside=_beside,
    parts=_parts,
    take=partial(lasting.take, _KIND),
)


def _register(pages: acts.ActPages, request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Register an appeal from the page of the measure `act_id`; a refusal is shown there."""

    def register() -> None:
        event = Event(**_FilingForm(request, kind=APPEAL.kind).checked().cleaned_data)
        operations.open_appeal(
            actor=actor_of(request),
            contested=pages.lifecycle,
            contested_id=act_id,
            event=event,
            now=now_of(request),
            **_AppealForm(request).checked().cleaned_data,
        )

    return acts.record(pages, request, act_id, register)


@never_cache
@require_GET
@needs("appeal.read")
def board(request: HttpRequest) -> HttpResponse:
    """Show the register of appeals in three groups: awaiting a step of the reader, otherwise open, closed."""
    return render(request, _KIND.board, lasting.board(_KIND, request))


def routes(contested: dict[str, acts.ActPages]) -> list[URLPattern]:
    """Return the URL routes that only appeals have; `acts.pages.routes_of` gives the common ones.

    `contested` are the pages of the measures that may be contested, by the path of their kind.
    """
    return [
        path("appeals/", board, name="appeals"),
        *(
            path(
                f"{place}/<uuid:{pages.lifecycle.kind}_id>/appeal/",
                require_POST(acts.view_of(APPEAL.proposes, _registering(pages))),
                name=f"{pages.lifecycle.kind}-appeal",
            )
            for place, pages in contested.items()
        ),
    ]


def _registering(pages: acts.ActPages) -> Callable[[HttpRequest, UUID], HttpResponse]:
    return partial(_register, pages)
