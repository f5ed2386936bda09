"""HTTP side of the wire's answers: XML at status 200, 401 with code 2000 for bad credentials."""

import logging
from collections.abc import Callable
from functools import wraps
from uuid import uuid4

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError

from fanal.accounts.domain.records import PartnerIdentity
from fanal.api.credentials import basic_partner
from fanal.formats.ncmec.answers import AnswerCode, report_response

RETRY_AFTER = "5"
log = logging.getLogger(__name__)
View = Callable[..., HttpResponse]


def xml(body: bytes, *, status: int = 200) -> HttpResponse:
    """Return an XML answer with the wire's `Request-ID` header."""
    answer = HttpResponse(body, content_type="text/xml; charset=utf-8", status=status)
    answer["Request-ID"] = str(uuid4())
    answer["Cache-Control"] = "no-store"
    return answer


def simple(code: AnswerCode, **parts: object) -> HttpResponse:
    """Return a `reportResponse` of `code`."""
    return xml(report_response(code, **parts))  # type: ignore[arg-type]


def partner_only(
    method: str, *, refuse: Callable[[AnswerCode], bytes] = report_response
) -> Callable[[View], View]:
    """Return a decorator: HTTP Basic credentials and one method; the view gets the identity second.

    Clients of the wire raise on an empty error body: every refusal carries XML, made by `refuse`. A
    database or vault that is away is code 1000, "try again": nothing was taken.
    """

    def decorate(view: View) -> View:
        def checked(request: HttpRequest, *args: object) -> HttpResponse:
            identity = basic_partner(request, now=request.now)  # type: ignore[attr-defined]
            if identity is None:
                answer = xml(refuse(AnswerCode.AUTHENTICATION_REQUIRED), status=401)
                answer["WWW-Authenticate"] = 'Basic realm="ispws", charset="UTF-8"'
                return answer
            if request.method != method and not (method == "GET" and request.method == "HEAD"):
                answer = xml(refuse(AnswerCode.INVALID_REQUEST))
                answer["Allow"] = method
                return answer
            return view(request, identity, *args)

        @wraps(view)
        def guarded(request: HttpRequest, *args: object) -> HttpResponse:
            try:
                return checked(request, *args)
            except (SuspiciousOperation, BadRequest, MultiPartParserError):
                return xml(refuse(AnswerCode.INVALID_REQUEST))
            except (OperationalError, InterfaceError, OSError) as failure:
                log.error("wire: %s", type(failure).__name__)
                answer = xml(refuse(AnswerCode.SERVER_ERROR))
                answer["Retry-After"] = RETRY_AFTER
                return answer

        return guarded

    return decorate


__all__ = ["PartnerIdentity", "partner_only", "simple", "xml"]
