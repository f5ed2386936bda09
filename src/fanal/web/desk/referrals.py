"""Referrals: the list, and one with its text, its addressee and its steps."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fanal import reference
from fanal.accounts import queries as accounts
from fanal.accounts.routes import needs
from fanal.casework.domain.records import ActFile
from fanal.judicial import operations, queries
from fanal.judicial.domain.kinds import REFERRAL
from fanal.judicial.domain.states import REFERRAL_STATES, ReferralState
from fanal.kernel.calendar import paris_day
from fanal.reference import Body
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk import acts
from fanal.web.reading import consult

_LISTED = 100
_OPEN = tuple(s for s in ReferralState if s not in REFERRAL_STATES.final)


@never_cache
@require_GET
@needs("referral.read")
def referrals(request: HttpRequest) -> HttpResponse:
    """Show the referrals that are open, or all; the oldest first."""
    actor = actor_of(request)
    everything = request.GET.get("all") == "1"
    found = queries.list_referrals(actor=actor, states=() if everything else _OPEN, limit=_LISTED)
    consult(request, "referral", [r.id for r in found], action="referral.list")
    names = accounts.person_names(person_ids={r.author_id for r in found})
    context = {
        "referrals": [(r, names.get(r.author_id, "")) for r in found],
        "everything": everything,
        "full": len(found) == _LISTED,
    }
    return render(request, "desk/referrals.html", context)


def _beside(request: HttpRequest, file: ActFile) -> tuple[dict[str, object], list[UUID]]:
    found = queries.read_file(file=file)
    referral = found.referral
    english = get_language() == "en"
    context: dict[str, object] = {
        "referral": referral,
        "summary": found.summary,
        "text_first": found.text_en if english else found.text_fr,
        "text_other": found.text_fr if english else found.text_en,
        "expired": found.facts is None,
        "bodies": [b.code for b in reference.load().in_force(Body, paris_day(now_of(request)))],
    }
    return context, [referral.report_id]


def _amend(request: HttpRequest, referral_id: UUID) -> None:
    operations.amend_referral(
        actor=actor_of(request),
        referral_id=referral_id,
        body=request.POST.get("body", ""),
        summary=request.POST.get("summary", "").replace("\r\n", "\n"),
        now=now_of(request),
    )


PAGES = acts.ActPages(
    lifecycle=REFERRAL,
    route="desk:referral",
    template="desk/referral.html",
    beside=_beside,
    amend=_amend,
)
