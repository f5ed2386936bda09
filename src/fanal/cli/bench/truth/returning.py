"""What comes back changed: texts, pictures, pages of one hand under ever new names; and what only seems so.

The people of one label share no value here: only what is near tells that they belong together. Words are
letters by chance, drawn as words are (a few of them all the time).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from fanal.cli.bench.truth import varied
from fanal.cli.bench.truth.people import Someone
from fanal.cli.bench.truth.telling import SPAN, Told
from fanal.cli.bench.truth.world import World

_WORDS = 3000
_BITS = 256


class _Part(NamedTuple):
    share: float
    make: Callable[["Returning"], Iterator[Told]]


class Returning:
    """Adds reports to a world, about a fourteenth of its size."""

    def __init__(self, world: World) -> None:
        self.world, self.dice = world, world.dice
        self.lexicon = [self.dice.word(self.dice.between(2, 10)) for _ in range(_WORDS)]
        self.sentences = [self.words(self.dice.between(25, 60)) for _ in range(6)]
        self.viral = [self.dice.digest(32) for _ in range(3)]

    def reports(self) -> list[Told]:
        """Return the reports, in the order in which things happened.

        A part that tells nothing more is over: a large world uses up the numbers there are for fiction.
        """
        found: list[Told] = []
        for part in _PARTS:
            wanted = len(found) + max(1, int(self.world.size * part.share))
            while len(found) < wanted and (more := list(part.make(self))):
                found.extend(more)
        return sorted(found, key=lambda told: (told.at, told.reference))

    def words(self, count: int) -> list[str]:
        """Return the words of a text."""
        return [self.dice.often_first(self.lexicon) for _ in range(count)]

    def changed(self, text: Sequence[str]) -> list[str]:
        """Return a text with some words replaced, left out or put in: from none to one in ten."""
        dice, share, found = self.dice, self.dice.uniform() / 10, list[str]()
        for word in text:
            if not dice.happens(share):
                found.append(word)
            elif dice.happens(0.7):
                found.extend(self.words(dice.between(1, 2)))
        return found

    def saved_again(self, picture: str) -> str:
        """Return a picture's fingerprint after it was saved again, cut or marked: 0 to 24 bits differ."""
        value = int(picture, 16)
        for _ in range(self.dice.between(0, 24)):
            value ^= 1 << self.dice.below(_BITS)
        return f"{value:064x}"

    def report(self, person: Someone, mark: str) -> Told:
        """Return a report about a person, to be filled."""
        told = self.world.teller.report(
            person, self.world.teller.when(person), traps=frozenset({mark})
        )
        told.body.pop("description", None)
        return told

    def bare(self, person: Someone, mark: str, kept: str) -> Told:
        """Return a report that surely tells one kind of a person's identifiers, as they are."""
        told = self.report(person, mark)
        suspect = suspect_of(told)
        if kept == "handles":
            platform, name = person.handles[0]
            suspect["handles"] = [{"platform": platform, "value": name}]
        else:
            suspect[kept] = [(person.emails if kept == "emails" else person.phones)[0]]
        return told

    def say(self, told: Told, *, name: str, birth: str, always: bool = False) -> None:
        """Have a report tell a name and a day of birth; often one of them, or none, unless `always`."""
        suspect = suspect_of(told)
        for key, value, share in (("name", name, 0.5), ("birth_date", birth, 0.4)):
            suspect.pop(key, None)
            if always or self.dice.happens(share):
                suspect[key] = value

    def hands(self, least: int, most: int) -> list[Someone]:
        """Return one hand under several names: nothing of them in common."""
        label = self.world.fresh_label()
        return [self.world.offender(label) for _ in range(self.dice.between(least, most))]

    def strangers(self, least: int, most: int) -> list[Someone]:
        """Return people who have nothing to do with one another."""
        return [self.world.offender() for _ in range(self.dice.between(least, most))]


def suspect_of(told: Told) -> dict[str, object]:
    """Return the first suspect of a report, to be changed."""
    found: dict[str, object] = told.body["persons"][0]  # type: ignore[index]
    return found


def _scripts(make: Returning) -> Iterator[Told]:
    """Tell one hand's text: pasted by a witness with words around it, or message by message."""
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


def _pictures(make: Returning) -> Iterator[Told]:
    """Tell one hand's picture, saved again each time."""
    picture = make.dice.digest(32)
    for person in make.hands(2, 5):
        told = make.report(person, "PICTURE")
        told.body["files"] = [{"pdq": make.saved_again(picture)}]
        yield told


def _mirrors(make: Returning) -> Iterator[Told]:
    """Tell of one page that comes back under other host names."""
    dice, label = make.dice, make.world.fresh_label()
    path = f"{dice.word(6)}/{dice.word(5)}-{dice.below(100_000)}"
    for _ in range(dice.between(2, 4)):
        url = f"https://{dice.word(9)}.test/{path}"
        yield make.world.teller.page(label, url, dice.below(SPAN), traps=frozenset({"MIRROR"}))


def _folders(make: Returning) -> Iterator[Told]:
    """Tell of the pages of one account on a host where many have theirs."""
    dice, label = make.dice, make.world.fresh_label()
    account = f"https://host{dice.below(12)}.test/u/{dice.word(8)}"
    for _ in range(dice.between(2, 5)):
        url = f"{account}/{dice.below(10_000)}.html"
        yield make.world.teller.page(label, url, dice.below(SPAN), traps=frozenset({"FOLDER"}))


def _sentences(make: Returning) -> Iterator[Told]:
    """Write a service's own sentence with a word or two filled in, alone or before what happened."""
    for person in make.strangers(1, 1):
        told = make.report(person, "SENTENCE")
        sentence = list(make.dice.often_first(make.sentences))
        sentence[make.dice.below(len(sentence))] = make.dice.word(8)
        own = [] if make.dice.happens(0.5) else make.words(make.dice.between(10, 60))
        told.body["description"] = " ".join([*sentence, *own])
        yield told


def _chain_letters(make: Returning) -> Iterator[Told]:
    """Let a few strangers pass a text on: alike, and no tie."""
    text = make.words(make.dice.between(40, 80))
    for person in make.strangers(2, 4):
        told = make.report(person, "CHAIN_LETTER")
        told.body["description"] = " ".join(make.changed(text))
        yield told


def _viral_pictures(make: Returning) -> Iterator[Told]:
    """Tell of a picture that goes round, saved again by each who passes it on."""
    for person in make.strangers(1, 1):
        told = make.report(person, "VIRAL_PICTURE")
        told.body["files"] = [{"pdq": make.saved_again(make.dice.often_first(make.viral))}]
        yield told


def _same_paths(make: Returning) -> Iterator[Told]:
    """Tell of pages of unrelated places that one program serves: equal paths, other hosts."""
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
