"""Reports about offenders who return under new identities, with altered texts, pictures and pages.

People of one label share no value here: only similarity shows that they belong together. Unrelated people
with similar values are added as traps. Words are random letters with a natural frequency distribution (a few
are very frequent).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks.truth import varied
from benchmarks.truth.making import Making
from benchmarks.truth.telling import SPAN, Told
from benchmarks.truth.world import World


class _Part(NamedTuple):
    share: float
    make: Callable[[Making], Iterator[Told]]


class Returning:
    """Makes additional reports for `world`, about one for each seven of its own."""

    def __init__(self, world: World) -> None:
        self.world, self.making = world, Making(world)

    def reports(self) -> list[Told]:
        """Return the additional reports in the order of their incidents.

        A part ends early once the numbers reserved for fiction are used up.
        """
        found: list[Told] = []
        for part in _PARTS:
            wanted = len(found) + max(1, int(self.world.size * part.share))
            while len(found) < wanted and (more := list(part.make(self.making))):
                found.extend(more)
        return sorted(found, key=lambda told: (told.at, told.reference))


def _scripts(make: Making) -> Iterator[Told]:
    """Yield reports of one offender's text, altered each time, as a description or a conversation."""
    text = make.words(make.dice.between(25, 120))
    for person in make.hands(2, 6):
        told, words = make.report(person, "TEXT"), make.changed(text)
        if make.dice.happens(0.4):
            middle = len(words) // 2
            told.body["conversation"] = [
                {"speaker": "a", "text": " ".join(part)}
                for part in (words[:middle], words[middle:])
            ]
        else:
            around = make.words(make.dice.between(0, 15))
            told.body["description"] = " ".join([*around, *words])
        yield told


def _pictures(make: Making) -> Iterator[Told]:
    """Yield reports of one offender's picture, re-saved each time."""
    picture = make.dice.digest(32)
    for person in make.hands(2, 5):
        told = make.report(person, "PICTURE")
        told.body["files"] = [{"pdq": make.saved_again(picture)}]
        yield told


def _mirrors(make: Making) -> Iterator[Told]:
    """Yield reports of the same page on several hosts (one label)."""
    dice, label = make.dice, make.world.fresh_label()
    path = f"{dice.word(6)}/{dice.word(5)}-{dice.below(100_000)}"
    for _ in range(dice.between(2, 4)):
        url = f"https://{dice.word(9)}.test/{path}"
        yield make.world.teller.page(label, url, dice.below(SPAN), traps=frozenset({"MIRROR"}))


def _folders(make: Making) -> Iterator[Told]:
    """Yield reports of several pages of one account, on a host with many accounts (one label)."""
    dice, label = make.dice, make.world.fresh_label()
    account = f"https://host{dice.below(12)}.test/u/{dice.word(8)}"
    for _ in range(dice.between(2, 5)):
        url = f"{account}/{dice.below(10_000)}.html"
        yield make.world.teller.page(label, url, dice.below(SPAN), traps=frozenset({"FOLDER"}))


def _sentences(make: Making) -> Iterator[Told]:
    """Yield a report with a service's standard sentence, one word filled in, which links nobody."""
    for person in make.strangers(1, 1):
        told = make.report(person, "SENTENCE")
        sentence = list(make.dice.often_first(make.sentences))
        sentence[make.dice.below(len(sentence))] = make.dice.word(8)
        own = [] if make.dice.happens(0.5) else make.words(make.dice.between(10, 60))
        told.body["description"] = " ".join([*sentence, *own])
        yield told


def _chain_letters(make: Making) -> Iterator[Told]:
    """Yield reports of strangers who pass the same text on: similar, but different labels."""
    text = make.words(make.dice.between(40, 80))
    for person in make.strangers(2, 4):
        told = make.report(person, "CHAIN_LETTER")
        told.body["description"] = " ".join(make.changed(text))
        yield told


def _viral_pictures(make: Making) -> Iterator[Told]:
    """Yield a report with a viral picture, re-saved: similar to others, but a label of its own."""
    for person in make.strangers(1, 1):
        told = make.report(person, "VIRAL_PICTURE")
        told.body["files"] = [{"pdq": make.saved_again(make.dice.often_first(make.viral))}]
        yield told


def _same_paths(make: Making) -> Iterator[Told]:
    """Yield a report of a page with a path that common software serves on unrelated hosts."""
    dice = make.dice
    path = dice.one(("forum/viewtopic.php?t=12", "wp-content/uploads/2025/", "album/view.php?id=7"))
    url = f"https://{dice.word(9)}.test/{path}"
    label = make.world.fresh_label()
    yield make.world.teller.page(label, url, dice.below(SPAN), traps=frozenset({"SAME_PATH"}))


_PARTS = (
    _Part(0.02, _scripts), _Part(0.01, _pictures), _Part(0.005, _mirrors), _Part(0.005, _folders),
    _Part(0.015, _sentences), _Part(0.002, _chain_letters), _Part(0.01, _viral_pictures),
    _Part(0.005, _same_paths),
    _Part(0.01, varied.handles_varied), _Part(0.01, varied.mailboxes_varied),
    _Part(0.006, varied.numbers_varied), _Part(0.01, varied.handle_families),
    _Part(0.004, varied.alike_names), _Part(0.004, varied.mailbox_namesakes),
    _Part(0.004, varied.number_blocks), _Part(0.006, varied.arabic_names),
    _Part(0.002, varied.sounding_alike), _Part(0.004, varied.homes), _Part(0.003, varied.neighbours),
)  # fmt: skip
