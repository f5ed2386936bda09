"""Routes of the sign-in library's pages on a person's own second factors, with a lock around each change.

The library stores a factor, and signals it, without a transaction around both. Here one transaction begins
with the lock of the account, and the request is refused if the sign-in was reset, the account closed or its
sessions ended meanwhile: an intruder's change in progress must not survive that.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import wraps

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver

from fanal.accounts.operations.people import SignInOver, lock_own_account
from fanal.accounts.routes import declaration_of
from fanal.web.account import devices

View = Callable[..., HttpResponse]
Routes = Sequence[URLPattern | URLResolver]


def as_one_act(routes: Routes) -> Iterator[URLPattern | URLResolver]:
    """Yield the library's URL routes, with views that lock the account where they concern its second factors.

    Such a view runs in one transaction, which the lock begins. `routes` are the library's own.
    """
    for route in routes:
        if isinstance(route, URLResolver):
            yield URLResolver(route.pattern, list(as_one_act(route.url_patterns)))
            continue
        declared = declaration_of(route.callback, route.name or "")
        view = _holding(route.callback) if declared and declared.sign_in else route.callback
        yield URLPattern(route.pattern, view, route.default_args, route.name)


def _holding(view: View) -> View:
    @wraps(view)
    def act(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        user = request.user
        if not user.is_authenticated:  # the route guard has redirected it
            return view(request, *args, **kwargs)
        try:
            with transaction.atomic():
                lock_own_account(user=user, loaded=user.get_session_auth_hash())
                return view(request, *args, **kwargs)
        except SignInOver:
            return devices.end_changed(request)

    return act
