"""Records of the home page: the numbers of each role, which lead to lists, and the load of each person."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.functional import Promise
from msgspec import Struct

from fanal.kernel.actors import Role


class HomeNumber(Struct, frozen=True, kw_only=True):
    """A number on the home page, its label (`words`), and the list with as many rows (`href`).

    `tone`: `danger` or `warn` where somebody must act, else empty. `capped`: the number is a lower bound.
    `standing`: it is a figure, such as one of statistics, rather than work to do; its section is shown even
    if nothing waits. `due_at`: the soonest deadline among the items, None without any.
    """

    number: int
    words: str | Promise
    href: str
    tone: str = ""
    capped: bool = False
    standing: bool = False
    due_at: datetime | None = None

    @property
    def shown_tone(self) -> str:
        """The tone, "" for zero: nothing waits there."""
        return self.tone if self.number else ""


class HomeLoad(Struct, frozen=True, kw_only=True):
    """A person of a desk and the reports in their charge: `number`, and `href` of the list of them.

    `capped`: the number is a lower bound.
    """

    name: str
    number: int
    href: str
    capped: bool = False


class HomeSection(Struct, frozen=True, kw_only=True):
    """The part of the home page for a role: its numbers, and for a supervisor the load of each person.

    `loads` lists the people with the most reports in charge, `others` counts those left out. `team` is the
    URL of the page with all of them.
    """

    role: Role
    numbers: Sequence[HomeNumber]
    loads: Sequence[HomeLoad] = ()
    others: int = 0
    team: str = ""

    @property
    def has_work(self) -> bool:
        """Whether something waits for the role, or the section shows figures."""
        return any(one.number or one.standing for one in self.numbers) or bool(self.loads)
