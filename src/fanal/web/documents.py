"""Documents that leave the browser: a tagged PDF, a text, or a page to print and copy.

`answer` serves any document. `take_out` is for the pages whose content is personal data (report, dossier,
oversight session): it checks the right, records the export in the ledger, and marks every page as
confidential. No such document holds a picture or the sealed identity of a reporter; the texts of a report are
printed as they were written.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from uuid import UUID

import msgspec
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext as _
from msgspec import Struct

from fanal import reference
from fanal.accounts.domain.policy import NOTHING, Reason, Refused, Resource, require
from fanal.accounts.queries.people import person_names
from fanal.casework.domain.documents import DocumentWords, Part, PrintedDocument, pdf_of
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import PARIS, paris_day
from fanal.kernel.texts import written_out
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.reference.words import Value, spoken_moment
from fanal.web.account.actors import actor_of, now_of, plain_motive
from fanal.web.failures import page_of
from fanal.web.forms import Parsed, PostedForm

PRINT = "print"
MOST_ROWS = 200
"""Rows of a table that a document prints: a tagged PDF costs 1.5 ms and 0.2 MB of memory a row."""
FILES: Mapping[str, tuple[str, str, Callable[[PrintedDocument], bytes]]] = {
    "pdf": ("-{lang}.pdf", "application/pdf", pdf_of),
    "text": (
        "-{lang}.txt",
        "text/plain; charset=utf-8",
        lambda one: written_out(one.text).encode(),
    ),
    "machine": (".json", "application/json", lambda one: one.machine),
}
"""End of the file's name, media type and bytes of a document, by the name of its format."""
_OFFERED = ("pdf", PRINT, "text")
"""Formats of the documents of reports, dossiers and sessions; their data are attached to the PDF."""


class TakenDocument(Struct, frozen=True, kw_only=True):
    """The content of a document to export from a page, and what the ledger records about the export.

    `kind` and `id` are those of the object, `also` further objects in the document. `reference` is its
    displayed number, `state` its state in words. `facts` are (name, value) pairs at the top, `parts` the
    sections. `name` is the file's name without language and ending, `back` the URL of its page.
    """

    kind: str
    id: UUID
    title: str
    reference: str
    state: str
    facts: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    name: str
    back: str
    also: tuple[ObjectRef, ...] = ()
    data: Mapping[str, object] = {}
    """Data for programs that the printed tables leave out, added to the attached JSON."""


class _DocumentForm(PostedForm):
    """Form of a document to export: its `format`, and the purpose (`motive`) of the export."""

    chosen = Parsed({name: name for name in _OFFERED}.get, posted="format")
    purpose = Parsed(plain_motive, posted="motive", otherwise="")


def answer(
    request: HttpRequest, document: PrintedDocument, *, format_: str, name: str, back: str
) -> HttpResponse:
    """Return a document as a file, or as a page to print and copy; the caller has recorded the export.

    `format_` is a key of `FILES` or `print`; `name` the file's name without its ending, `back` the address of
    the page to return to.
    """
    if format_ == PRINT:
        context = {"document": document, "text": written_out(document.text), "back": back}
        return render(request, "components/document_print.html", context)
    end, media, write = FILES[format_]
    served = HttpResponse(write(document), content_type=media)
    file = f"{name}{end.format(lang=document.lang)}"
    served["Content-Disposition"] = f'attachment; filename="{file}"'
    return served


