"""Parts of labelled reports: words, altered texts, re-saved pictures, reports about given people."""

from collections.abc import Sequence

from benchmarks.truth.people import Someone
from benchmarks.truth.telling import Told
from benchmarks.truth.world import World

_WORDS = 3000
_BITS = 256


class Making:
    """Makes parts of reports from the people and the random generator of `world`."""

    def __init__(self, world: World) -> None:
        self.world, self.dice = world, world.dice
        self.lexicon = [self.dice.word(self.dice.between(2, 10)) for _ in range(_WORDS)]
        self.sentences = [self.words(self.dice.between(25, 60)) for _ in range(6)]
        self.viral = [self.dice.digest(32) for _ in range(3)]

    def words(self, count: int) -> list[str]:
        """Return `count` random words of the vocabulary."""
        return [self.dice.often_first(self.lexicon) for _ in range(count)]

    def changed(self, text: Sequence[str]) -> list[str]:
        """Return a text with some words replaced, removed or added: from none to one in ten."""
        dice, share, found = self.dice, self.dice.uniform() / 10, list[str]()
        for word in text:
            if not dice.happens(share):
                found.append(word)
            elif dice.happens(0.7):
                found.extend(self.words(dice.between(1, 2)))
        return found

    def saved_again(self, picture: str) -> str:
        """Return the PDQ hash of a picture after re-saving, cropping or marking: 0 to 24 bits differ."""
        value = int(picture, 16)
        for _ in range(self.dice.between(0, 24)):
            value ^= 1 << self.dice.below(_BITS)
        return f"{value:064x}"

    def report(self, person: Someone, mark: str) -> Told:
        """Return a report about a person, without a description; `mark` is its only added trap."""
        told = self.world.teller.report(
            person, self.world.teller.when(person), traps=frozenset({mark})
        )
        told.body.pop("description", None)
        return told

    def bare(self, person: Someone, mark: str, kept: str) -> Told:
        """Return a report that certainly has the person's first identifier of one kind, without errors.

        `kept` is that kind: `handles`, `emails` or `phones`; `mark` is its only added trap.
        """
        told = self.report(person, mark)
        suspect = suspect_of(told)
        if kept == "handles":
            platform, name = person.handles[0]
            suspect["handles"] = [{"platform": platform, "value": name}]
        else:
            suspect[kept] = [(person.emails if kept == "emails" else person.phones)[0]]
        return told

    def say(self, told: Told, *, name: str, birth: str, always: bool = False) -> None:
        """Set name and birth date of a report's suspect: each by chance, or both if `always`."""
        suspect = suspect_of(told)
        for key, value, share in (("name", name, 0.5), ("birth_date", birth, 0.4)):
            suspect.pop(key, None)
            if always or self.dice.happens(share):
                suspect[key] = value

    def hands(self, least: int, most: int) -> list[Someone]:
        """Return several identities of one offender (with the same label) that have no value in common.

        From `least` to `most` of them.
        """
        label = self.world.fresh_label()
        return [self.world.offender(label) for _ in range(self.dice.between(least, most))]

    def strangers(self, least: int, most: int) -> list[Someone]:
        """Return several unrelated people, from `least` to `most`."""
        return [self.world.offender() for _ in range(self.dice.between(least, most))]


def suspect_of(told: Told) -> dict[str, object]:
    """Return the first suspect in a report's body, a mutable dict."""
    found: dict[str, object] = told.body["persons"][0]  # type: ignore[index]
    return found
