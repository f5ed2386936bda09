"""Pages of sign-in and of the person's own account."""

from allauth.account.views import LoginView, password_change
from django.contrib import messages
from django.contrib.auth import logout as end_session
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.domain.policy import may
from fanal.accounts.operations import people as operations
from fanal.accounts.queries.people import find_user, own_habilitations
from fanal.accounts.queries.resets import open_reset_of
from fanal.accounts.routes import changes_sign_in, needs, open_to_all
from fanal.web.account import demo, devices, second_factor
from fanal.web.account.actors import actor_of, now_of, state_motive, stated_motive
from fanal.web.account.habilitations import line_of, opened_to


class SignInView(LoginView):  # type: ignore[misc] # allauth carries no types
    """The sign-in page; in a demo it shows the demo accounts as buttons."""

    template_name = "account_pages/login.html"

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        """Return the form's context, with the demo accounts and the single sign-on providers.

        Added keys: `choices` (accounts), `next` (path to go to afterwards), `single_sign_on` (name and URL).
        """
        context: dict[str, object] = super().get_context_data(**kwargs)
        context["choices"] = demo.choices(get_language() or "fr")
        context["next"] = self.request.GET.get("next", "")
        context["single_sign_on"] = _single_sign_on(self.request)
        return context


login = open_to_all("account.sign_in")(SignInView.as_view())


@never_cache
@require_GET
@needs("account.read")
def home(request: HttpRequest) -> HttpResponse:
    """Show the person's account: roles, habilitations, second factor, stated purpose, sessions."""
    actor, now = actor_of(request), now_of(request)
    context = {
        "lines": [line_of(h, now=now, actor=actor) for h in own_habilitations(actor=actor)],
        "motive": stated_motive(request),
        "second_factor_passed": second_factor.is_satisfied(request),
        "may_review": may(actor, "habilitation.review"),
        "demo": demo.is_on(),
        "opened": opened_to(actor),
        "reset": open_reset_of(person_id=actor.person_id, now=now),
    }
    return render(request, "account_pages/home.html", context)


@require_POST
@needs("account.read")
def motive(request: HttpRequest) -> HttpResponse:
    """Store the purpose of the person's present task, which each reading of personal data will carry.

    The form holds `motive` (the purpose) and `next`, the path to redirect to, else the account page.
    """
    state_motive(request, request.POST.get("motive", ""))
    messages.success(
        request, _("The purpose is recorded with each of your consultations from now on.")
    )
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return redirect(target if safe and target.startswith("/") else "account_home")


@never_cache
@changes_sign_in
def password(request: HttpRequest) -> HttpResponse:
    """Show the form to change the person's password (GET), or change it (POST); a known browser stays known.

    An account that uses single sign-on has no password: it is redirected to the account page.
    """
    if request.user.is_authenticated and not request.user.has_usable_password():
        messages.info(request, _("This account signs in by single sign-on and has no password."))
        return redirect("account_home")
    login = request.user.get_username()
    was_known = devices.known_as(request, login)
    answer: HttpResponse = password_change(request)
    if was_known and request.user.is_authenticated and not devices.known_as(request, login):
        devices.remember(request, answer, user=request.user)
    return answer


@require_POST
@needs("account.read")
def end_sessions(request: HttpRequest) -> HttpResponse:
    """End every session of the person, including this one, then redirect to the sign-in page.

    Raises:
        Http404: the account is closed.
    """
    user = find_user(username=request.user.get_username())
    if user is None:
        raise Http404
    operations.end_sessions(actor=actor_of(request), user=user, now=now_of(request))
    end_session(request)
    return redirect("account_login")


def _single_sign_on(request: HttpRequest) -> list[dict[str, str]]:
    """Return name and sign-in URL of each single sign-on provider."""
    from allauth.socialaccount.adapter import get_adapter  # noqa: PLC0415 - needs the app registry

    providers = get_adapter().list_providers(request)
    return [{"name": p.name, "url": p.get_login_url(request, process="login")} for p in providers]
