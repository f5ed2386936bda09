"""Page "Team": the reports in the charge of each person of a desk; and the person in charge of one report."""

from collections.abc import Sequence
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from msgspec import Struct

from fanal.accounts.domain.policy import Resource, allows, reach
from fanal.accounts.queries.desks import desk_names
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.intake.queries.envelopes import numbers_of
from fanal.orient.assignment.domain import Assignment, Load, in_charge, version_of
from fanal.orient.assignment.operations import may_assign, see_assignment
from fanal.orient.assignment.queries import assignments_of, list_charge, list_loads
from fanal.orient.domain.records import Case
from fanal.orient.domain.states import OPEN_STATES
from fanal.web.account.actors import actor_of, now_of
from fanal.web.reading import consult, is_fetched_ahead


class Charge(Struct, frozen=True, kw_only=True):
    """Who is in charge of a report, and what the reader may do about it, for the report's page.

    `given`: its open assignment, None without one; `person` and `giver` are the names of the assignee and of
    who assigned it. `own`: the reader is in charge. `version`: what the page's forms send back
    (`version_of`). `colleagues`: (name, load) of the people to whom the reader may assign it. `may_return`,
    `may_take_back`: whether the reader may return it, or take it back. `refused`: why the form was refused.
    """

    given: Assignment | None
    person: str
    giver: str
    own: bool
    version: str
    colleagues: Sequence[tuple[str, Load]]
    may_return: bool
    may_take_back: bool
    refused: str

    @property
    def shown(self) -> bool:
        """Whether the report is assigned, or the reader may assign it."""
        return bool(self.given or self.colleagues)


def charge_of(request: HttpRequest, case: Case, *, refused: str = "") -> Charge:
    """Return who is in charge of a report (`case`: its row in the queue), for its page.

    If the reader is the assignee, the assignment is marked as seen, unless the browser only fetches the page
    ahead. `refused`: why a form was refused, "" if none was.

    Raises:
        Refused: the reader may list reports at no desk.
    """
    actor, now, report_id = actor_of(request), now_of(request), case.report_id
    if request.method == "GET" and not is_fetched_ahead(request):
        see_assignment(actor=actor, report_id=report_id, now=now)
    given = assignments_of(actor=actor, report_ids=[report_id]).get(report_id)
    claims = allows(actor, "report.claim", Resource(desk_id=case.desk_id)).allowed
    assigns = may_assign(actor=actor, desk_id=case.desk_id)
    own = in_charge(case, given, now=now) == actor.person_id
    may_give = case.state in OPEN_STATES and (assigns or (claims and own))
    names = person_names(person_ids=[given.person_id, given.made_by] if given else [])
    free = case.held_by(now) is None
    return Charge(
        given=given,
        person=names.get(given.person_id, "") if given else "",
        giver=names.get(given.made_by, "") if given else "",
        own=own,
        version=version_of(case, given, now=now),
        colleagues=_others(request, case, given) if may_give else [],
        may_return=given is not None and own and claims and free,
        may_take_back=given is not None
        and not own
        and free
        and (assigns or (claims and given.made_by == actor.person_id)),
        refused=refused,
    )


def _others(request: HttpRequest, case: Case, given: Assignment | None) -> list[tuple[str, Load]]:
    now = now_of(request)
    present: UUID | None = in_charge(case, given, now=now)
    loads = list_loads(actor=actor_of(request), desk_id=case.desk_id, now=now)
    return [(name, load) for name, load in loads if load.person_id != present]


_SHOWN = 10
"""Reports listed for a person; those with a child in danger and the oldest are among them."""
_ACTED_ON = 1000


class TeamMember(Struct, frozen=True, kw_only=True):
    """A person of a desk: name, workload (`load`), and the first of the reports in their charge (`cases`).

    `ids`: the ids of all these reports, separated by spaces, for an act on several.
    """

    name: str
    load: Load
    cases: Sequence[Case]
    ids: str


@never_cache
@require_GET
@needs("report.claim")
def team(request: HttpRequest) -> HttpResponse:
    """Show the people of the person's desks with the reports in their charge: number, oldest, in danger."""
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
            members.append(TeamMember(name=name, load=load, cases=cases[:_SHOWN], ids=ids))
        rows.append((names.get(desk_id, ""), members))
    shown = [case.report_id for _desk, members in rows for one in members for case in one.cases]
    consult(request, "report", shown, action="report.list")
    context = {"desks": rows, "own_id": actor.person_id, "numbers": numbers_of(report_ids=shown)}
    return render(request, "desk/team.html", context)
