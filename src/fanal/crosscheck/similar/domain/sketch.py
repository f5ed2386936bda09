"""The sketch of a report: keyed digests and picture hashes by which similar reports are found.

A sketch key is a number of 64 bits: 61 bits of a digest under a secret key, and three for its kind (`Trait`).
Keys held by too many reports are stop keys and are no longer stored.
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

from fanal.analyse.material.domain.known import pictures_of
from fanal.crosscheck.domain.cards import addresses_of
from fanal.crosscheck.domain.hubs import is_empty_name, is_short_link
from fanal.crosscheck.similar.domain.rules import LineRule, NearRules, TextRule
from fanal.formats.report.records import PersonRole
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind
from fanal.harmonise.domain.redaction.reporter import is_of_reporter
from fanal.harmonise.domain.redaction.search import fold

# Postal addresses in canonical form: number, words of the street, and a postcode or a town.
#
# The forms follow the French address base (Base Adresse Nationale): a number with its `bis` or `ter`, a
# kind of way, a name. The abbreviations are the usual written ones. There is no look-up: an address that
# does not exist is compared like any other.

# Next to a street, the external formats carry town and postcode in fields of the person or of the report.
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
    """Return the canonical forms of the postal addresses in a report, except its reporter's."""
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
    """Return the canonical forms of a postal address: one with its postcode, one with its town.

    `street` is the address line with the number, `town` may be empty. `codes` are the postcodes given with
    the address: a single one is used, several are ambiguous and are not; a postcode in `street` itself
    always is. The result is empty without a number and a street name, or without postcode and town.
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


# Phonetic keys of names across scripts: the consonants of each word.
#
# Arabic writes no short vowels, and one name has many Latin spellings: only consonants compare. The table is
# our own: for each letter, Persian ones too, the consonant of its French and English spelling. The key alone
# is weak evidence, so it is compared together with a date of birth.

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
"""Vowels, long ones too, and their carrier letters are left out."""
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
    """Return the phonetic keys of the names of a report's suspects, each followed by the date of birth."""
    return {
        f"{sound} {person.birth_date}"
        for person in report.persons
        if person.role is PersonRole.SUSPECT and person.name and person.birth_date
        if (sound := sound_of(person.name))
    }


def sound_of(name: str) -> str:
    """Return the phonetic key of a full name: the consonants of its words, sorted.

    Empty for a placeholder, for fewer than two words with consonants, or for fewer than four consonants.
    """
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
    """Return consonants without a final h, which is rarely written, and without repetitions."""
    return _TAIL.sub("", _DOUBLED.sub(r"\1", consonants))


# Passages of a text: shingles of words without case, accents and digits; a sample of them is kept.
#
# The sample is a bottom-k sketch, the smallest digests (Broder 1997: the smallest elements under a random
# order are a uniform sample of a set): a share of a long text, a larger one of a short text. Without the key
# nobody can recover a word from a digest.

# Words of letters; in scripts without spaces between words, each letter is a word.
_SKETCH_WORD = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]+")
# Addresses, numbers and names on services change from copy to copy, and are compared as values.
_VALUE = re.compile(r"://|@|\d")


def passages_of(report: HarmonisedReport, rule: TextRule) -> Iterator[str]:
    """Yield the shingles (runs of `rule.words` words) of a report's texts in order; none for a short text."""
    told = (part for part in _text(report)[: rule.characters].split() if not _VALUE.search(part))
    words = _SKETCH_WORD.findall(fold(" ".join(told)))
    if len(words) >= rule.least + rule.words - 1:
        yield from map(" ".join, zip(*(words[n:] for n in range(rule.words)), strict=False))


