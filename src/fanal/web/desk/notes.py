"""Notes of the desk on a report or a dossier: shown with their author, added, never changed."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fanal.accounts.domain.policy import may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.kernel.refusal import Refusal
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Note
from fanal.orient.operations.notes import NothingToNote, note_dossier, note_report
from fanal.web.account.actors import actor_of, now_of
from fanal.web.failures import reason_of
from fanal.web.reading import consult

Line = tuple[Note, str]


@require_POST
@needs("report.note")
def on_report(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Add the note in the form (`words`) to a report, then show the report.

    A refused note is shown again as typed (status 422).

    Raises:
        Http404: no such report for the person.
        Refused: the person may not write notes at the report's desk.
    """
    return _note(
        request,
        lambda words: note_report(
            actor=actor_of(request), report_id=report_id, words=words, now=now_of(request)
        ),
        back=("desk:report", report_id),
    )


@require_POST
@needs("dossier.note")
def on_dossier(request: HttpRequest, dossier_id: UUID) -> HttpResponse:
    """Add the note in the form (`words`) to a dossier, then show the dossier.

    A refused note is shown again as typed (status 422).

    Raises:
        Http404: no such dossier for the person.
        Refused: the person may not write notes at the dossier's desk.
    """
    return _note(
        request,
        lambda words: note_dossier(
            actor=actor_of(request), dossier_id=dossier_id, words=words, now=now_of(request)
        ),
        back=("desk:dossier", dossier_id),
    )


def shown(
    request: HttpRequest, report_ids: Sequence[UUID], *, dossier: bool = False
) -> dict[str, object]:
    """Return the template context of the notes on reports; with `dossier`, on the dossier of these reports.

    Keys: `notes` (note, name of its author), `may_note`. The reading is recorded in the ledger.
    """
    actor = actor_of(request)
    found = oriented.notes_of(actor=actor, report_ids=report_ids, dossier=dossier)
    return {
        "notes": lines_of(request, found),
        "may_note": may(actor, "dossier.note" if dossier else "report.note"),
    }


def lines_of(request: HttpRequest, found: Sequence[Note]) -> list[Line]:
    """Return (note, name of its author) for each note; record the reading in the ledger."""
    consult(request, "note", [note.id for note in found], action="note.read")
    names = person_names(person_ids={note.author_id for note in found})
    return [(note, names.get(note.author_id, "")) for note in found]


def refused_page(
    request: HttpRequest, refused: Refusal, *, action: str, back: tuple[str, UUID]
) -> HttpResponse:
    """Return the page that says why a note is not written, with its text (status 422).

    `action`: the address of its form; `back`: route and id of the page that it came from.
    """
    route, target = back
    context = {
        "refused": reason_of(refused),
        "words": request.POST.get("words", ""),
        "action": action,
        "back_route": route,
        "back_id": target,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return render(request, "desk/note_refused.html", context, status=status)


def _note(
    request: HttpRequest, write: Callable[[str], UUID], *, back: tuple[str, UUID]
) -> HttpResponse:
    route, target = back
    words = request.POST.get("words", "")
    try:
        write(words)
    except NothingToNote:
        raise Http404 from None
    except Refusal as refused:
        return refused_page(request, refused, action=request.path, back=back)
    messages.success(request, _("The note is written. It can no longer be changed."))
    return redirect(route, target)
