"""Documents of official acts of any kind (PDF, text, exact bytes, print view), and proofs of their steps.

Every reader of an act may download its document; the ledger records each download before it is served. A
document that may not be sent (a draft, an act whose decision is no longer in force) is marked as a draft on
every page and names no approval.
"""

from functools import partial
from http import HTTPStatus
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import content_disposition_header
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fanal import reference
from fanal.accounts.domain.policy import Resource
from fanal.accounts.routes import needs
from fanal.casework import queries
from fanal.casework.domain.documents import DocumentWords, PrintedDocument
from fanal.casework.domain.proofs import UNKNOWN_TYPE
from fanal.casework.domain.records import ActApproval, ActFile, ApprovalVerdict
from fanal.casework.operations.acts import record_export
from fanal.casework.operations.proofs import ProofUnknown, open_proof
from fanal.kernel.calendar import paris_day
from fanal.reference.words import spoken_moment
from fanal.vault.domain.envelope import EnvelopeRefused
from fanal.vault.keyring import KeyMissing
from fanal.vault.packs import BlobDamaged, BlobMissing
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk.acts.pages import ActPages, may_leave, refused, view_of
from fanal.web.documents import FILES, PRINT, answer, said
from fanal.web.reading import consult


def routes_of(pages: ActPages, *, place: str) -> list[URLPattern]:
    """Return the routes of a kind of act's documents and proofs, under the path `place` of the act's page.

    `pages` is the configuration of the kind. The names of the routes are `<route>-pdf`, `-text`, `-machine`,
    `-print` and `-proof`.
    """

    @never_cache
    @require_GET
    @needs(pages.lifecycle.reads)
    def proof(request: HttpRequest, proof_id: UUID, **named: UUID) -> HttpResponse:
        (act_id,) = named.values()
        return _download(pages, request, act_id, proof_id)

    views = {name: partial(take, pages, name) for name in (*FILES, PRINT)}
    named = pages.route.partition(":")[2]
    address = f"{place}/<uuid:{pages.lifecycle.kind}_id>"
    return [
        path(f"{address}/proof/<uuid:proof_id>/", proof, name=f"{named}-proof"),
        *(
            path(
                f"{address}/{name}/",
                never_cache(require_GET(view_of(pages.lifecycle.reads, view))),
                name=f"{named}-{name}",
            )
            for name, view in views.items()
        ),
    ]


def take(pages: ActPages, format_: str, request: HttpRequest, act_id: UUID) -> HttpResponse:
    """Serve the document of an official act as a file or a page to print; record it in the ledger.

    `format_`: `pdf`, `text`, `machine` or `print`. It is in the page's language. `pages`: the configuration
    of the act's kind (measure, referral, …).

    Raises:
        Http404: no such act, or its document has expired.
        Refused: the person may not read it.
    """
    return answer(
        request,
        _taken(pages, request, act_id, format_),
        format_=format_,
        name=f"fanal-{pages.lifecycle.kind}-{act_id}",
        back=reverse(pages.route, args=[act_id]),
    )


def _taken(pages: ActPages, request: HttpRequest, act_id: UUID, format_: str) -> PrintedDocument:
    """Return the document of an official act, after recording in the ledger that it was read and exported.

    `format_` is the format of the export. `pages`: the configuration of the act's kind.

    Raises:
        Http404: no such act, or its document has expired.
        Refused: the person may not read it.
    """
    actor, lifecycle = actor_of(request), pages.lifecycle
    found = queries.get_act(actor=actor, lifecycle=lifecycle, act_id=act_id)
    if found is None or found.content is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.act.desk_id))
    consult(request, lifecycle.kind, [act_id], reports=found.act.report_ids)
    document = document_of(
        pages,
        found,
        lang=get_language() or "fr",
        is_ready=may_leave(lifecycle, found, actor=actor),
    )
    record_export(
        actor=actor,
        lifecycle=lifecycle,
        act_id=act_id,
        format_=format_.upper(),
        now=now_of(request),
    )
    return document


def document_of(pages: ActPages, file: ActFile, *, lang: str, is_ready: bool) -> PrintedDocument:
    """Return the document of an official act in `lang`; `is_ready`: it was sent, or may be.

    `pages`: the configuration of the act's kind; `file`: the act with its content and approvals. An act that
    is not ready is marked as a draft and names no approval.

    Raises:
        ValueError: the act's document has expired.
    """
    if file.content is None:
        raise ValueError("the words of this act have expired")
    act, kind, text = file.act, pages.lifecycle.kind, partial(said, lang)
    state = reference.label(f"{kind}_state", act.state, lang)
    approval = _approval(file) if is_ready else None
    facts = [
        (text("REFERENCE"), text("REVISION", id=_named(file), n=str(act.revision))),
        (text("STATE"), state),
        (text("DATE"), spoken_moment(paris_day(act.created_at), lang)),
        (text("DIGEST"), file.digest.hex()),
    ]
    if approval is not None:
        facts.append((text("APPROVAL"), text("APPROVED", at=approval.approved_at)))
    return PrintedDocument(
        lang=lang,
        title=text(kind),
        reference=file.number or str(act.id),
        state=state,
        mark="" if is_ready else text("DRAFT"),
        digest=file.digest.hex(),
        facts=tuple(facts),
        parts=pages.parts(file, lang),
        at=act.created_at,
        machine=file.content,
        attachment=f"fanal-{kind}-{act.id}.json",
        words=DocumentWords(unset=text("UNSET"), attachment=text("ATTACHMENT")),
    )


def _named(file: ActFile) -> str:
    """Return the number and the id of an official act, as its document gives them."""
    return f"{file.number} ({file.act.id})" if file.number else str(file.act.id)


def _approval(file: ActFile) -> ActApproval | None:
    """Return the approval of exactly the present bytes of an official act; None if they are not approved.

    `file`: the act with its content and approvals.
    """
    return next(
        (
            one
            for one in file.approvals
            if one.verdict is ApprovalVerdict.APPROVED
            and (one.revision, one.digest) == (file.act.revision, file.digest)
        ),
        None,
    )


def _download(pages: ActPages, request: HttpRequest, act_id: UUID, proof_id: UUID) -> HttpResponse:
    """Send the verified bytes of a step's proof (a file), as an attachment that no browser displays.

    `proof_id` is the id of the file in the vault, `pages` the configuration of the act's kind. If the file is
    unknown, expired, damaged or cannot be decrypted, show the act's page with a message.

    Raises:
        Http404: no such act.
        Refused: the person may not read it.
    """
    actor, lifecycle = actor_of(request), pages.lifecycle
    found = queries.get_act(actor=actor, lifecycle=lifecycle, act_id=act_id)
    if found is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.act.desk_id))
    try:
        step, content = open_proof(
            actor=actor, lifecycle=lifecycle, act_id=act_id, object_id=proof_id, now=now_of(request)
        )
    except ProofUnknown:
        told = _("This act has no such file, or the file has expired.")
        return refused(pages, request, act_id, told, status=HTTPStatus.GONE)
    except (EnvelopeRefused, BlobDamaged, BlobMissing):
        told = _("The sealed file is not the one recorded with the step. Tell the operator.")
        return refused(pages, request, act_id, told)
    except KeyMissing:
        told = _("This machine holds no key that opens the file.")
        return refused(pages, request, act_id, told)
    answer = HttpResponse(content, content_type=UNKNOWN_TYPE)
    name = step.file.name if step.file else ""
    answer["Content-Disposition"] = content_disposition_header(True, name)
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
