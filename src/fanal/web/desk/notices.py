"""Notices to providers: the list, and one with its letter, its signatures and its steps."""

from collections.abc import Sequence
from email.message import EmailMessage
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fanal.accounts import queries as accounts
from fanal.accounts.domain.policy import Resource, may
from fanal.accounts.routes import needs
from fanal.casework import operations as casework, queries
from fanal.casework.domain.records import Act, ActFile
from fanal.measures.domain.records import Addressee
from fanal.measures.notice.acts import amend_notice, due_at
from fanal.measures.notice.document import NoticeDocument, read_notice
from fanal.measures.notice.kind import NOTICE, STATES, NoticeState
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.guarded import require_declared
from fanal.web.desk import acts
from fanal.web.reading import consult

_LISTED = 100
_READY = frozenset({NoticeState.APPROVED})
_OPEN = tuple(state for state in NoticeState if state not in STATES.final)


@never_cache
@require_GET
@needs("notice.read")
def listing(request: HttpRequest) -> HttpResponse:
    """Show the notices that are open, or all; the oldest first."""
    actor, everything = actor_of(request), request.GET.get("all") == "1"
    found = queries.list_acts(
        actor=actor, lifecycle=NOTICE, states=() if everything else _OPEN, limit=_LISTED
    )
    consult(request, "notice", [act.id for act in found], action="notice.list")
    context = {"rows": rows_of(found), "everything": everything, "full": len(found) == _LISTED}
    return render(request, "desk/notices.html", context)


def waiting(request: HttpRequest) -> list[dict[str, object]]:
    """Return the notices that wait for a second person, the oldest first, once that is written down."""
    found = queries.list_acts(
        actor=actor_of(request), lifecycle=NOTICE, states=[NoticeState.TO_APPROVE], limit=_LISTED
    )
    consult(request, "notice", [act.id for act in found], action="notice.list")
    return rows_of(found)


def rows_of(found: Sequence[Act]) -> list[dict[str, object]]:
    """Return notices as lists show them."""
    names = accounts.person_names(person_ids={act.author_id for act in found})
    said = {key: read_notice(text).notice for key, text in queries.contents_of(acts=found).items()}
    return [
        {
            "act": act,
            "notice": said.get(act.id),
            "due_at": due_at(act),
            "author": names.get(act.author_id, ""),
        }
        for act in found
    ]


@never_cache
@require_GET
@needs("notice.record")
def as_message(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """Send the notice as a message ready to be mailed, with the machine part; the download is journaled."""
    actor = actor_of(request)
    found = queries.get_act(actor=actor, lifecycle=NOTICE, act_id=notice_id)
    if found is None or found.content is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.act.desk_id))
    consult(request, "notice", [notice_id], reports=found.act.report_ids)
    casework.record_export(
        actor=actor, lifecycle=NOTICE, act_id=notice_id, format_="EML", now=now_of(request)
    )
    message = _message(read_notice(found.content), found.content)
    answer = HttpResponse(message.as_bytes(), content_type="message/rfc822")
    answer["Content-Disposition"] = f'attachment; filename="fanal-notice-{notice_id}.eml"'
    return answer


def _message(document: NoticeDocument, content: bytes) -> EmailMessage:
    """Return the message: both texts, and the exact bytes that were approved."""
    message = EmailMessage()
    message["From"], message["To"] = document.issuer.contact, document.notice.addressee.contact
    message["Subject"] = f"Notification DSA 16 / Notice {document.notice.number}"
    message["X-Unsent"] = "1"  # mail programs open it as a draft
    message.set_content(f"{document.text.fr}\n\n----\n\n{document.text.en}\n")
    message.add_attachment(content, maintype="application", subtype="json", filename="notice.json")
    return message


def _beside(request: HttpRequest, file: ActFile) -> tuple[dict[str, object], list[UUID]]:
    actor = actor_of(request)
    found = None if file.content is None else read_notice(file.content)
    texts = (found.text.fr, found.text.en) if found else ("", "")
    english = get_language() == "en"
    context: dict[str, object] = {
        "notice": found.notice if found else None,
        "letter_first": texts[english],
        "letter_other": texts[not english],
        "machine": (file.content or b"").decode(),
        "due_at": due_at(file.act),
        "may_download": may(actor, "notice.record")
        and file.act.state not in NOTICE.unsent - _READY,
        "may_read": may(actor, "report.read"),
    }
    return context, list(file.act.report_ids)


def _amend(request: HttpRequest, notice_id: UUID) -> None:
    post = request.POST
    amend_notice(
        actor=actor_of(request),
        notice_id=notice_id,
        addressee=Addressee(
            name=post.get("name", "").strip(), contact=post.get("contact", "").strip()
        ),
        targets=post.getlist("target"),
        reasons=post.get("reasons", "").replace("\r\n", "\n"),
        now=now_of(request),
    )


PAGES = acts.ActPages(
    lifecycle=NOTICE,
    route="desk:notice",
    template="desk/notice.html",
    beside=_beside,
    amend=_amend,
)
