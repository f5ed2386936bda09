"""What no view answers, in the caller's shape: JSON, XML or a page."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import get_language_from_request
from django.views import defaults

from fanal.api.ispws.answers import simple
from fanal.api.v1.problems import ApiRefused, render
from fanal.formats.ncmec.answers import AnswerCode


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer as programs read it where a program calls: on the wire a refusal is a code (decisions 27)."""
    told = _to_a_program(request, ApiRefused(404, "NOT_FOUND"), AnswerCode.NOT_FOUND)
    return told or defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that is refused before any view sees it: a host that is none, too many fields."""
    told = _to_a_program(request, ApiRefused(400, "BAD_REQUEST"), AnswerCode.INVALID_REQUEST)
    return told or defaults.bad_request(request, exception)


def _to_a_program(
    request: HttpRequest, problem: ApiRefused, code: AnswerCode
) -> HttpResponse | None:
    """Return the refusal in the form of the interface that was called; None: a person reads it."""
    if request.path.startswith("/api/"):
        language = get_language_from_request(request)
        return JsonResponse(render(problem, language=language), status=problem.status)
    return simple(code) if request.path.startswith("/ispws/") else None
