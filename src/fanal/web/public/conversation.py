"""A pasted conversation → messages with their speakers. Pure; no word is dropped."""

import re

from fanal.formats.report.records import Message

_MARKS = (
    "\u200e\u200f\u202a\u202b\u202c\ufeff"  # direction marks that messaging apps put in exports
)
_STAMP = (
    r"(?:\[(?P<boxed>[^\]\n]{4,40})\]\s*"
    r"|(?P<plain>\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4},? (?:à )?\d{1,2}[:h]\d{2}(?::\d{2})?(?: [AP]M)?)"
    r"\s*[-–—]\s*"
    r"|(?P<hour>\d{1,2}[:h]\d{2})\s+)?"
)
_LINE = re.compile(_STAMP + r"(?P<speaker>[^:\n]{1,40}?)\s?: ?(?P<text>.+)")
_SCHEME = re.compile(r"(?:h..ps?|ftp|tel|mailto)$", re.IGNORECASE)
MOST_MESSAGES = 2_000


def read_conversation(text: str) -> tuple[Message, ...]:
    """Return the messages of a pasted text, one a line, `name: words`.

    A time before the name is kept as written. A line without a name continues the message before it;
    text before the first name is a message without speaker. Beyond `MOST_MESSAGES` the rest is one
    message.
    """
    messages: list[Message] = []
    lines = [line.strip(_MARKS + " \t") for line in text.split("\n")]
    for index, line in enumerate(lines):
        if len(messages) >= MOST_MESSAGES:
            messages.append(Message(text="\n".join(lines[index:]).strip()))
            break
        if line:
            _take(line, messages)
    return tuple(messages)


def _take(line: str, messages: list[Message]) -> None:
    match = _LINE.fullmatch(line)
    if match is None or _SCHEME.search(match["speaker"]):
        if messages:
            last = messages[-1]
            text = f"{last.text}\n{line}" if last.text else line
            messages[-1] = Message(speaker=last.speaker, at=last.at, text=text)
        else:
            messages.append(Message(text=line))
        return
    stamp = match["boxed"] or match["plain"] or match["hour"]
    messages.append(Message(speaker=match["speaker"].strip(), at=stamp, text=match["text"]))
