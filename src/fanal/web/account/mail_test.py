"""Test of the mail settings from the page of the installation: asked for here, sent by the worker."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from fanal.accounts.operations.mail_tests import MailTestTarget, ask_mail_test
from fanal.accounts.queries.mail_tests import list_mail_tests
from fanal.accounts.queries.people import own_addresses, person_names
from fanal.accounts.routes import needs
from fanal.connectors import mail
from fanal.kernel.refusal import Refusal
from fanal.web.account.actors import actor_of, now_of
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm

_SHOWN: Final = 5
_SINCE: Final = timedelta(days=1)


class _TestForm(PostedForm):
    """Form of a test message: to whom."""

    refuses = "mail_test"
    to = Parsed({str(one): one for one in (MailTestTarget.OWN, MailTestTarget.DUTY)}.get, "TARGET")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("installation.read", POST="mail.test")
def mail_test(request: HttpRequest) -> HttpResponse:
    """Show the test messages (GET), or ask for one (POST) and redirect to the page of the installation.

    A refused form is shown again (status 422). That page itself renews only its part (`HX-Request`).
    """
    if request.method != "POST":
        name = "mail_test" if "HX-Request" in request.headers else "mail_test_page"
        return render(request, f"account_pages/{name}.html", mail_tests_of(request))
    try:
        target = _TestForm(request).checked().cleaned_data["to"]
        ask_mail_test(actor=actor_of(request), target=target, now=now_of(request))
    except Refusal as refused:
        context = {**mail_tests_of(request), "refused": reason_of(refused)}
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return render(request, "account_pages/mail_test_page.html", context, status=status)
    messages.success(request, _("The test message is asked for: its answer appears below."))
    return redirect(f"{reverse('account_installation')}#mail")


def mail_tests_of(request: HttpRequest) -> Mapping[str, object]:
    """Return the template context of the page's part on test messages.

    Keys: `tests`, the last five messages of a day as (message, name of the person, state); `waits`: one of
    them has no result so far; `own_address`: the reader's, "" without one; `on_duty`: number of addresses of
    the people on duty.

    Raises:
        Refused: the reader may not test the mail.
    """
    actor, now = actor_of(request), now_of(request)
    tests = list_mail_tests(actor=actor, since=now - _SINCE)[:_SHOWN]
    names = person_names(person_ids={one.person_id for one in tests})
    states = {True: "WAITING", False: "NO_ANSWER"}
    return {
        "tests": [
            (one, names.get(one.person_id, ""), one.result or states[one.is_under_way(now)])
            for one in tests
        ],
        "waits": any(one.is_under_way(now) for one in tests),
        "own_address": next(iter(own_addresses(person_id=actor.person_id)), ""),
        "on_duty": len(mail.current().duty),
    }
