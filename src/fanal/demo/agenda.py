"""What happens when: events counted back from the instant of loading, oldest first."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fanal.demo.content import chance

if TYPE_CHECKING:
    from fanal.demo.world import World

Play = Callable[["World", datetime], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happens `before` the instant of loading; `play` gets the world and its instant."""

    before: timedelta
    play: Play
    story: str = ""
    report: str = ""


def story_event(story: str, name: str, days: float, *, play: Play) -> Event:
    """Return the event of a story's report, `days` and some seeded minutes before loading."""
    minutes = chance(f"{name}/hour").randrange(700)
    return Event(before=timedelta(days=days, minutes=minutes), play=play, story=story, report=name)


def ordered(events: Iterable[Event]) -> list[Event]:
    """Return the events oldest first; what shares an instant keeps the order given."""
    return sorted(events, key=lambda event: -event.before)


def chapters(events: list[Event], *, size: int) -> list[list[Event]]:
    """Return the events in runs of `size`."""
    return [events[first : first + size] for first in range(0, len(events), size)]
