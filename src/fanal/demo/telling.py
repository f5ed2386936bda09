"""The stories of a loaded demo with the ids of their reports, for tests, screenshots and guided tours."""

from typing import TypedDict

from fanal.accounts import queries as accounts
from fanal.demo.envelopes import CONVERSATION
from fanal.demo.load import named_events
from fanal.demo.world import HOTLINE, OPERATOR, PLATFORM, submission_key
from fanal.intake import queries as intake
from fanal.intake.domain.records import PUBLIC_SENDER, KeyKind


class ToldReport(TypedDict):
    """A report of a story: its name in the agenda, and its id as text."""

    name: str
    id: str


class ToldStory(TypedDict):
    """A story with its reports; `code` is the receipt code of its conversation, else ""."""

    story: str
    code: str
    reports: list[ToldReport]


def tell() -> list[ToldStory]:
    """Return every story with the reports loaded so far, oldest first."""
    names = (HOTLINE, PLATFORM, OPERATOR, "Chatoria")
    senders = [PUBLIC_SENDER, *filter(None, (accounts.find_partner(name=n) for n in names))]
    stories: dict[str, ToldStory] = {}
    for event in named_events():
        code = CONVERSATION if event.story == "conversation" else ""
        told = stories.setdefault(event.story, ToldStory(story=event.story, code=code, reports=[]))
        for sender_id in senders:
            found = intake.find_key(
                sender_id=sender_id,
                kind=KeyKind.SUBMISSION,
                key=submission_key(event.report)[1],
            )
            if found is not None:
                told["reports"].append(ToldReport(name=event.report, id=str(found)))
    return list(stories.values())
