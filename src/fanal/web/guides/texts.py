"""The users' guides as set-up rendered them (`scripts/render_guides.py`), in both languages."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgspec
from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """A guide for users in one language: its `title`, its `sections` as (id, heading), and its `html`."""

    title: str
    sections: tuple[tuple[str, str], ...]
    html: str

    @property
    def content(self) -> SafeString:
        """The HTML, marked as safe for a template: set-up made it from files of the program."""
        return SafeString(self.html)


@cache
def guides() -> Mapping[str, Mapping[str, Guide]]:
    """Return the guides by language (`fr`, `en`) and name (`analyst`); read once by a process."""
    stored = resources.files(__package__).joinpath("rendered.json").read_bytes()
    return msgspec.json.decode(stored, type=dict[str, dict[str, Guide]])
