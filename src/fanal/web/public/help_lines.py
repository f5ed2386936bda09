"""The numbers that public pages tell somebody in danger to call, and where each was read.

The pages show no caveat: it would keep a child from calling. `fanal doctor` names to the operator what
nobody has read in an official text (ADR 0015).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HelpLine:
    """A number, what the pages say of it, and the official text in which that was read, empty for none."""

    number: str
    said: str
    source: str = ""


HELP_LINES = (
    HelpLine("17", "police, right now; free"),
    HelpLine("112", "emergency, all of Europe; free"),
    HelpLine("119", "children in danger, day and night; free"),
    HelpLine("3018", "online violence and blackmail, removal of content; free"),
    HelpLine("114", "emergency by text message, for who cannot hear or speak"),
)


def unchecked() -> tuple[HelpLine, ...]:
    """Return the lines whose words nobody has compared with an official text."""
    return tuple(line for line in HELP_LINES if not line.source)
