"""Notices to providers: the list, and one with its letter, its signatures and its steps."""

from email.message import EmailMessage
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language, gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fanal import reference
from fanal.accounts.domain.policy import Resource, may
from fanal.accounts.routes import needs
from fanal.casework import operations as casework, queries
from fanal.casework.domain.records import Act, ActFile
from fanal.kernel.actors import Actor
from fanal.measures.domain.records import Addressee
from fanal.measures.notice.acts import amend_notice, due_at
from fanal.measures.notice.document import NoticeDocument, read_notice
from fanal.measures.notice.kind import NOTICE, NoticeState
from fanal.measures.notice.rules import is_mail
from fanal.orient import queries as oriented
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.guarded import require_declared
from fanal.web.components import words
from fanal.web.desk import acts
from fanal.web.desk.act_lists import ActList, Line
from fanal.web.reading import consult


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
    if not _may_leave(found, actor=actor):
        code = "GROUND_GONE" if found.act.state == NoticeState.APPROVED else "NOT_APPROVED"
        said = reference.label("notice_refusal", code, get_language() or "fr")
        return acts.refused(PAGES, request, notice_id, said)
    consult(request, "notice", [notice_id], reports=found.act.report_ids)
    message = _message(read_notice(found.content), found.content)
    casework.record_export(
        actor=actor, lifecycle=NOTICE, act_id=notice_id, format_="EML", now=now_of(request)
    )
    answer = HttpResponse(message.as_bytes(), content_type="message/rfc822")
    answer["Content-Disposition"] = f'attachment; filename="fanal-notice-{notice_id}.eml"'
    return answer


def _may_leave(file: ActFile, *, actor: Actor) -> bool:
    """Return whether a notice may be downloaded: it was sent, or it may be sent now."""
    act = file.act
    if act.state != NoticeState.APPROVED or act.decision_id is None:
        return act.sent_at is not None
    return oriented.decision_stands(
        actor=actor, report_id=act.subject_id, decision_id=act.decision_id
    )


def _message(document: NoticeDocument, content: bytes) -> EmailMessage:
    """Return the message: both texts, and the exact bytes that were approved."""
    message = EmailMessage()
    message["From"] = document.issuer.contact
    if is_mail(document.notice.addressee.contact):  # else a form takes the letter
        message["To"] = document.notice.addressee.contact
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
        "may_download": may(actor, "notice.record") and _may_leave(file, actor=actor),
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


def _line(act: Act, content: bytes | None) -> Line:
    notice = None if content is None else read_notice(content).notice
    return Line(
        name=words.defang(notice.host) if notice else _("expired"),
        bases=notice.offence if notice else "",
        due_at=due_at(act),
    )


LIST = ActList(
    lifecycle=NOTICE,
    route="desk:notices",
    page="desk:notice",
    line=_line,
    heading=gettext_lazy("Notices to providers"),
    first=gettext_lazy("Host"),
    empty=gettext_lazy("No notice is open."),
    icon="mail",
    lead=gettext_lazy(
        "For content that no removal request reaches: the provider decides, and answers (DSA, articles"
        " 16 and 22)."
    ),
)
PAGES = acts.ActPages(
    lifecycle=NOTICE,
    route="desk:notice",
    template="desk/notice.html",
    beside=_beside,
    amend=_amend,
)
