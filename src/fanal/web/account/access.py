"""Pages on partners' access to the APIs, for the administrator: list, issue and revoke credentials."""

from http import HTTPStatus

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from fanal.accounts.domain.records import IssuedCredentials
from fanal.accounts.operations.partners import MAXIMUM_NAME, add_partner, revoke_credential
from fanal.accounts.queries.people import list_accesses
from fanal.accounts.routes import needs
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import whole_number
from fanal.web.account.actors import actor_of, now_of

_REFUSED = {
    "NAME": gettext_lazy("A partner’s name has 1 to %(maximum)s printing characters and no colon."),
    "KNOWN": gettext_lazy(
        "This partner is known already. A further access of a known partner is opened at the console: “fanal"
        " partner add”."
    ),
}


@never_cache
@require_GET
@needs("partner.manage")
def listing(request: HttpRequest) -> HttpResponse:
    """List the credentials of every partner, those in force first, by partner."""
    found = list_accesses(actor=actor_of(request))
    context = {
        "open": [one for one in found if one.revoked_at is None],
        "ended": [one for one in found if one.revoked_at is not None],
    }
    return render(request, "account_pages/access.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("partner.manage")
@sensitive_variables("issued")
def add(request: HttpRequest) -> HttpResponse:
    """Show the form of a new credential for the APIs (GET), or issue one to a new partner (POST).

    Its password and token are shown once, in this response only. A further credential of a known partner can
    be issued on the command line only: else an administrator alone could act in the partner's name. A refused
    form is shown again (status 422).
    """
    if request.method != "POST":
        return _form(request)
    name = " ".join(request.POST.get("name", "").split())
    quota = request.POST.get("quota", "").strip()
    limited = whole_number(quota, digits=9)
    if quota and not limited:
        return _form(request, refused=_("The limit is a whole number of calls a minute, or empty."))
    try:
        issued = add_partner(
            actor=actor_of(request), name=name, quota=limited, now=now_of(request), first=True
        )
    except Refusal as refused:
        return _form(request, refused=_REFUSED[refused.code] % {"maximum": MAXIMUM_NAME})
    return _form(request, issued=issued)


@require_POST
@needs("partner.manage")
def revoke(request: HttpRequest) -> HttpResponse:
    """Revoke the credential of the form's `login`, then redirect to the list.

    Raises:
        Http404: no credential has this login.
    """
    login = request.POST.get("login", "")
    try:
        revoke_credential(
            actor=actor_of(request), login=login.replace("\0", ""), now=now_of(request)
        )
    except ObjectDoesNotExist as missing:
        raise Http404 from missing
    messages.success(request, _("The access has ended: its next call is refused."))
    return redirect("account_access")


def _form(
    request: HttpRequest,
    *,
    refused: str = "",
    issued: IssuedCredentials | None = None,
) -> HttpResponse:
    context = {
        "typed": {n: request.POST.get(n, "") if refused else "" for n in ("name", "quota")},
        "refused": refused,
        "issued": issued,
        "longest": MAXIMUM_NAME,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if refused else HTTPStatus.OK
    return render(request, "account_pages/access_add.html", context, status=status)
