"""The partner API: OpenAPI 3.1, Bearer tokens, one JSON shape for all errors."""

import logging

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language_from_request
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, ValidationError
from ninja.security import HttpBearer

from fanal.accounts.domain.records import PartnerIdentity
from fanal.api.credentials import bearer_partner
from fanal.api.v1.feedback import router as feedback_router
from fanal.api.v1.problems import ApiRefused, render
from fanal.api.v1.reports import router
from fanal.intake.operations.receive import count_refusal

log = logging.getLogger(__name__)


class PartnerToken(HttpBearer):
    """Bearer token authentication for the partner API: the token identifies the partner organisation."""

    def authenticate(self, request: HttpRequest, token: str) -> PartnerIdentity | None:
        """Return the partner of the token in the `Authorization` header; None for a wrong token.

        The request is then refused with 401.
        """
        del token  # `bearer_partner` reads the whole header again, scheme included
        return bearer_partner(request, now=request.now)  # type: ignore[attr-defined]


api = NinjaAPI(
    title="Fanal partner API",
    version="1",
    description="Submit reports, follow their status, retract them, and read the desk's feedback.",
    urls_namespace="api-v1",
    auth=PartnerToken(),
    docs_url=None,
)
api.add_router("", router)
api.add_router("", feedback_router)


@api.exception_handler(ApiRefused)
def on_refused(request: HttpRequest, problem: ApiRefused) -> HttpResponse:
    """Return the error response of a refused request, and count the refusal for the partner's page."""
    answer = api.create_response(
        request, render(problem, language=_language(request)), status=problem.status
    )
    if problem.wait:
        answer["Retry-After"] = str(problem.wait)
    identity = getattr(request, "auth", None)
    if isinstance(identity, PartnerIdentity):
        count_refusal(
            sender_id=identity.partner_id,
            step=request.method or "",
            code=problem.code,
            now=request.now,  # type: ignore[attr-defined]
        )
    return answer


@api.exception_handler(AuthenticationError)
def on_unauthenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Return 401 for a missing or wrong token, without saying which of the two."""
    del error
    answer = on_refused(request, ApiRefused(401, "UNAUTHENTICATED"))
    answer["WWW-Authenticate"] = "Bearer"
    return answer


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
@api.exception_handler(OSError)
def on_away(request: HttpRequest, failure: Exception) -> HttpResponse:
    """Return 503 while database or vault are unavailable: nothing was stored, the client may retry."""
    log.error("api: %s", type(failure).__name__)
    problem = ApiRefused(503, "UNAVAILABLE", retry=True)
    answer = api.create_response(
        request, render(problem, language=_language(request)), status=problem.status
    )
    answer["Retry-After"] = "5"
    return answer


@api.exception_handler(ValidationError)
def on_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Return 422 for a parameter or header of the wrong shape, and name the first one in the error's path."""
    first = error.errors[0] if error.errors else {}
    path = ".".join(str(part) for part in first.get("loc", ()))
    return on_refused(request, ApiRefused(422, "BAD_PARAMETER", path=path))


def _language(request: HttpRequest) -> str:
    return get_language_from_request(request)
