"""Emergency numbers on the public pages, in words for the operator.

The pages show no caveat, which might keep a child from calling. `fanal doctor` and the administrator's page
list the numbers that nobody has compared with an official text within a year (ADR 0015).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HelpLine:
    """An emergency number on the public pages; `said` is its description there."""

    number: str
    said: str


HELP_LINES = (
    HelpLine("17", "police, right now; free"),
    HelpLine("112", "emergency, all of Europe; free"),
    HelpLine("119", "children in danger, day and night; free"),
    HelpLine("3018", "online violence and blackmail, removal of content; free"),
    HelpLine(
        "114", "emergency by text message, app and internet, day and night, for who cannot talk"
    ),
)
