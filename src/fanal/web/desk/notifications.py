"""Page of a person's notifications about their work: shown by group, marked as seen, or sent by mail too."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.crosscheck.dossiers import queries as dossiers
from fanal.intake.queries.envelopes import numbers_of
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import identifier
from fanal.orient.notifications.domain import MailChoice, NotificationGroup
from fanal.orient.notifications.operations import choose_mail, see_notifications
from fanal.orient.notifications.queries import MOST, list_notifications, mail_choice
from fanal.web.account.actors import actor_of, now_of
from fanal.web.failures import reason_of


@never_cache
@require_GET
@needs("report.list")
def listing(request: HttpRequest) -> HttpResponse:
    """Show the person's notifications by group, unseen ones first, and the choice of mails."""
    actor = actor_of(request)
    found = list_notifications(actor=actor)
    names = person_names(person_ids={one.by_id for one in found if one.by_id})
    groups = [
        (
            group,
            [
                (one, names.get(one.by_id, "") if one.by_id else "")
                for one in found
                if one.group is group
            ],
        )
        for group in NotificationGroup
    ]
    context = {
        "groups": [(group, lines) for group, lines in groups if lines],
        "unseen": [one.id for one in found if one.seen_at is None],
        "numbers": numbers_of(report_ids={one.report_id for one in found}),
        "dossiers": dossiers.numbers_of(
            dossier_ids={one.dossier_id for one in found if one.dossier_id}
        ),
        "most": len(found) == MOST,
        "choices": list(MailChoice),
        "choice": mail_choice(actor=actor),
    }
    return render(request, "desk/notifications.html", context)


@require_POST
@needs("report.list")
def seen(request: HttpRequest) -> HttpResponse:
    """Mark notifications of the person as seen (form: `ids`, those that the page showed), then show them."""
    ids: list[UUID] = [
        one for text in request.POST.get("ids", "").split() if (one := identifier(text))
    ]
    see_notifications(actor=actor_of(request), ids=ids, now=now_of(request))
    return redirect("desk:notifications")


@require_POST
@needs("report.list")
def mail(request: HttpRequest) -> HttpResponse:
    """Store whether the person gets mails about new notifications (form: `choice`), then show the page."""
    try:
        choose_mail(actor=actor_of(request), choice=request.POST.get("choice", ""))
    except Refusal as refused:
        messages.warning(request, reason_of(refused))
    else:
        messages.success(request, _("Your choice is recorded."))
    return redirect("desk:notifications")
