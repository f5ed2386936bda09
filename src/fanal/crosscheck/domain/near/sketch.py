"""The sketch of a report: what it can resemble others by, as keyed digests and fingerprints.

A key is 61 bits of a keyed digest above three bits for its kind. Keys that too many reports hold are worn:
they are stored no more.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from enum import IntEnum
from hashlib import blake2b
from itertools import islice
from typing import Final

from msgspec import Struct

from fanal.analyse.domain.nearness import pictures_of
from fanal.crosscheck.domain.hubs import is_empty_name, is_short_link
from fanal.crosscheck.domain.near.rules import NearRules, TextRule
from fanal.formats.report.records import PersonRole
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind
from fanal.harmonise.domain.reporter import is_of_reporter
from fanal.harmonise.domain.search import fold

# Postal addresses as they are compared: number, words of the street, and a postcode or a town.
#
# The forms follow the French address base (Base Adresse Nationale): a number with its `bis` or `ter`, a
# kind of way, a name. Abbreviations are those that people write. Nothing is looked up: an address that does
# not exist is compared as one that does.

# Beside a street, the outside formats carry town and postcode in fields of the person or of the report.
_STREET = re.compile(r"[/.]address(?:es)?(?:\[\d+\])?[/.](address|street1?)$")
_NUMBER = re.compile(
    r"^\D{0,12}?(\d{1,4})\s*(bis|ter|quater|[a-d](?=[\s,]))?[\s,]+(.+)$", re.DOTALL
)
_POSTCODE = re.compile(r"\b(\d{5})\b")
_WORD = re.compile(r"[^\W_]+")
_SHORT: Final = {
    "av": "avenue",
    "ave": "avenue",
    "bd": "boulevard",
    "bld": "boulevard",
    "blvd": "boulevard",
    "r": "rue",
    "pl": "place",
    "che": "chemin",
    "ch": "chemin",
    "chem": "chemin",
    "imp": "impasse",
    "all": "allee",
    "rte": "route",
    "sq": "square",
    "fg": "faubourg",
    "fbg": "faubourg",
    "crs": "cours",
    "lot": "lotissement",
    "res": "residence",
    "qu": "quai",
    "st": "saint",
    "ste": "sainte",
    "gal": "general",
    "mal": "marechal",
    "dr": "docteur",
    "pdt": "president",
    "pres": "president",
    "cdt": "commandant",
    "col": "colonel",
    "prof": "professeur",
    "allees": "allee",
}
_LEFT_OUT: Final = frozenset(("de", "du", "des", "la", "le", "les", "l", "d", "et", "cedex"))


def postal_keys(report: HarmonisedReport) -> set[str]:
    """Return the postal addresses of a report in the forms that are compared, its reporter's left out."""
    place = report.place
    codes = {p.postcode for p in report.persons if p.postcode and p.role is not PersonRole.REPORTER}
    if place is not None and place.postcode:
        codes.add(place.postcode)
    beside = {extra.path: extra.value for extra in report.extra}
    found: set[str] = set()
    for path, street in beside.items():
        leaf = _STREET.search(path)
        if leaf is None or is_of_reporter(path):
            continue
        town = beside.get(path[: leaf.start(1)] + "city") or (place and place.locality) or ""
        found |= forms_of(street, codes, town)
    return found


def forms_of(street: str, codes: Collection[str], town: str) -> set[str]:
    """Return an address by its postcode and by its town, each where it is sure.

    `codes` are the postcodes that stand beside it: one of several is not sure, one in the text itself is.
    There is no form without a number and a name.
    """
    text = fold(street)
    within = _POSTCODE.search(text)
    found = _NUMBER.match(_POSTCODE.split(text)[0] if within else text)
    if found is None:
        return set()
    number, again, name = found.groups()
    words = [_SHORT.get(word, word) for word in _WORD.findall(name)]
    kept = [word for word in words if word not in _LEFT_OUT]
    if len(kept) < 2:
        return set()
    code = within.group(1) if within else next(iter(codes)) if len(codes) == 1 else ""
    places = (code, " ".join(_WORD.findall(fold(town))))
    street = f"{int(number)}{(again or '')[:1]} {' '.join(kept)}"
    return {f"{street} {place}" for place in places if place}


