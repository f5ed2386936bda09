"""An address that does not exist, answered in the caller's shape: JSON, XML or a page."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import get_language_from_request
from django.views import defaults

from fanal.api.ispws.answers import simple
from fanal.api.v1.problems import ApiRefused, render
from fanal.formats.ncmec.answers import AnswerCode


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer as programs read it where a program calls: on the wire a refusal is a code (decisions 27)."""
    if request.path.startswith("/api/"):
        language = get_language_from_request(request)
        return JsonResponse(render(ApiRefused(404, "NOT_FOUND"), language=language), status=404)
    if request.path.startswith("/ispws/"):
        return simple(AnswerCode.NOT_FOUND)
    return defaults.page_not_found(request, exception)
