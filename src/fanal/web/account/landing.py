"""Landing page after sign-in: the home page for staff, their own first page for partners and laboratories."""

from collections.abc import Mapping

from django.urls import Resolver404, resolve, reverse
from django.utils.translation import override

from fanal.kernel.actors import Role

_HOME = ("home/",)

LANDINGS: Mapping[Role, tuple[str, ...]] = {
    Role.ANALYST: _HOME,
    Role.SUPERVISOR: _HOME,
    Role.JUDICIAL_OFFICER: _HOME,
    Role.MEASURES_OFFICER: _HOME,
    Role.OVERSEER: _HOME,
    Role.STATISTICIAN: (*_HOME, "figures/"),
    Role.ADMINISTRATOR: _HOME,
    Role.LABORATORY: ("partners/laboratory/", "partners/"),
    Role.PARTNER: ("partners/",),
}
"""Paths below the language prefix, preferred first; the account page is the fallback."""


def landing_path(roles: frozenset[Role], *, language: str) -> str:
    """Return the URL path in `language` of the first page, after sign-in, of a person with `roles`.

    The first role of `LANDINGS` with a page on this node decides; without one, the account page.
    """
    for role, paths in LANDINGS.items():
        if role in roles:
            found = next((p for p in _absolute(paths, language) if _served(p, language)), None)
            if found:
                return found
    with override(language):
        return reverse("account_home")


def _absolute(paths: tuple[str, ...], language: str) -> list[str]:
    return [f"/{language}/{path}" for path in paths]


def _served(path: str, language: str) -> bool:
    with override(language):
        try:
            resolve(path)
        except Resolver404:
            return False
    return True