# Names as they sound, from one script to another: their consonants alone, word by word.
#
# Arabic writes no short vowels, and one name has many Latin spellings: only consonants compare. The table is
# ours: for each letter, Persian ones too, the consonant by which French and English spell it. Alone this says
# little, so it is compared together with a date of birth.

_ARABIC: Final = {
    **dict(zip("بتثجدذرزسصضطظفقكلمنحه", "bttjddrzssdtzfkklmnhh", strict=True)),
    "خ": "X",
    "ش": "C",
    "غ": "g",
    "پ": "p",
    "چ": "C",
    "ژ": "j",
    "گ": "g",
    "ک": "k",
}
"""Vowels, long ones too, and what carries them are left out."""
_SCRIPT = re.compile("[\u0600-\u06ff]")
_SOUNDING_WORD = re.compile(r"[^\W\d_]+")
_ARTICLE = re.compile("^(?:ال|[أا]?بو)(?=.{3})")
"""The article, and `Bou`, which is left out in Latin letters too."""
_NOT_NAMES: Final = frozenset(
    (
        *("بن", "ابن", "بنت", "ولد", "ben", "bin", "ibn", "bint", "ould", "el", "al", "ul"),
        *("ar", "as", "ad", "an", "az", "er", "es", "ed", "en", "ez"),
    )
)
_SERVANT = re.compile(r"^abd[aeou]?(?:l|r(?=r)|s(?=s)|n(?=n)|z(?=z)|d(?=d))?(?:(?=.{3})|$)")
_SON = re.compile(r"^(?:ben(?=[^aeiou]*[aeiou].{1})|bou)(?=.{3})")
_LATIN = (
    *((re.compile(a), b) for a, b in (("kh", "X"), ("[sc]h", "C"), ("gh", "g"), ("ph", "f"))),
    *((re.compile(a), b) for a, b in (("dj", "j"), ("th", "t"), ("dh", "d"), ("c(?=[eiy])", "s"))),
    *((re.compile(a), b) for a, b in (("[qc]", "k"), ("[aeiouyw]", ""))),
)
_TAIL = re.compile(r"h$")
_DOUBLED = re.compile(r"(.)\1+")
_LEAST = 4


def sounds_of(report: HarmonisedReport) -> set[str]:
    """Return how the names of a report's suspects sound, each with the date of birth beside it."""
    return {
        f"{sound} {person.birth_date}"
        for person in report.persons
        if person.role is PersonRole.SUSPECT and person.name and person.birth_date
        if (sound := sound_of(person.name))
    }


def sound_of(name: str) -> str:
    """Return the consonants of a full name, its words in order; empty where they are too few to tell."""
    if is_empty_name(name):
        return ""
    words = _arabic(name) if _SCRIPT.search(name) else _latin(name)
    kept = sorted({word for word in words if word})
    return " ".join(kept) if len(kept) > 1 and sum(map(len, kept)) >= _LEAST else ""


def _arabic(name: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKC", name) if not unicodedata.combining(c))
    words = [
        _ARTICLE.sub("", word) for word in _SOUNDING_WORD.findall(plain) if word not in _NOT_NAMES
    ]
    return [_closed("".join(_ARABIC.get(c, "") for c in word)) for word in words]


def _latin(name: str) -> list[str]:
    found: list[str] = []
    for word in _SOUNDING_WORD.findall(fold(name)):
        servant = _SERVANT.match(word)
        parts = ["abd", word[servant.end() :]] if servant else [_SON.sub("", word)]
        found += [_consonants(part) for part in parts if part not in _NOT_NAMES]
    return found


def _consonants(word: str) -> str:
    for pattern, sound in _LATIN:
        word = pattern.sub(sound, word)
    return _closed(word)


def _closed(consonants: str) -> str:
    """Return consonants without the last breath, which few write, and each once in a row."""
    return _TAIL.sub("", _DOUBLED.sub(r"\1", consonants))


# Passages of a text: runs of words without case, accents and figures, of which a sample is kept.
#
# The sample is the smallest digests (Broder 1997: the smallest under one random order are a fair sample of a
# set), a share of a long text and more of a short one. Who has no key can tell no word from a digest.

# Words of letters; scripts that set no blanks between words are read letter by letter.
_SKETCH_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]+")
# Addresses, numbers and names on services change from copy to copy, and are compared as values.
_VALUE = re.compile(r"://|@|\d")


