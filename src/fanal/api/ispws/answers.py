"""HTTP responses of the NCMEC-compatible service: XML at status 200, or 401 with code 2000."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from uuid import uuid4

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError

from fanal.accounts.domain.records import PartnerIdentity
from fanal.api.credentials import ShouldWait, basic_partner
from fanal.formats.ncmec.answers import AnswerCode, code_of, refusal_response, report_response
from fanal.formats.refusal import FormatRefused
from fanal.intake.operations.receive import count_refusal

RETRY_AFTER = "5"
_CODE = "wire_code"
_WAITS = {"QUOTA_SPENT": "Quota spent", "BUSY": "Too much is waiting"}
log = logging.getLogger(__name__)
View = Callable[..., HttpResponse]


def xml(body: bytes, *, status: int = 200) -> HttpResponse:
    """Return an XML response with this body and HTTP status, and the protocol's `Request-ID` header."""
    answer = HttpResponse(body, content_type="text/xml; charset=utf-8", status=status)
    answer["Request-ID"] = str(uuid4())
    answer["Cache-Control"] = "no-store"
    return answer


def coded(code: AnswerCode, body: bytes, *, status: int = 200) -> HttpResponse:
    """Return an XML response with this body and HTTP status, which carries its answer code as an attribute.

    Refusals are counted from that Python attribute.
    """
    answer = xml(body, status=status)
    answer.__dict__[_CODE] = code
    return answer


def simple(code: AnswerCode, **parts: object) -> HttpResponse:
    """Return a `reportResponse` document with `code`; `parts` are its other elements, by parameter name.

    The names are the parameters of `report_response`, such as `report_id` or `description`.
    """
    return coded(code, report_response(code, **parts))  # type: ignore[arg-type]


def refused(refusal: FormatRefused) -> HttpResponse:
    """Return the response to an invalid document: the answer code for its fault, with the reason as XML.

    `refusal` is the exception of the parser.
    """
    return coded(code_of(refusal), refusal_response(refusal))


def should_wait(refusal: ShouldWait) -> HttpResponse:
    """Return the response to a sender that must wait: answer code 1000, and `Retry-After` in seconds.

    Its HTTP status is 200, as for every refusal of this service (ADR 0022).
    """
    answer = simple(
        AnswerCode.SERVER_ERROR,
        description=f"{_WAITS[refusal.code]}: nothing was stored, send again in {refusal.wait} seconds",
    )
    answer["Retry-After"] = str(refusal.wait)
    return answer


def partner_only(
    method: str, *, refuse: Callable[[AnswerCode], bytes] = report_response
) -> Callable[[View], View]:
    """Return a view decorator that requires HTTP Basic credentials and one HTTP method.

    The view receives the partner's identity as its second argument. `refuse` makes the XML body of every
    error, since clients of this protocol fail on an empty one. An unavailable database or vault gives code
    1000 ("try again"): nothing was stored.
    """

    def decorate(view: View) -> View:
        def checked(request: HttpRequest, *args: object) -> HttpResponse:
            identity = basic_partner(request, now=request.now)  # type: ignore[attr-defined]
            if identity is None:
                answer = xml(refuse(AnswerCode.AUTHENTICATION_REQUIRED), status=401)
                answer["WWW-Authenticate"] = 'Basic realm="ispws", charset="UTF-8"'
                return answer
            if request.method != method and not (method == "GET" and request.method == "HEAD"):
                answer = coded(AnswerCode.INVALID_REQUEST, refuse(AnswerCode.INVALID_REQUEST))
                answer["Allow"] = method
            else:
                answer = view(request, identity, *args)
            _count(identity, answer, step=view.__name__, now=request.now)  # type: ignore[attr-defined]
            return answer

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


def _count(identity: PartnerIdentity, answer: HttpResponse, *, step: str, now: datetime) -> None:
    """Count a response of this service if it is a refusal, for the partner's page.

    Refusals are counted by `step` (name of the view, such as `finish`) and answer code.
    """
    code = answer.__dict__.get(_CODE, AnswerCode.SUCCESS)
    if code != AnswerCode.SUCCESS:
        count_refusal(sender_id=identity.partner_id, step=step, code=str(int(code)), now=now)


__all__ = ["PartnerIdentity", "coded", "partner_only", "refused", "should_wait", "simple", "xml"]
