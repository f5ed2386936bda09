"""Pages on versions of the text reader: model card, dry run on past reports, activation by two people."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal import trials
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.analyse.signals import queries
from fanal.analyse.signals.domain.model_card import MOST_LOST
from fanal.analyse.signals.operations.in_force import (
    unfit_in_force,
    unfit_versions,
    version_in_force,
    version_reading,
)
from fanal.analyse.signals.operations.readers import propose_version, withdraw_version
from fanal.analyse.signals.operations.unread import count_stuck
from fanal.analyse.signals.queries import StoredReader
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import SYSTEM_PERSON
from fanal.kernel.refusal import Refusal
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.rules.rulesets import spread
from fanal.web.failures import reason_of

_SHOWN = 50


@never_cache
@require_GET
@needs("rules.draft")
def readers(request: HttpRequest) -> HttpResponse:
    """Show the versions of the text reader (a trained model), newest first."""
    stored = queries.list_readers()
    unfit = unfit_versions(reader_ids=[each.id for each in stored])
    return render(
        request,
        "desk/readers.html",
        {
            "readers": [{**_signed(each), "unfit": unfit.get(each.id, "")} for each in stored],
            "current": version_in_force(),
            "unfit": unfit_in_force(),
            "stuck": count_stuck(),
        },
    )


@never_cache
@require_GET
@needs("rules.draft")
def show(request: HttpRequest, reader_id: UUID) -> HttpResponse:
    """Show a version of the text reader: model card, dry run with the largest score changes, actions.

    Raises:
        Http404: no such version.
    """
    stored, current = _stored(reader_id), version_reading()
    run = trials.trial_of(stored)
    unfit = unfit_versions(reader_ids=[stored.id]).get(stored.id, "")
    own = stored.proposer_id == actor_of(request).person_id
    stale = run is not None and run.current != current
    changes = run.changes if run else ()
    reached = get_reports(actor=actor_of(request), report_ids=[c.report_id for c in changes])
    moved = [(change, reached.get(change.report_id)) for change in changes]
    names = person_names(
        person_ids={share.person_id for share in stored.card.shares} if stored.card else set()
    )
    return render(
        request,
        "desk/reader.html",
        {
            "signed": _signed(stored),
            "current": current,
            "card": stored.card,
            "most_lost": MOST_LOST,
            "shares": [
                (share, names.get(share.person_id, ""))
                for share in (stored.card.shares if stored.card else ())
            ],
            "run": run,
            "tried": run.reports if run else 0,
            "spread": spread(run) if run and run.reports else [],
            "risers": [each for each in moved if each[0].after > each[0].before][:_SHOWN],
            "fallers": [each for each in moved if each[0].after < each[0].before][:_SHOWN],
            "running": stored.proposed_at is not None and stored.tried_at is None,
            "open": stored.state != "IN_FORCE" and stored.version != version_in_force(),
            "unfit": unfit,
            "own": own,
            "stale": stale,
            "activable": stored.state == "PROPOSED" and not (own or stale or unfit),
            "most_read": trials.MOST_READ,
        },
    )


@require_POST
@needs("rules.draft")
def propose(request: HttpRequest, reader_id: UUID) -> HttpResponse:
    """Propose a text reader (trained model), then show its page; the worker compares it on past reports.

    A refusal is shown as a message.

    Raises:
        Http404: no such version.
    """
    stored = _stored(reader_id)
    try:
        propose_version(actor=actor_of(request), reader_id=stored.id, now=now_of(request))
    except Refusal as refused:
        messages.error(request, reason_of(refused))
    else:
        messages.success(request, _("The dry run has begun; the queue does not change."))
    return redirect("desk:reader", reader_id)


@require_POST
@needs("rules.draft")
def withdraw(request: HttpRequest, reader_id: UUID) -> HttpResponse:
    """Withdraw the proposal of a text reader (trained model), then show its page; its dry run ends.

    A refusal is shown as a message. The dry run compares it with the version in force on past reports.

    Raises:
        Http404: no such version.
    """
    stored = _stored(reader_id)
    try:
        withdraw_version(actor=actor_of(request), reader_id=stored.id, now=now_of(request))
    except Refusal as refused:
        messages.error(request, reason_of(refused))
    else:
        messages.success(request, _("The proposal is withdrawn."))
    return redirect("desk:reader", reader_id)


@require_POST
@needs("rules.activate")
def activate(request: HttpRequest, reader_id: UUID) -> HttpResponse:
    """Put a proposed text reader (trained model) in force, then show its page; its proposer cannot.

    A refusal is shown as a message.

    Raises:
        Http404: no such version.
    """
    stored = _stored(reader_id)
    try:
        trials.activate_reader(actor=actor_of(request), reader_id=stored.id, now=now_of(request))
    except Refusal as refused:
        messages.error(request, reason_of(refused))
    else:
        messages.success(request, _("In force from now on. Waiting reports are being read again."))
    return redirect("desk:reader", reader_id)


def _stored(reader_id: UUID) -> StoredReader:
    found = queries.get_reader(reader_id=reader_id)
    if found is None:
        raise Http404
    return found


def _signed(stored: StoredReader) -> dict[str, object]:
    """Return the template context of a text reader (trained model), with the names of its signatories.

    Keys: `stored`, `author`, `proposer`, `approver` (names, "" if none).
    """
    people = {p for p in (stored.author_id, stored.proposer_id, stored.approver_id) if p}
    names = person_names(person_ids=people - {SYSTEM_PERSON})
    names[SYSTEM_PERSON] = _("the installation")
    return {
        "stored": stored,
        "author": names.get(stored.author_id, ""),
        "proposer": names.get(stored.proposer_id, "") if stored.proposer_id else "",
        "approver": names.get(stored.approver_id, "") if stored.approver_id else "",
    }
