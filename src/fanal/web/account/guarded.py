"""Ask the policy about the object of a form, before anything else of the form is looked at."""

from django.http import HttpRequest

from fanal.accounts.domain.policy import Reason, Refused, Resource, allows
from fanal.accounts.routes import declaration_of
from fanal.web.account.actors import actor_of

_SAID_BY_THE_FORM = frozenset({Reason.MOTIVE_MISSING, Reason.OWN_ACT})
"""Refusals that the operation gives in words: the form brings the motive, the page names the first person."""


def require_declared(request: HttpRequest, resource: Resource) -> None:
    """Require on `resource` the action that the view at work declares for this method.

    The guard has asked whether the person holds it somewhere; who holds roles at two desks may see the
    object by one of them and lack the other there. The operation says that a motive is missing, or that
    the act is one's own.

    Raises:
        Refused: the person may not do it there.
    """
    match = request.resolver_match
    declaration = declaration_of(match.func, match.view_name) if match else None
    action = declaration.action_for(request.method or "") if declaration else None
    if action is None:
        return
    verdict = allows(actor_of(request), action, resource)
    if not verdict.allowed and verdict.reason_code not in _SAID_BY_THE_FORM:
        raise Refused(action, verdict.reason_code)
