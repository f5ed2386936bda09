"""Error pages of refused or failed requests, in the right language, with the text that was typed."""

import sys
from http import HTTPStatus

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme

from fanal import reference
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import split_address
from fanal.web.account.second_factor import SecretUnopenable
from fanal.web.posted import written

RETRY_AFTER = "5"


def status_of(failure: BaseException | None) -> int:
    """Return 503 for a temporary failure (database, disk, network), else 500."""
    return 503 if isinstance(failure, OperationalError | InterfaceError | OSError) else 500


def server_error(request: HttpRequest) -> HttpResponse:
    """Return the error page (500 or 503) of an uncaught exception; Django calls this while handling it.

    A 503 asks the browser to try again in five seconds.
    """
    failure = sys.exc_info()[1]
    status = status_of(failure)
    template = "503_secret.html" if isinstance(failure, SecretUnopenable) else f"{status}.html"
    answer = page_of(request, template, status=status)
    if status == 503:
        answer["Retry-After"] = RETRY_AFTER
    return answer


def foreign_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return the 403 page for a missing or outdated CSRF token; set as Django's `CSRF_FAILURE_VIEW`.

    `reason` is not used.
    """
    del reason
    return page_of(request, "403_csrf.html", status=HTTPStatus.FORBIDDEN)


def too_many(request: HttpRequest) -> HttpResponse:
    """Return the 429 page for a form that was sent too often; for the sign-in library's rate limits."""
    return page_of(request, "429.html", status=HTTPStatus.TOO_MANY_REQUESTS)


def reason_of(refusal: Refusal | None) -> str:
    """Return the reason of a refusal as a sentence in the language of the page; "" without a refusal."""
    language = translation.get_language() or "fr"
    return reference.explain_refusal(refusal, language) if refusal else ""


def page_of(request: HttpRequest, template: str, *, status: int, refused: str = "") -> HttpResponse:
    """Return an error page, `templates/<template>`, with the texts that were posted, for the person to copy.

    `status` is its HTTP status, `refused` the reason, where the template shows one. The template is rendered
    without the request, since the failure may lie in data that a page reads from it. The language comes from
    the URL (else cookie or header): the exception may have been raised before the language was activated.
    """
    context = {"kept": _kept(request), "back": _page_before(request), "refused": refused}
    with translation.override(translation.get_language_from_request(request, check_path=True)):
        answer = HttpResponse(loader.get_template(template).render(context), status=status)
    if context["kept"]:
        answer["Cache-Control"] = "no-store"
    return answer


def _kept(request: HttpRequest) -> tuple[str, ...]:
    try:
        return written(request)
    except OSError:
        return ()  # the client disconnected


def _page_before(request: HttpRequest) -> str:
    """Return the path of the site's own page that held the form (`Referer`), or an empty string."""
    before = split_address(request.META.get("HTTP_REFERER", ""))
    if before is None or before.netloc != request.META.get("HTTP_HOST") or not before.path:
        return ""
    address = before._replace(scheme="", netloc="").geturl()
    # A path may begin with two slashes, which as a link would lead to another host.
    return address if url_has_allowed_host_and_scheme(address, allowed_hosts=None) else ""
