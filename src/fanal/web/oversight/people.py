"""Pages on acts that overseers review: openings of reporters' identities, approving habilitations.

An approving habilitation is a role that lets a person approve the acts of others.
"""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from fanal.accounts.domain.policy import may
from fanal.accounts.queries.desks import desk_names
from fanal.accounts.queries.people import list_approving, person_names
from fanal.accounts.routes import needs
from fanal.harmonise.openings import list_openings
from fanal.harmonise.operations.identity import IdentityUnknown, see_opening
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.habilitations import line_of
from fanal.web.reading import consult

# Openings of reporters' identities: person, purpose, and the other people who have reviewed each.

_SHOWN = 200


@never_cache
@require_safe
@needs("identity.oversee")
def openings(request: HttpRequest) -> HttpResponse:
    """Show the openings of reporters' identities within reach, those not reviewed first.

    The identities themselves are never shown.
    """
    actor = actor_of(request)
    found = list_openings(actor=actor, limit=_SHOWN)
    consult(request, "opening", [o.id for o in found], action="identity.oversee")
    people = {o.person_id for o in found} | {p for o in found for p, _at in o.seen}
    names = person_names(person_ids=people)
    desks = desk_names(desk_ids={o.desk_id for o in found})
    lines = [
        {
            "opening": o,
            "author": names.get(o.person_id, ""),
            "desk": desks.get(o.desk_id, ""),
            "own": o.person_id == actor.person_id,
            "seen": [(names.get(person, ""), at) for person, at in o.seen],
            "mine": any(person == actor.person_id for person, _at in o.seen),
        }
        for o in found
    ]
    context = {
        "waiting": [line for line in lines if not line["seen"]],
        "seen": [line for line in lines if line["seen"]],
        "may_read_report": may(actor, "report.read"),
        "overseer": may(actor, "measure.recommend"),
        "shown": _SHOWN,
        "more": len(found) == _SHOWN,
    }
    return render(request, "oversight/openings.html", context)


@require_POST
@needs("identity.oversee")
def see(request: HttpRequest, opening_id: UUID) -> HttpResponse:
    """Record that the person has reviewed an opening of a reporter's identity; redirect to the openings.

    Raises:
        Http404: no such opening, or it is the person's own.
    """
    try:
        see_opening(actor=actor_of(request), opening_id=opening_id, now=now_of(request))
    except IdentityUnknown:
        raise Http404 from None
    messages.success(request, _("Recorded: you have seen this opening."))
    return redirect("oversight:openings")


# Habilitations that approve acts of others: their grantors, and accounts that look alike.


@never_cache
@require_safe
@needs("habilitation.oversee")
def habilitations(request: HttpRequest) -> HttpResponse:
    """Show the grants of roles that approve others' acts, at every desk, newest first, ended ones last."""
    actor, now = actor_of(request), now_of(request)
    found = list_approving(actor=actor, limit=_SHOWN)
    consult(request, "person", [h.person_id for h in found], action="habilitation.oversee")
    lines = [line_of(one, now=now, actor=actor) for one in found]
    standing = [line for line in lines if line["state"] != "ENDED"]
    pairs = zip(found, lines, strict=True)
    alike = {one.person_id for one, line in pairs if one.alike and line["state"] != "ENDED"}
    context = {
        "standing": standing,
        "ended": [line for line in lines if line["state"] == "ENDED"],
        "alike": len(alike),
        "console": sum(1 for line in standing if line["console"]),
        "waiting": sum(1 for line in standing if line["state"] == "WAITING"),
        "shown": _SHOWN,
        "more": len(found) == _SHOWN,
    }
    return render(request, "oversight/habilitations.html", context)
