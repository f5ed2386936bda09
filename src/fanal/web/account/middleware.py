"""Route guard: every route declares a policy action, which is checked before the view runs.

Views for programs (API, wire) authenticate their caller and check the action themselves.

Fail closed: a route without declaration is refused for everyone (`fanal.accounts.routes`). Refusals inside a
view (`Refused`) become 404 when the existence of the object must stay hidden, else 403.
"""

import logging
from collections.abc import Callable
from http import HTTPStatus

from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.functional import SimpleLazyObject

from fanal.accounts.domain.policy import Refused, allows, asks_again, may
from fanal.accounts.routes import Declaration, declaration_of
from fanal.kernel.actors import public_actor
from fanal.web.account import devices, second_factor
from fanal.web.account.actors import actor_of, now_of
from fanal.web.components.navigation import own_address
from fanal.web.failures import page_of
from fanal.web.posted import written

log = logging.getLogger(__name__)

_WITHOUT_SECOND_FACTOR = frozenset({"account.sign_in", "account.read", "page.public"})
"""Actions available before the second factor is set up."""

_PERSONAL = "_fanal_personal"

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class RouteGuard:
    """Middleware that refuses undeclared routes, and requests without sign-in, second factor or right.

    The right is the policy action that the route declares.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Set `request.actor` and call the view; forbid caching of pages for signed-in people.

        The sign-in library's own pages set no cache headers: a TOTP secret would stay in the browser's disk
        cache.
        """
        request.actor = SimpleLazyObject(lambda: actor_of(request))  # type: ignore[attr-defined]
        answer = self.get_response(request)
        if request.__dict__.get(_PERSONAL) and not answer.has_header("Cache-Control"):
            add_never_cache_headers(answer)
        return answer

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: tuple[object, ...],  # noqa: ARG002
        kwargs: dict[str, object],  # noqa: ARG002
    ) -> HttpResponse | None:
        """Return the refusal of a request, or None to let the view run; Django calls this before each view.

        A refusal is a 403 page, a redirect to the sign-in or second factor, or the page that asks for it
        again.
        """
        match = request.resolver_match
        declaration = declaration_of(view, match.view_name if match else "")
        action = declaration.action_for(request.method or "GET") if declaration else None
        if declaration is None or action is None:
            log.error("route %s declares no action: refused", match.route if match else "?")
            return _refuse(request)
        if action == "account.sign_in":
            devices.end_stale(request)
        if declaration.public:
            return None if _public_may(declaration, action) else _refuse(request)
        request.__dict__[_PERSONAL] = True
        # The sign-in library would run a form that it kept once the password is given, past this guard.
        request.session.pop(STATE_SESSION_KEY, None)
        if declaration.sign_in and (refusal := _check_own_factor(request)):
            return refusal
        return _check_person(request, action)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return a 404 or 403 page for a policy refusal raised by the view; None for other exceptions.

        404 hides whether the object exists. A client that accepts JSON receives JSON.
        """
        if not isinstance(error, Refused):
            return None
        log.warning("refused: %s %s", error.action, error.reason_code)
        status = HTTPStatus.NOT_FOUND if error.hides else HTTPStatus.FORBIDDEN
        return _page(request, status)


def _public_may(declaration: Declaration, action: str) -> bool:
    return declaration.program or allows(public_actor(), action).allowed


def _check_person(request: HttpRequest, action: str) -> HttpResponse | None:
    if not request.user.is_authenticated:
        return _signed_out(request)
    if action not in _WITHOUT_SECOND_FACTOR and not second_factor.is_satisfied(request):
        return redirect(second_factor.next_step(request))
    if action != "account.read" and not may(actor_of(request), action):
        return _refuse(request)
    if request.method not in _READING and asks_again(action):
        return None if second_factor.is_fresh(request, now=now_of(request)) else _step_up(request)
    return None


def _check_own_factor(request: HttpRequest) -> HttpResponse | None:
    """Require a fresh second factor of a person who sees or changes their sign-in methods.

    Returns the response that requires it, or None to go on: it is fresh, or there is none yet. The sign-in
    library would accept the password: a stolen one must not replace the factor.
    """
    if not request.user.is_authenticated or not second_factor.is_enrolled(request):
        return None
    if second_factor.is_fresh(request, now=now_of(request)):
        return None
    if request.method in _READING:
        return redirect_to_login(own_address(request), second_factor.next_step(request))
    return _step_up(request)


def _signed_out(request: HttpRequest) -> HttpResponse:
    """Redirect to the sign-in page; or show the long texts of a posted form, to be copied (status 403)."""
    if "HX-Request" not in request.headers and written(request):
        return page_of(request, "signed_out.html", status=HTTPStatus.FORBIDDEN)
    return redirect_to_login(own_address(request), reverse("account_login"))


def _step_up(request: HttpRequest) -> HttpResponse:
    """Return a page that asks for the second factor again; the posted fields stay in it, not stored.

    A client that accepts JSON receives a JSON error instead (403 in both cases).
    """
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"error": "second factor"}, status=HTTPStatus.FORBIDDEN)
    kept = [(name, v) for name, values in request.POST.lists() for v in values]
    context = {
        "kept": [pair for pair in kept if pair[0] != "csrfmiddlewaretoken"],
        "minutes": second_factor.fresh_minutes(),
        "action": own_address(request),
    }
    return render(request, "account_pages/step_up.html", context, status=HTTPStatus.FORBIDDEN)


def _refuse(request: HttpRequest) -> HttpResponse:
    return _page(request, HTTPStatus.FORBIDDEN)


def _page(request: HttpRequest, status: HTTPStatus) -> HttpResponse:
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"error": status.phrase}, status=status)
    return render(request, f"{status.value}.html", status=status)
