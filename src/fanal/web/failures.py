"""The last page of a request that was refused or broke: in the right language, with what was typed."""

import sys
from http import HTTPStatus

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme

from fanal.kernel.typed import split_address
from fanal.web.account.sealing import SecretUnopenable
from fanal.web.posted import written

RETRY_AFTER = "5"


def status_of(failure: BaseException | None) -> int:
    """Return 503 for a failure that waiting helps (database, disk, network), else 500."""
    return 503 if isinstance(failure, OperationalError | InterfaceError | OSError) else 500


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an exception that nobody caught; Django calls this while it is being handled."""
    failure = sys.exc_info()[1]
    status = status_of(failure)
    template = "503_secret.html" if isinstance(failure, SecretUnopenable) else f"{status}.html"
    answer = page_of(request, template, status=status)
    if status == 503:
        answer["Retry-After"] = RETRY_AFTER
    return answer


def foreign_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token is missing or of an earlier session: Django's view of such a failure."""
    del reason
    return page_of(request, "403_csrf.html", status=HTTPStatus.FORBIDDEN)


def too_many(request: HttpRequest) -> HttpResponse:
    """Answer a form that one person sent too many times: the sign-in library's view of such a refusal."""
    return page_of(request, "429.html", status=HTTPStatus.TOO_MANY_REQUESTS)


def page_of(request: HttpRequest, template: str, *, status: int, refused: str = "") -> HttpResponse:
    """Return a page of `templates/` with the texts of the form that was posted, to be copied from there.

    `refused` says why, where the page leaves room for it.

    Rendered without the request: whatever broke may be what a page reads of it. The language is that of the
    address, as always: an exception may come before anything has chosen it.
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
        return ()  # the sender went away in the middle


def _page_before(request: HttpRequest) -> str:
    """Return the address of our own page that held the form, empty where the browser names none."""
    before = split_address(request.META.get("HTTP_REFERER", ""))
    if before is None or before.netloc != request.META.get("HTTP_HOST") or not before.path:
        return ""
    address = before._replace(scheme="", netloc="").geturl()
    # A path may begin with two slashes: as an address of its own it would lead to another host.
    return address if url_has_allowed_host_and_scheme(address, allowed_hosts=None) else ""
