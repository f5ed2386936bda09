"""The sketch of a report: what it can resemble others by, as keyed digests and fingerprints.

A key is 61 bits of a keyed digest above three bits for its kind. Keys that too many reports hold are worn:
they are stored no more.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import IntEnum
from hashlib import blake2b
from itertools import islice

from msgspec import Struct

from fanal.analyse.domain.nearness import pictures_of
from fanal.crosscheck.domain.near.pages import family_of, mirror_of
from fanal.crosscheck.domain.near.passages import passages_of, sample
from fanal.crosscheck.domain.near.postal import postal_keys
from fanal.crosscheck.domain.near.rules import NearRules
from fanal.crosscheck.domain.near.sounding import sounds_of
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind

_HASH = 32
_KIND = 7


class Trait(IntEnum):
    """The kinds of key. Stored: append, never reorder."""

    PASSAGE = 0
    MIRROR = 1
    FAMILY = 2
    ADDRESS = 3
    NAME = 5
    """How a suspect's name sounds, with the date of birth."""
    PICTURE = 4
    """A picture itself: how often it was seen. What is near it is found by its pieces."""
    SPELLING = 6
    """What variations of a handle, mailbox or number share. It stands with its value, in no sketch."""


class Sketch(Struct, frozen=True):
    """Keys (signed 64-bit) and PDQ fingerprints (32 octets each) of a report.

    `seen` holds the keys of the pictures, in their order; empty in a sketch that was stored.
    """

    keys: frozenset[int] = frozenset()
    pictures: tuple[bytes, ...] = ()
    seen: tuple[int, ...] = ()

    def of(self, *traits: Trait) -> frozenset[int]:
        """Return the keys of some kinds."""
        return frozenset(key for key in self.keys if key & _KIND in traits)

    def without(self, worn: frozenset[int]) -> "Sketch":
        """Return a fresh sketch without the keys that go round, and without the pictures that do."""
        kept = [
            (pdq, key) for pdq, key in zip(self.pictures, self.seen, strict=True) if key not in worn
        ]
        return Sketch(self.keys - worn, tuple(pdq for pdq, _ in kept), tuple(k for _, k in kept))


class Sketcher:
    """Makes sketches under one secret; its digests compare with none made under another."""

    def __init__(self, secret: bytes, rules: NearRules) -> None:
        self._secret, self._rules = secret, rules

    def sketch(self, report: HarmonisedReport) -> Sketch:
        """Return the sketch of a report; empty where it has nothing to resemble by."""
        rule = self._rules
        passages = {self.key(Trait.PASSAGE, passage) for passage in passages_of(report, rule.text)}
        found = {pdq for held in pictures_of(report).values() for pdq in held}
        pictures = tuple(sorted(found)[: rule.picture.pictures])
        seen = tuple(self.key(Trait.PICTURE, pdq.hex()) for pdq in pictures)
        keys = {
            *sample(passages, rule.text),
            *(key for key, _ in self.pages(report)),
            *(self.key(Trait.ADDRESS, text) for text in postal_keys(report)),
            *(self.key(Trait.NAME, text) for text in sounds_of(report)),
            *seen,
        }
        return Sketch(frozenset(keys), pictures, seen)

    def pages(self, report: HarmonisedReport) -> Iterator[tuple[int, str]]:
        """Yield the keys of a report's pages, each with the address that it comes from."""
        rule = self._rules.page
        addresses = (s.value for s in report.selectors if s.kind is SelectorKind.URL)
        for address in islice(dict.fromkeys(addresses), rule.pages):
            mirror, family = mirror_of(address, rule.path), family_of(address)
            if mirror is not None:
                yield self.key(Trait.MIRROR, mirror), address
            if family is not None:
                yield self.key(Trait.FAMILY, family), address

    def key(self, trait: Trait, text: str) -> int:
        """Return the key of a text of one kind."""
        octets = text.encode("utf-8", "surrogatepass")
        digest = blake2b(octets, digest_size=8, key=self._secret, person=b"near%d" % trait).digest()
        return int.from_bytes(digest, "little", signed=True) & ~_KIND | trait


def going_round(sketches: Iterable[Sketch], rules: NearRules) -> frozenset[int]:
    """Return the keys that more of `sketches` hold than the rules allow."""
    most = {
        Trait.PASSAGE: rules.holders.passage,
        Trait.MIRROR: rules.holders.page,
        Trait.FAMILY: rules.holders.page,
        Trait.ADDRESS: rules.holders.address,
        Trait.NAME: rules.holders.name,
        Trait.PICTURE: rules.holders.picture,
    }
    counts = Counter(key for sketch in sketches for key in sketch.keys)
    return frozenset(key for key, count in counts.items() if count > most[Trait(key & _KIND)])


def rejected(pairs: Iterable[tuple[Sketch, Sketch]], rules: NearRules) -> frozenset[int]:
    """Return the passages that too many of the pairs share which people rejected."""
    counts = Counter(key for one, two in pairs for key in one.of(Trait.PASSAGE) & two.keys)
    return frozenset(key for key, count in counts.items() if count >= rules.holders.rejections)


def pack_pictures(sketch: Sketch) -> bytes:
    """Return the fingerprints of a sketch as octets."""
    return b"".join(sketch.pictures)


def read_pictures(content: bytes | memoryview) -> tuple[bytes, ...]:
    """Return what `pack_pictures` packed."""
    octets = bytes(content)
    return tuple(octets[at : at + _HASH] for at in range(0, len(octets), _HASH))