def passages_of(report: HarmonisedReport, rule: TextRule) -> Iterator[str]:
    """Yield the passages of a report's own texts, in their order; none where they are too short."""
    told = (part for part in _text(report)[: rule.characters].split() if not _VALUE.search(part))
    words = _SKETCH_WORD.findall(fold(" ".join(told)))
    if len(words) >= rule.least + rule.words - 1:
        yield from map(" ".join, zip(*(words[n:] for n in range(rule.words)), strict=False))


def sample(digests: set[int], rule: TextRule) -> list[int]:
    """Return the smallest of the digests of a text's passages; empty where they are too few."""
    if len(digests) < rule.least:
        return []
    return sorted(digests)[: max(rule.fewest, min(rule.most, len(digests) // rule.one_in))]


def _text(report: HarmonisedReport) -> str:
    texts = (report.description, *(message.text for message in report.conversation))
    return "\n".join(text for text in texts if text)


# Pages that are near: the same path at another host, another page of the same folder or thread.

_PAGING: Final = frozenset(("page", "p", "pg", "start", "offset", "from", "post", "img", "pic"))
"""Parameters that turn the pages of one thing."""
_INDEX = re.compile(r"/(?:index|default|home)\.\w{2,5}$")
_NUMBERED = re.compile(r"\d(?:\.\w{2,5})?$")
_PART = re.compile(r"[^/?&=]+")
_SKETCH_NUMBER = re.compile(r"(?<!\d)(?!(?:19|20)\d\d(?!\d))\d{4,}")  # no year
_DEEP: Final = 2
_SLUG: Final = 12  # letters: `wp-content` has ten
_TOKEN: Final = 7


def host_of(key: str) -> str:
    """Return the host of an address as it is compared, without `www.`."""
    host = key.partition("://")[2].partition("/")[0].partition("?")[0]
    return host.removeprefix("www.")


def mirror_of(key: str, least: int) -> str | None:
    """Return path and query of an address, by which its mirrors are found; None for what many places have."""
    rest = _rest(key)
    if len(rest) < least or is_short_link(host_of(key)):
        return None
    return rest if any(map(_is_telling, _PART.findall(rest))) else None


def _is_telling(part: str) -> bool:
    """Return whether a part of a path is somebody's own, and no name that a program gives everywhere."""
    if _SKETCH_NUMBER.search(part):
        return True
    if "." in part:
        return False
    mixed = any(c.isdigit() for c in part) and any(c.isalpha() for c in part)
    return len(part) >= _SLUG or (mixed and len(part) >= _TOKEN)


def family_of(key: str) -> str | None:
    """Return what the pages of one folder, or of one thread, have in common; None at the top of a host."""
    host, rest = host_of(key), _rest(key)
    path, _, query = rest.partition("?")
    if is_short_link(host):
        return None
    if query:
        kept = [pair for pair in query.split("&") if pair.partition("=")[0] not in _PAGING]
        # What chooses the thing is not told from what sorts it: all of it has to be equal.
        return f"{host}{path}?{'&'.join(sorted(kept))}" if kept else None
    folder, _, name = path.rpartition("/")
    deep = folder.count("/")
    numbered = _NUMBERED.search(name) is not None
    return f"{host}{folder}/" if deep >= _DEEP or (deep == 1 and numbered) else None


def _rest(key: str) -> str:
    rest = key.partition("://")[2]
    slash = rest.find("/")
    path, mark, query = (rest[slash:] if slash >= 0 else "").partition("?")
    path = _INDEX.sub("", path).rstrip("/")
    return f"{path}?{query}" if mark and query else path


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
