"""Bidirectional control characters, written out where people read texts of strangers.

U+202E makes `gpj.exe` look like `exe.jpg`, and may turn the lines of a letter around a name.
"""

import re

_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def written_out(text: str) -> str:
    """Return a text with its bidirectional controls as `⟨U+202E⟩`; letters of every script stay."""
    return _TURNING.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)
