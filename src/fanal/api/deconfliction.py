"""Endpoints by which another organisation's program runs a round of private set intersection with the desk.

The organisation is called a counterpart. It posts an offer (its blinded identifiers), gets the state of the
round and the desk's answer, and posts its conclusion. Messages are checked and stored here; the worker
computes the answers. HTTP Basic or Bearer authenticates the calling program, the signature inside
authenticates the message: both must be the same counterpart's. Views receive the calling program's
organisation as `identity`.
"""

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from uuid import UUID

import msgspec
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from fanal import reference
from fanal.accounts import row_scope
from fanal.accounts.domain.policy import Refused
from fanal.accounts.domain.records import PartnerIdentity
from fanal.accounts.routes import for_programs
from fanal.api.body import BodyTooLarge, read_body
from fanal.api.credentials import ShouldWait, basic_partner, bearer_partner, spend
from fanal.deconfliction import queries
from fanal.deconfliction.domain.message import MAX_BYTES
from fanal.deconfliction.domain.records import Round
from fanal.deconfliction.operations.receiving import receive
from fanal.deconfliction.operations.steps import hand_out
from fanal.kernel.refusal import Refusal

log = logging.getLogger(__name__)
_STATUS: Mapping[str, int] = MappingProxyType(
    {
        "TOO_LARGE": 413, "NOT_FOUND": 404, "UNKNOWN": 403, "SIGNATURE": 403, "CLOSED": 403,
        "NO_INSTRUCTION": 403, "QUOTA": 429, "SECOND": 409, "NOT_NOW": 409, "PREVIOUS": 409, "EXPIRED": 410,
    }
)  # fmt: skip
View = Callable[..., HttpResponse]


def _told(found: Round) -> HttpResponse:
    return _json(200, {"round": str(found.id), "state": found.state.value})


def _refuse(status: int, code: str) -> HttpResponse:
    """Return an error response of this HTTP status with the code and its message, no part of the request."""
    words = reference.label("deconfliction_refusal", code, "en")
    answer = _json(status, {"code": code, "detail": "" if words == code else words})
    if status == 401:
        answer["WWW-Authenticate"] = 'Basic realm="deconfliction", charset="UTF-8"'
    if status == 503:
        answer["Retry-After"] = "5"
    return answer


def _json(status: int, value: Mapping[str, str]) -> HttpResponse:
    answer = HttpResponse(
        msgspec.json.encode(value), content_type="application/json", status=status
    )
    answer["Cache-Control"] = "no-store"
    return answer


def _for_counterparts(method: str) -> Callable[[View], View]:
    """Return a view decorator that requires a counterpart's credentials and one HTTP method.

    A counterpart is the other organisation of a round of private set intersection, which finds the
    identifiers that both hold. The view receives its identity as the second argument. Its exceptions become
    error responses: 400, 403, 503 or the status of a `Refusal`.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, **arguments: object) -> HttpResponse:
            try:
                return _run(view, request, method, arguments)
            except Refusal as refused:
                return _refuse(_STATUS.get(refused.code, 422), refused.code)
            except Refused:
                return _refuse(403, "UNKNOWN")
            except (SuspiciousOperation, BadRequest):
                return _refuse(400, "MALFORMED")
            except (OperationalError, InterfaceError, OSError) as failure:
                log.error("deconfliction: %s", type(failure).__name__)
                return _refuse(503, "AWAY")

        return guarded

    return decorate


def _run(
    view: View, request: HttpRequest, method: str, arguments: dict[str, object]
) -> HttpResponse:
    now = request.now  # type: ignore[attr-defined]
    identity = basic_partner(request, now=now) or bearer_partner(request, now=now)
    if identity is None:
        return _refuse(401, "UNAUTHENTICATED")
    asked = "GET" if request.method == "HEAD" else request.method
    if asked != method:
        answer = _refuse(405, "BAD_METHOD")
        answer["Allow"] = method
        return answer
    if method == "POST":
        try:
            spend(identity, now=now)
        except ShouldWait:
            raise Refusal("deconfliction", "QUOTA") from None
    # Rounds belong to no desk: row scope is lifted, and each query checks the caller's own rights.
    with row_scope.across_desks():
        return view(request, identity, **arguments)


@csrf_exempt
@for_programs("deconfliction.exchange")
@_for_counterparts("POST")
def rounds(request: HttpRequest, identity: PartnerIdentity) -> HttpResponse:
    """Store the caller's offer (its blinded identifiers), which opens a round of private set intersection.

    Return JSON with `round` (its id) and `state`. The worker computes the answer to the offer.
    """
    round_id = receive(
        actor=identity.actor,
        body=_body(request),
        now=request.now,  # type: ignore[attr-defined]
    )
    return _told(_found(identity, round_id))


@csrf_exempt
@for_programs("deconfliction.exchange")
@_for_counterparts("GET")
def state(request: HttpRequest, identity: PartnerIdentity, round_id: UUID) -> HttpResponse:
    """Return the state of a round of private set intersection that the caller opened.

    It is JSON with `round` (its id) and `state`; an error response if the caller has no such round.
    """
    return _told(_found(identity, round_id))


@csrf_exempt
@for_programs("deconfliction.exchange")
@_for_counterparts("GET")
def answer(request: HttpRequest, identity: PartnerIdentity, round_id: UUID) -> HttpResponse:
    """Return the desk's signed answer (JSON) to the caller's offer in a round of private set intersection.

    It can be fetched until the round expires. The response is an error with a code if the answer is not
    computed yet or is computed again (NOT_NOW), the round is over (EXPIRED), or the caller has no such round.
    """
    found = _found(identity, round_id)
    body = hand_out(round_id=found.id, now=request.now)  # type: ignore[attr-defined]
    sent = HttpResponse(body, content_type="application/json")
    sent["Cache-Control"] = "no-store"
    return sent


@csrf_exempt
@for_programs("deconfliction.exchange")
@_for_counterparts("POST")
def conclusion(request: HttpRequest, identity: PartnerIdentity, round_id: UUID) -> HttpResponse:
    """Store the signed message by which the caller concludes a round of private set intersection.

    Return JSON with `round` (its id) and `state`, the state that the round had before; the worker then
    records the matches.
    """
    found = _found(identity, round_id)
    receive(
        actor=identity.actor,
        body=_body(request),
        now=request.now,  # type: ignore[attr-defined]
        expected=found.id,
    )
    return _told(found)


def _body(request: HttpRequest) -> bytes:
    try:
        return read_body(request, limit=MAX_BYTES)
    except BodyTooLarge:
        raise Refusal("deconfliction", "TOO_LARGE") from None


def _found(identity: PartnerIdentity, round_id: UUID) -> Round:
    found = queries.get_round(actor=identity.actor, round_id=round_id)
    if found is None:
        raise Refusal("deconfliction", "NOT_FOUND")
    return found


app_name = "deconfliction"
urlpatterns = [
    path("rounds", rounds, name="rounds"),
    path("rounds/<uuid:round_id>", state, name="round"),
    path("rounds/<uuid:round_id>/answer", answer, name="round-answer"),
    path("rounds/<uuid:round_id>/conclusion", conclusion, name="round-conclusion"),
]
