"""Emergency numbers on the public pages, and the official source of each.

The pages show no caveat, which might keep a child from calling. `fanal doctor` lists for the operator the
numbers without a verified source (ADR 0015).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HelpLine:
    """An emergency number on the public pages.

    `said` is its description there, `source` the official text that confirms it, "" without one.
    """

    number: str
    said: str
    source: str = ""


HELP_LINES = (
    HelpLine("17", "police, right now; free"),
    HelpLine("112", "emergency, all of Europe; free"),
    HelpLine("119", "children in danger, day and night; free"),
    HelpLine("3018", "online violence and blackmail, removal of content; free"),
    HelpLine(
        "114", "emergency by text message, app and internet, day and night, for who cannot talk"
    ),
)


def unchecked() -> tuple[HelpLine, ...]:
    """Return the numbers whose description nobody has compared with an official text."""
    return tuple(line for line in HELP_LINES if not line.source)
