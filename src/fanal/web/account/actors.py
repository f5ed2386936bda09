"""Actor and time of a request, which views pass to queries and operations; the actor's right on an object."""

from datetime import datetime

from django.http import HttpRequest

from fanal.accounts import row_scope
from fanal.accounts.domain.policy import Reason, Refused, Resource, allows
from fanal.accounts.queries.people import actor_for
from fanal.accounts.routes import declaration_of
from fanal.kernel import clock
from fanal.kernel.actors import Actor, public_actor
from fanal.kernel.texts import stripped
from fanal.orient.domain.deciding import UNSTORABLE

MOTIVE_KEY = "fanal_motive"
"""Session key of the purpose ("motive") that the person stated for the present task."""

LONGEST_MOTIVE = 200


def now_of(request: HttpRequest) -> datetime:
    """Return the time of the request, the same for all calls within it."""
    known = request.__dict__.get("now")
    if isinstance(known, datetime):
        return known
    instant = clock.now()
    request.__dict__["now"] = instant
    return instant


def actor_of(request: HttpRequest) -> Actor:
    """Return the actor of the request: the public, or the person with the roles in force now.

    The database session's row scope, which PostgreSQL's row-level security applies, is set to that actor.
    """
    known = request.__dict__.get("_fanal_actor")
    if isinstance(known, Actor):
        return known
    user = request.user
    if user.is_authenticated:
        actor = actor_for(user=user, now=now_of(request), motive=stated_motive(request))
    else:
        actor = public_actor()
    request.__dict__["_fanal_actor"] = actor
    row_scope.show_to(actor)
    return actor


def stated_motive(request: HttpRequest) -> str:
    """Return the purpose of readings that the person stated in this session, or an empty string."""
    motive = request.session.get(MOTIVE_KEY, "")
    return motive if isinstance(motive, str) else ""


def state_motive(request: HttpRequest, motive: str) -> None:
    """Store the purpose of the person's present task in this session, as `plain_motive` gives it.

    A text without a visible character removes the purpose stored before.
    """
    request.session[MOTIVE_KEY] = plain_motive(motive)
    request.__dict__.pop("_fanal_actor", None)


def plain_motive(typed: str) -> str:
    """Return a typed purpose on one line, cut to the maximum length; "" without a visible character.

    White space, NUL and lone surrogates are reduced to single spaces.
    """
    return stripped(" ".join(UNSTORABLE.sub(" ", typed).split()))[:LONGEST_MOTIVE]


# Policy check on the object of a form, before any other field of the form is read.

_SAID_BY_THE_FORM = frozenset({Reason.MOTIVE_MISSING, Reason.OWN_ACT})
"""Refusals left to the operation: the form may bring the purpose, the page names the first person."""


def require_declared(request: HttpRequest, resource: Resource) -> None:
    """Require, on `resource`, the action that the current view declares for the request's method.

    The route guard has checked the action in general; a person with roles at two desks may see the object
    through one desk and lack the action there. A missing purpose, and the rule that nobody approves an act of
    their own, are not checked here: the operation refuses them.

    Raises:
        Refused: the person may not do this on the resource.
    """
    match = request.resolver_match
    declaration = declaration_of(match.func, match.view_name) if match else None
    action = declaration.action_for(request.method or "") if declaration else None
    if action is None:
        return
    verdict = allows(actor_of(request), action, resource)
    if not verdict.allowed and verdict.reason_code not in _SAID_BY_THE_FORM:
        raise Refused(action, verdict.reason_code)
