"""Who is in charge of a report, for its page: to whom it is given, by whom, and what the reader may do."""

from collections.abc import Sequence
from uuid import UUID

from django.http import HttpRequest
from msgspec import Struct

from fanal.accounts.domain.policy import Resource, allows
from fanal.accounts.queries.people import person_names
from fanal.orient.assignment.domain import Assignment, Load, in_charge, version_of
from fanal.orient.assignment.operations import may_assign, see_assignment
from fanal.orient.assignment.queries import assignments_of, list_loads
from fanal.orient.domain.records import Case
from fanal.orient.domain.states import OPEN_STATES
from fanal.web.account.actors import actor_of, now_of
from fanal.web.reading import is_fetched_ahead


class Charge(Struct, frozen=True, kw_only=True):
    """Who is in charge of a report, as its page shows it.

    `given`: its assignment, with the names of its person and of its giver. `own`: the reader is in charge.
    `version`: what the forms of the page send back.
    `colleagues`: (name, load) of the people to whom it can be given; none: the reader may not. `may_return`,
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
        """Whether there is something to say or to do."""
        return bool(self.given or self.colleagues)


def charge_of(request: HttpRequest, case: Case, *, refused: str = "") -> Charge:
    """Return who is in charge of a case; a person to whom it is given has seen it then.

    Not when the browser fetches the page ahead.
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
        version=version_of(case, given),
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
