"""Demo mode of the sign-in page: whether it is on, and the demo accounts on offer."""

from dataclasses import dataclass

from fanal import reference
from fanal.accounts.domain.demo import DEMO_ACCOUNTS

_on = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoChoice:
    """A demo account, shown as a button on the sign-in page.

    `username` and `password` sign in; `label` is the name of its role, `name` that of its person.
    """

    username: str
    password: str
    label: str
    name: str


def install(*, on: bool) -> None:
    """Set whether this process serves a demo; called once by `config.wiring`."""
    global _on  # noqa: PLW0603 - the one registry of this module
    _on = on


def is_on() -> bool:
    """Return whether this process serves a demo database on loopback."""
    return _on


def choices(language: str) -> list[DemoChoice]:
    """Return the demo accounts as buttons, their roles named in `language`; none outside a demo.

    In the order of `DEMO_ACCOUNTS`.
    """
    if not _on:
        return []
    return [
        DemoChoice(
            username=account.username,
            password=account.password,
            label=reference.label("role", account.role.value, language),
            name=account.name,
        )
        for account in DEMO_ACCOUNTS
    ]
