"""Declarations of the policy action that each view requires; a route without a declaration is refused.

The decorator `@needs("report.read")` lets an actor call a view if the policy allows that action on some
object; the view then checks the policy on its own object. `@open_to_all("page.public")` is for public views:
the policy must allow the action to the public. Views of other libraries are declared by route name in
`NAMED_ROUTES`; views of programs with their own authentication (APIs) by the prefix of the name.

A declaration is an attribute of the view function. The access guard, the page of rights and the generated
test of the access matrix all read it there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from fanal.accounts.domain.policy import POLICY, UnknownAction
from fanal.kernel.actors import Role

V = TypeVar("V", bound=Callable[..., object])

_ATTRIBUTE = "fanal_declaration"
_EVERY_METHOD = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """The actions that a view serves, by HTTP method (`*`: all others), and how its caller authenticates.

    `public` views require no session; `program` views authenticate a partner's credential themselves and
    check the policy with its actor. `sign_in` views show or change how the person signs in: if a second
    factor is enrolled, every method requires a fresh one.
    """

    actions: Mapping[str, str]
    public: bool = False
    program: bool = False
    sign_in: bool = False

    def action_for(self, method: str) -> str | None:
        """Return the action that an HTTP method requires; HEAD and OPTIONS count as GET.

        The result is None if the view declares no action for the method.
        """
        plain = "GET" if method in {"HEAD", "OPTIONS"} else method
        return self.actions.get(plain, self.actions.get(_EVERY_METHOD))


def needs(action: str, **by_method: str) -> Callable[[V], V]:
    """Return a decorator which declares that a view requires `action`.

    `by_method` gives another action for an HTTP method, as in `POST="report.decide"`.

    Raises:
        UnknownAction: the policy declares no such action.
    """
    return _declare(Declaration(actions=_actions(action, by_method)))


def open_to_all(action: str, **by_method: str) -> Callable[[V], V]:
    """Return a decorator which declares that anybody may open a view without signing in.

    The view requires `action`, by default for every method. `by_method` gives another action for an HTTP
    method, such as `POST="report.deposit"`.

    Raises:
        UnknownAction: the policy declares no such action.
        ValueError: the policy does not open an action to the public.
    """
    actions = _actions(action, by_method)
    for name in actions.values():
        if not any(Role.PUBLIC in rule.roles and name in rule.actions for rule in POLICY.rules):
            raise ValueError(f"{name} is not open to the public")
    return _declare(Declaration(actions=actions, public=True))


def for_programs(action: str, **by_method: str) -> Callable[[V], V]:
    """Return a decorator for a view that authenticates a partner's credential itself (the APIs).

    It declares that the view requires `action`. `by_method` gives another action for an HTTP method, such as
    `POST="report.decide"`.

    Raises:
        UnknownAction: the policy declares no such action.
    """
    return _declare(Declaration(actions=_actions(action, by_method), public=True, program=True))


def changes_sign_in(view: V) -> V:
    """Declare that a view shows or changes how a person signs in to their own account (a decorator).

    If a second factor is enrolled, every HTTP method, GET too, requires a fresh verification of it.
    """
    return _declare(_OWN_SIGN_IN)(view)


def declaration_of(view: object, view_name: str = "") -> Declaration | None:
    """Return the declaration of a view, or None; `view_name`: its route name, for other libraries' views."""
    found = getattr(view, _ATTRIBUTE, None) or getattr(
        getattr(view, "view_class", None), _ATTRIBUTE, None
    )
    if isinstance(found, Declaration):
        return found
    return NAMED_ROUTES.get(view_name) or _by_prefix(view_name)


def _by_prefix(view_name: str) -> Declaration | None:
    return next((d for prefix, d in PROGRAM_PREFIXES.items() if view_name.startswith(prefix)), None)


def _declare(declaration: Declaration) -> Callable[[V], V]:
    def decorate(view: V) -> V:
        setattr(view, _ATTRIBUTE, declaration)
        return view

    return decorate


def _actions(action: str, by_method: Mapping[str, str]) -> Mapping[str, str]:
    actions = {_EVERY_METHOD: action, **by_method}
    for name in actions.values():
        if name not in POLICY.actions:
            raise UnknownAction(name)
    return actions


_SIGN_IN = Declaration(actions={_EVERY_METHOD: "account.sign_in"}, public=True)
_OWN_ACCOUNT = Declaration(actions={_EVERY_METHOD: "account.read"})
_OWN_SIGN_IN = Declaration(actions={_EVERY_METHOD: "account.read"}, sign_in=True)

NAMED_ROUTES: Mapping[str, Declaration] = {
    # Sign-in and its second step: the person is not authenticated yet.
    "account_login": _SIGN_IN,
    "account_logout": _SIGN_IN,
    "mfa_authenticate": _SIGN_IN,
    "openid_connect_login": _SIGN_IN,
    "openid_connect_callback": _SIGN_IN,
    "socialaccount_login_error": _SIGN_IN,
    "socialaccount_login_cancelled": _SIGN_IN,
    # The person's own second factors: proven again, listed, changed.
    "account_reauthenticate": _OWN_ACCOUNT,
    "mfa_reauthenticate": _OWN_ACCOUNT,
    "mfa_reauthenticate_webauthn": _OWN_ACCOUNT,
    "mfa_index": _OWN_ACCOUNT,
    "mfa_list_webauthn": _OWN_ACCOUNT,
    "mfa_activate_totp": _OWN_SIGN_IN,
    "mfa_deactivate_totp": _OWN_SIGN_IN,
    "mfa_generate_recovery_codes": _OWN_SIGN_IN,
    "mfa_view_recovery_codes": _OWN_SIGN_IN,
    "mfa_download_recovery_codes": _OWN_SIGN_IN,
    "mfa_add_webauthn": _OWN_SIGN_IN,
    "mfa_remove_webauthn": _OWN_SIGN_IN,
    "mfa_edit_webauthn": _OWN_SIGN_IN,
}
"""Mounted views of django-allauth, by route name."""

PROGRAM_PREFIXES: Mapping[str, Declaration] = {
    "api-v1:openapi-json": Declaration(actions={_EVERY_METHOD: "page.public"}, public=True),
    "api-v1:": Declaration(
        actions={
            "POST": "report.deposit",
            "DELETE": "report.retract",
            _EVERY_METHOD: "report.status",
        },
        public=True,
        program=True,
    ),
}
"""Routes of the API library, by prefix of their name (`namespace:operation`)."""
