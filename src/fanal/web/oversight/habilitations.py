"""Habilitations that approve acts of others: their grantors, and accounts that look alike."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from fanal.accounts import queries as accounts
from fanal.accounts.routes import needs
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.habilitations import line_of
from fanal.web.reading import consult

_SHOWN = 200


@never_cache
@require_safe
@needs("habilitation.oversee")
def listing(request: HttpRequest) -> HttpResponse:
    """Show the approving habilitations of every desk, newest first, ended ones last."""
    actor, now = actor_of(request), now_of(request)
    found = accounts.list_approving(actor=actor, limit=_SHOWN)
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