def sample(digests: set[int], rule: TextRule) -> list[int]:
    """Return the bottom-k sketch of a text: its smallest passage digests; empty where there are too few.

    It keeps one in `rule.one_in`, from `rule.fewest` to `rule.most`.
    """
    if len(digests) < rule.least:
        return []
    return sorted(digests)[: max(rule.fewest, min(rule.most, len(digests) // rule.one_in))]


def _text(report: HarmonisedReport) -> str:
    texts = (report.description, *(message.text for message in report.conversation))
    return "\n".join(text for text in texts if text)


# Similar pages: the same path at another host, another page of the same folder or thread.

_PAGING: Final = frozenset(("page", "p", "pg", "start", "offset", "from", "post", "img", "pic"))
"""Query parameters that only select a page of the same content."""
_INDEX = re.compile(r"/(?:index|default|home)\.\w{2,5}$")
_NUMBERED = re.compile(r"\d(?:\.\w{2,5})?$")
_PART = re.compile(r"[^/?&=]+")
_SKETCH_NUMBER = re.compile(r"(?<!\d)(?!(?:19|20)\d\d(?!\d))\d{4,}")  # no year
_DEEP: Final = 2
_SLUG: Final = 12  # letters: `wp-content` has ten
_TOKEN: Final = 7


def host_of(key: str) -> str:
    """Return the host of an address in canonical form, without `www.`.

    `key` is the address in comparison form.
    """
    host = key.partition("://")[2].partition("/")[0].partition("?")[0]
    return host.removeprefix("www.")


def mirror_of(key: str, least: int) -> str | None:
    """Return path and query of an address, by which mirrors (the same page on other hosts) are found.

    `key` is the address in comparison form. None for a short link, a path and query under `least`
    characters, and for those that many sites share.
    """
    rest = _rest(key)
    if len(rest) < least or is_short_link(host_of(key)):
        return None
    return rest if any(map(_is_telling, _PART.findall(rest))) else None


def _is_telling(part: str) -> bool:
    """Return whether a path segment is specific to a user or content, not a standard name of software."""
    if _SKETCH_NUMBER.search(part):
        return True
    if "." in part:
        return False
    mixed = any(c.isdigit() for c in part) and any(c.isalpha() for c in part)
    return len(part) >= _SLUG or (mixed and len(part) >= _TOKEN)


def family_of(key: str) -> str | None:
    """Return the part of a page's address that all pages of its folder or discussion thread share.

    `key` is the address in comparison form. With a query, that is host, path and sorted parameters without
    those that only select a page: `https://host.test/t?p=2&id=7` gives `host.test/t?id=7`. Else it is
    host and folder, if two levels deep, or one and the page's name ends in a digit: `https://host.test/a/b1`
    gives `host.test/a/`. None without such parameters or folder, and for a short link.
    """
    host, rest = host_of(key), _rest(key)
    path, _, query = rest.partition("?")
    if is_short_link(host):
        return None
    if query:
        kept = [pair for pair in query.split("&") if pair.partition("=")[0] not in _PAGING]
        # Parameters that select content cannot be distinguished from those that sort it: all must be equal.
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


def lines_of(report: HarmonisedReport, rule: LineRule) -> set[str]:
    """Return texts by which uses of the same internet line close in time are found; a line is a suspect's.

    A line is an IPv6 prefix, or an IPv4 address with its port. Each use gives two texts: the line with its
    period, and with the next; `rule` sets the length of a period in seconds. So two uses at most a period
    apart have a text in common, and two uses at least two periods apart have none.
    """
    found: set[str] = set()
    for address in addresses_of(report.selectors):
        seconds = rule.prefix_seconds if address.six else rule.port_seconds
        if address.six or address.port >= 0:
            line = f"{address.key:x} {'' if address.six else address.port}"
            found |= {f"{line} {address.at // seconds + next_one}" for next_one in (0, 1)}
    return found


_HASH = 32
_KIND = 7


class Trait(IntEnum):
    """The kinds of sketch key, a digest by which similar reports are found. Stored as numbers: never change.

    PASSAGE: a text passage; MIRROR, FAMILY: the same web page on other hosts, and the page's folder; ADDRESS:
    a postal address; NAME: a suspect's; PICTURE; LINE: an internet line; SPELLING: of an identifier.
    """

    PASSAGE = 0
    MIRROR = 1
    FAMILY = 2
    ADDRESS = 3
    NAME = 5
    """The phonetic key of a suspect's name, with the date of birth."""
    PICTURE = 4
    """A picture itself, for its document frequency. Similar pictures are found by pieces of the hash."""
    LINE = 7
    """An internet line of the suspect in a period: IPv6 prefix, or IPv4 address with its port."""
    SPELLING = 6
    """A form shared by variants of a handle, mailbox or number. Stored with its value, in no sketch."""


class Sketch(Struct, frozen=True):
    """A report's digests for similarity: keys (signed 64-bit) and PDQ picture hashes (32 bytes each).

    `seen` holds the keys of the pictures, in their order; it is empty in a sketch read from the database.
    """

    keys: frozenset[int] = frozenset()
    pictures: tuple[bytes, ...] = ()
    seen: tuple[int, ...] = ()

    def of(self, *traits: Trait) -> frozenset[int]:
        """Return the sketch's keys of these kinds (a key's kind is in its lowest three bits)."""
        return frozenset(key for key in self.keys if key & _KIND in traits)

    def without(self, worn: frozenset[int]) -> "Sketch":
        """Return the digests without stop keys, and without the pictures whose own key is a stop key.

        It works on a sketch just computed only, since it needs `seen`. `worn` are the stop keys, such as
        keys held by too many reports to make them similar.
        """
        kept = [
            (pdq, key) for pdq, key in zip(self.pictures, self.seen, strict=True) if key not in worn
        ]
        return Sketch(self.keys - worn, tuple(pdq for pdq, _ in kept), tuple(k for _, k in kept))


class Sketcher:
    """Computes sketches under a secret key by `rules`; digests under different secrets are not comparable."""

    def __init__(self, secret: bytes, rules: NearRules) -> None:
        self._secret, self._rules = secret, rules

    def sketch(self, report: HarmonisedReport) -> Sketch:
        """Return a report's sketch (digests for similarity); empty if it has nothing to compare."""
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
            *(self.key(Trait.LINE, text) for text in lines_of(report, rule.line)),
            *seen,
        }
        return Sketch(frozenset(keys), pictures, seen)

    def pages(self, report: HarmonisedReport) -> Iterator[tuple[int, str]]:
        """Yield (key, address) for the reported web pages: at most two keys of each.

        The keys are those of its mirrors (the same page on other hosts) and of its folder.
        """
        rule = self._rules.page
        addresses = (s.value for s in report.selectors if s.kind is SelectorKind.URL)
        for address in islice(dict.fromkeys(addresses), rule.pages):
            mirror, family = mirror_of(address, rule.path), family_of(address)
            if mirror is not None:
                yield self.key(Trait.MIRROR, mirror), address
            if family is not None:
                yield self.key(Trait.FAMILY, family), address

    def key(self, trait: Trait, text: str) -> int:
        """Return the sketch key of a text: a keyed BLAKE2b digest with the kind in its lowest three bits.

        `trait` is the kind.
        """
        octets = text.encode("utf-8", "surrogatepass")
        digest = blake2b(octets, digest_size=8, key=self._secret, person=b"near%d" % trait).digest()
        return int.from_bytes(digest, "little", signed=True) & ~_KIND | trait


def going_round(sketches: Iterable[Sketch], rules: NearRules) -> frozenset[int]:
    """Return the keys that are too widespread: more of `sketches` hold them than their kind's limit.

    `rules` holds the limits. The keys become stop keys: they no longer make reports similar.
    """
    most = {
        Trait.PASSAGE: rules.holders.passage,
        Trait.MIRROR: rules.holders.page,
        Trait.FAMILY: rules.holders.page,
        Trait.ADDRESS: rules.holders.address,
        Trait.NAME: rules.holders.name,
        Trait.PICTURE: rules.holders.picture,
        Trait.LINE: rules.holders.line,
    }
    counts = Counter(key for sketch in sketches for key in sketch.keys)
    return frozenset(key for key, count in counts.items() if count > most[Trait(key & _KIND)])


def rejected(pairs: Iterable[tuple[Sketch, Sketch]], rules: NearRules) -> frozenset[int]:
    """Return the keys of text passages that both reports have in many of the pairs people rejected.

    Many: at least `rules.holders.rejections`. These keys become stop keys: they no longer make reports
    similar.
    """
    counts = Counter(key for one, two in pairs for key in one.of(Trait.PASSAGE) & two.keys)
    return frozenset(key for key, count in counts.items() if count >= rules.holders.rejections)


def pack_pictures(sketch: Sketch) -> bytes:
    """Return the picture hashes of a sketch, concatenated."""
    return b"".join(sketch.pictures)


def read_pictures(content: bytes | memoryview) -> tuple[bytes, ...]:
    """Return the picture hashes that `pack_pictures` concatenated."""
    octets = bytes(content)
    return tuple(octets[at : at + _HASH] for at in range(0, len(octets), _HASH))
