"""The page "Team": what each person of a desk has in charge, and what nobody has."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from msgspec import Struct

from fanal.accounts.domain.policy import reach
from fanal.accounts.queries.people import desk_names
from fanal.accounts.routes import needs
from fanal.orient.assignment.domain import Load
from fanal.orient.assignment.queries import list_charge, list_loads
from fanal.orient.domain.records import Case
from fanal.web.account.actors import actor_of, now_of
from fanal.web.reading import consult

_SHOWN = 10
"""Reports listed for a person; those with a child in danger and the oldest are among them."""
_ACTED_ON = 1000


class Member(Struct, frozen=True, kw_only=True):
    """A person of a desk: name, what they have in charge, and the first of these reports.

    `ids`: all of them, for an act on several reports.
    """

    name: str
    load: Load
    cases: Sequence[Case]
    ids: str


@never_cache
@require_GET
@needs("report.claim")
def team(request: HttpRequest) -> HttpResponse:
    """Show the people of the person's desks with the number of reports held, the oldest, those in danger."""
    actor, now = actor_of(request), now_of(request)
    desks = sorted(reach(actor, "report.claim").desk_ids)
    names = desk_names(desk_ids=desks)
    rows = []
    for desk_id in desks:
        members = []
        for name, load in list_loads(actor=actor, desk_id=desk_id, now=now):
            cases = (
                list_charge(
                    actor=actor, desk_id=desk_id, person_id=load.person_id, now=now, most=_ACTED_ON
                )
                if load.held
                else []
            )
            ids = " ".join(str(case.report_id) for case in cases)
            members.append(Member(name=name, load=load, cases=cases[:_SHOWN], ids=ids))
        rows.append((names.get(desk_id, ""), members))
    shown = [case.report_id for _desk, members in rows for one in members for case in one.cases]
    consult(request, "report", shown, action="report.list")
    context = {"desks": rows, "own_id": actor.person_id}
    return render(request, "desk/team.html", context)
