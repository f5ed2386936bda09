"""Notices to providers (an official act; DSA, articles 16, 22): configuration of their list and pages."""

from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language, gettext as _, gettext_lazy

from fanal.accounts.domain.policy import may
from fanal.casework.domain.documents import Part, parts_of
from fanal.casework.domain.records import Act, ActFile, Addressee
from fanal.measures.notice.acts import NOTICES, amend_notice, due_at
from fanal.measures.notice.document import mail_of, read_notice
from fanal.measures.notice.kind import NOTICE
from fanal.web.account.actors import actor_of, now_of
from fanal.web.components import words
from fanal.web.desk.acts import addressees, pages as acts
from fanal.web.desk.acts.lists import ActLine, ActList
from fanal.web.forms import PostedForm, Several, lines


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
        "may_read": may(actor, "report.read"),
        **addressees.offered(
            request,
            addressee=found.notice.addressee if found else None,
            hosts=[found.notice.host] if found else [],
            kinds=addressees.HOSTING,
            page=reverse("desk:notice", args=[file.act.id]),
        ),
    }
    return context, list(file.act.report_ids)


class _NoticeForm(PostedForm):
    targets = Several(posted="target")
    reasons = lines()


def _amend(request: HttpRequest, notice_id: UUID) -> None:
    amend_notice(
        actor=actor_of(request),
        notice_id=notice_id,
        addressee=Addressee(**acts.AddresseeForm(request).checked().cleaned_data),
        now=now_of(request),
        **_NoticeForm(request).checked().cleaned_data,
    )


def _line(act: Act, content: bytes | None) -> ActLine:
    notice = None if content is None else read_notice(content).notice
    return ActLine(
        name=words.defang(notice.host) if notice else _("expired"),
        bases=notice.offence if notice else "",
    )


def _parts(file: ActFile, lang: str) -> tuple[Part, ...]:
    text = read_notice(file.content or b"").text
    return parts_of(text.en if lang == "en" else text.fr)


LIST = ActList(
    inbox=NOTICES,
    route="desk:notices",
    page="desk:notice",
    line=_line,
    heading=gettext_lazy("Notices to providers"),
    first=gettext_lazy("Host"),
    icon="mail",
    lead=gettext_lazy(
        "For content that cannot be the subject of a removal request: the provider decides, and answers"
        " (DSA, articles 16 and 22)."
    ),
)
PAGES = acts.ActPages(
    lifecycle=NOTICE,
    route="desk:notice",
    template="desk/notice.html",
    beside=_beside,
    amend=_amend,
    parts=_parts,
    mail=mail_of,
)
