"""Policy check on the object of a form, before any other field of the form is read."""

from django.http import HttpRequest

from fanal.accounts.domain.policy import Reason, Refused, Resource, allows
from fanal.accounts.routes import declaration_of
from fanal.web.account.actors import actor_of

_SAID_BY_THE_FORM = frozenset({Reason.MOTIVE_MISSING, Reason.OWN_ACT})
"""Refusals left to the operation: the form may bring the purpose, the page names the first person."""


def require_declared(request: HttpRequest, resource: Resource) -> None:
    """Require, on `resource`, the action that the current view declares for the request's method.

    The route guard has checked the action in general; a person with roles at two desks may see the object
    through one desk and lack the action there. A missing purpose and the person's own act are refused by the
    operation.

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