def take_out(
    request: HttpRequest,
    make: Callable[[Actor], TakenDocument],
    *,
    right: str,
    action: str,
    desks: Iterable[int] = (),
    motive: str = "",
) -> HttpResponse:
    """Answer the form of a document: check the right, make the document, record its export, serve it.

    `make` reads the content for an actor with the stated purpose, and records that reading. `right` is the
    policy's action, required at each of `desks`, `action` the ledger's. `motive`: the purpose recorded where
    the form asks none. A missing purpose gives a page that says so (status 422).

    Raises:
        Http404: the form names no format.
        Refused: the person lacks the right.
    """
    form = _DocumentForm(request)
    if not form.is_valid():
        raise Http404
    asked = form.cleaned_data
    actor = actor_of(request)
    actor = replace(actor, motive=asked["purpose"] or (motive and (actor.motive or motive)))
    try:
        for resource in [Resource(desk_id=desk_id) for desk_id in desks] or [NOTHING]:
            require(actor, right, resource)
    except Refused as refused:
        if refused.reason_code is not Reason.MOTIVE_MISSING:
            raise
        said = _("State the purpose for which you take this document out.")
        return page_of(
            request, "refused.html", status=HTTPStatus.UNPROCESSABLE_ENTITY, refused=said
        )
    taken = make(actor)
    document = _confidential(taken, actor=actor, now=now_of(request))
    digest = ledger.keyed_digest(kind=taken.kind, object_id=taken.id, content=document.machine)
    ledger.record(
        actor=actor,
        action=action,
        at=now_of(request),
        objects=[ObjectRef(kind=taken.kind, id=taken.id, digest=digest), *taken.also],
        detail={"format": asked["chosen"].upper()},
    )
    return answer(request, document, format_=asked["chosen"], name=taken.name, back=taken.back)


def said(lang: str, code: str, **parameters: Value) -> str:
    """Return a fixed text of documents, such as the name of a fact (label kind `act_document`)."""
    return reference.load().words.render(code, parameters, lang, kind="act_document")


def spoken_instant(at: datetime | None, lang: str, *, day_only: bool = False) -> str:
    """Return a time in full, in Europe/Paris; its day alone if `day_only`; a dash for None."""
    if at is None:
        return "–"
    return spoken_moment(paris_day(at) if day_only else at.astimezone(PARIS), lang)


def fact_lines(facts: Iterable[tuple[str, str]], lang: str) -> tuple[str, ...]:
    """Return facts (name, value) as lines `name: value`; those without a value are left out."""
    colon = "\N{NO-BREAK SPACE}: " if lang == "fr" else ": "
    return tuple(f"{name}{colon}{value}" for name, value in facts if value)


def table(
    heading: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, count: int | None = None
) -> tuple[Part, ...]:
    """Return a part with a table, as the only item of a tuple; empty if it has no row.

    `heading` is its title, `header` names the columns. `MOST_ROWS` rows at most are printed; a line says so.
    `count` is the number of all rows, if `rows` holds the first ones alone.
    """
    if not rows:
        return ()
    whole, shown = count or len(rows), tuple(map(tuple, rows[:MOST_ROWS]))
    lines = (_left(len(shown), whole),) if whole > len(shown) else ()
    return (Part(heading=heading, lines=lines, header=tuple(header), rows=shown),)


def first_lines(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the first `MOST_ROWS` lines; if some are left out, a further line states their number."""
    if len(lines) <= MOST_ROWS:
        return tuple(lines)
    return (*lines[:MOST_ROWS], _left(MOST_ROWS, len(lines)))


def _left(shown: int, whole: int) -> str:
    return _("Lines printed (the first): %(n)s of %(all)s.") % {"n": shown, "all": whole}


def _confidential(taken: TakenDocument, *, actor: Actor, now: datetime) -> PrintedDocument:
    lang = get_language() or "fr"
    maker = person_names(person_ids=[actor.person_id]).get(actor.person_id, "")
    made = (
        (said(lang, "REFERENCE"), taken.reference),
        (said(lang, "STATE"), taken.state),
        (said(lang, "MADE"), said(lang, "MADE_BY", at=now.astimezone(PARIS), name=maker)),
    )
    facts = (*made, *taken.facts)
    machine = msgspec.json.format(
        msgspec.json.encode(
            {
                "format": f"fanal-{taken.kind}-document/1",
                "id": taken.id,
                "made_at": now,
                "made_by": actor.person_id,
                "language": lang,
                "title": taken.title,
                "facts": facts,
                "parts": taken.parts,
                **taken.data,
            }
        )
    )
    digest = hashlib.sha256(machine).hexdigest()
    return PrintedDocument(
        lang=lang,
        title=taken.title,
        reference=taken.reference,
        state=taken.state,
        mark=said(lang, "CONFIDENTIAL"),
        digest=digest,
        facts=(*facts, (said(lang, "DIGEST"), digest)),
        parts=taken.parts,
        at=now,
        machine=machine,
        attachment=f"{taken.name}.json",
        words=DocumentWords(unset=said(lang, "UNSET"), attachment=said(lang, "ATTACHED_DATA")),
    )
