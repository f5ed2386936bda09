"""Django's error handlers 400 and 404: JSON under `/api/`, XML under `/ispws/`, an HTML page elsewhere."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import get_language_from_request
from django.views import defaults

from fanal.api.ispws.answers import simple
from fanal.api.v1.problems import ApiRefused, render
from fanal.formats.ncmec.answers import AnswerCode
from fanal.web.failures import page_of


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the 404 response: JSON or XML with an error code for a program, an HTML page for a browser."""
    told = _to_a_program(request, ApiRefused(404, "NOT_FOUND"), AnswerCode.NOT_FOUND)
    return told or defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return the response to a request that Django refuses before any view, such as an unknown host.

    A program gets JSON with status 400 (`/api/`), or XML with an answer code and status 200 (`/ispws/`). A
    browser gets an HTML page that gives back the text it sent: 400, or 413 if the body is too large.
    """
    told = _to_a_program(request, ApiRefused(400, "BAD_REQUEST"), AnswerCode.INVALID_REQUEST)
    if told:
        return told
    large = isinstance(exception, RequestDataTooBig)
    return page_of(request, "413.html" if large else "400.html", status=413 if large else 400)


def _to_a_program(
    request: HttpRequest, problem: ApiRefused, code: AnswerCode
) -> HttpResponse | None:
    """Return the error for a program: `problem` as JSON (`/api/`), or `code` as XML (`/ispws/`).

    The result is None for any other path: a page for people.
    """
    if request.path.startswith("/api/"):
        language = get_language_from_request(request)
        return JsonResponse(render(problem, language=language), status=problem.status)
    return simple(code) if request.path.startswith("/ispws/") else None
