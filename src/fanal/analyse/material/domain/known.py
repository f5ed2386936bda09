"""Known material: matches of hashes and addresses with the desk's lists, for a whole batch at once.

Similar PDQ hashes are found by their pieces (multi-index hashing): if two 256-bit hashes differ in at most 31
bits, then at least one of their sixteen 16-bit pieces differs in at most one bit (pigeonhole principle). A
look-up of such pieces finds every similar hash, and few others.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from fanal.analyse.domain.records import Because, Finding, Parameters
from fanal.analyse.material.domain.lists import EntryStanding, ListFacts
from fanal.harmonise.domain.records import HarmonisedReport, HarmonisedUrl
from fanal.reference.records import MaterialRuleValue

# Values of a report compared with the lists of known material: hashes of its files, and addresses.

EXACT_KINDS = ("SHA256", "SHA1", "MD5")
STRENGTH = (*EXACT_KINDS, "PDQ")
"""Kinds of hashes by reliability, the most reliable first."""
_PDQ = re.compile("[0-9a-f]{64}")


def values_of(reports: Iterable[HarmonisedReport]) -> tuple[set[tuple[str, str]], set[str]]:
    """Return the values in reports to look up in the lists of known material.

    The first set holds (kind, value) pairs, such as exact hashes and parts of addresses; the second holds
    PDQ hashes (64 hexadecimal digits), which are compared by distance.
    """
    exact: set[tuple[str, str]] = set()
    hashes: set[str] = set()
    for report in reports:
        exact.update((kind, value) for _, _, kind, value in exact_hashes(report))
        hashes.update(value for _, _, value in near_hashes(report))
        for url in report.urls:
            exact.update((kind, value) for kind, value in addresses_of(url) if value)
    return exact, hashes


def exact_hashes(report: HarmonisedReport) -> Iterator[tuple[int, str, str, str]]:
    """Yield (file index, path, kind, value) of every exact hash (such as SHA-256) of a report's files.

    `path` is the place of the hash in the record. The hashes that the source states come first, in the
    order of the files, then those that the desk computed.
    """
    stated = [(index, f"files[{index}]", file) for index, file in enumerate(report.files)]
    own = [(found.file, f"files[{found.file}].computed", found) for found in report.computed]
    for index, path, holder in (*stated, *own):
        for kind in EXACT_KINDS:
            if value := getattr(holder, kind.lower()):
                yield index, f"{path}.{kind.lower()}", kind, value


def near_hashes(report: HarmonisedReport) -> Iterator[tuple[int, str, str]]:
    """Yield (file index, path, PDQ hash) of every hash in a report that may be compared by distance.

    `path` is the place of the hash in the record. A file gives the hash that its source states and, if
    different, the one that the desk computed; a video gives those of its frames. A hash that the desk found
    of low quality is left out, also if the source states it. The order is that of the files.
    """
    own = {found.file: found for found in report.computed}
    for index, file in enumerate(report.files):
        computed = own.get(index)
        low = computed.pdq if computed and not computed.is_comparable() else None
        if file.pdq and file.pdq != low and _PDQ.fullmatch(file.pdq):
            yield index, f"files[{index}].pdq", file.pdq
        if computed is None:
            continue
        if computed.pdq and computed.pdq != file.pdq and computed.is_comparable():
            yield index, f"files[{index}].computed.pdq", computed.pdq
        for frame in computed.frames:
            yield index, f"files[{index}].computed.frames", frame


def addresses_of(url: HarmonisedUrl) -> tuple[tuple[str, str | None], ...]:
    """Return the (kind, value) pairs of a reported web address: URL, HOST, DOMAIN.

    A value is None where the address has no such part.
    """
    return (("URL", url.key), ("HOST", url.host), ("DOMAIN", url.registrable_domain))


PDQ_RADIUS = 31
"""Largest distance (bits) of PDQ hashes of the same picture (published PDQ practice)."""

_Silenced: TypeAlias = tuple[int, str]
ADDRESS_SCORES = {"URL": 1.0, "HOST": 0.7, "DOMAIN": 0.5}
"""A listed page is a full match; a listed host or domain only a partial one."""


class KnownEntry(Struct, frozen=True, kw_only=True):
    """A value of an item in a list of known material.

    `entry_id` is the item's id, `kind` SHA256, SHA1, MD5, PDQ, URL, HOST or DOMAIN, `classification` its
    category in the list's vocabulary, `standing` its votes and its suspension (too many matches). `listed` is
    its list; `scope` is MATCH (known material) or CLEAR (known false alarm).
    """

    entry_id: UUID
    listed: ListFacts
    kind: str
    value: str
    classification: str = ""
    scope: str = "MATCH"  # MATCH, or CLEAR: a known false alarm whose matches are silenced
    standing: EntryStanding = EntryStanding()

    @property
    def list_name(self) -> str:
        """The name of the list of known material that contains the entry."""
        return self.listed.name


Near = Mapping[str, Sequence[tuple[KnownEntry, int]]]
"""Entries within the radius of each reported PDQ hash, closest first, with the distance in bits."""


class KnownLists:
    """The list entries that match values of a batch of reports, for look-up by value or by similarity.

    An entry of a list of known false alarms (scope CLEAR) silences the matches of the same value.
    """

    def __init__(
        self,
        exact: Iterable[KnownEntry] = (),
        *,
        near: Near | None = None,
        rules: MaterialRuleValue | None = None,
    ) -> None:
        """Index `exact` entries by kind and value; `near`: similar ones by reported PDQ hash.

        `near`, found by the hash index, has (entry, distance in bits) pairs, closest first. `rules` say how
        far votes against an entry lower its weight; without rules votes do not count. A known false alarm
        (scope CLEAR) of weight 0 is left out of both, so that it voids no match: see `weight`.
        """
        self._rules = rules
        self._exact: dict[tuple[str, str], list[KnownEntry]] = defaultdict(list)
        for entry in exact:
            if self._counts(entry):
                self._exact[entry.kind, entry.value].append(entry)
        self._near: Near = {
            pdq: [hit for hit in hits if self._counts(hit[0])] for pdq, hits in (near or {}).items()
        }

    def _counts(self, entry: KnownEntry) -> bool:
        """Return whether look-ups can find an entry: always for known material, else only with weight.

        The scope CLEAR marks a known false alarm; votes or the match-rate circuit breaker can lower its
        weight to 0.
        """
        return entry.scope != "CLEAR" or self.weight(entry) > 0

    def weight(self, entry: KnownEntry) -> float:
        """Return the weight of a match with an entry (0..1): its list's confidence, lowered by votes.

        0 for an entry silenced by votes, or suspended by the match-rate circuit breaker; its match is shown,
        without effect.
        """
        standing, rules = entry.standing, self._rules
        against = standing.downs - standing.ups
        if standing.aside is not None or (rules is not None and against >= rules.silencing_votes):
            return 0.0
        weight = entry.listed.attributes.confidence / 100
        if rules is not None and against >= rules.weakening_votes:
            weight *= rules.weakened_percent / 100
        return weight

    def hold_any(self, exact: Set[tuple[str, str]], hashes: Set[str]) -> bool:
        """Return whether a list entry holds any of these (kind, value) pairs, or is similar to a PDQ hash.

        `hashes` are 64 hex digits each.
        """
        return not (self._exact.keys().isdisjoint(exact) and self._near.keys().isdisjoint(hashes))

    def exact(self, kind: str, value: str) -> list[KnownEntry]:
        """Return the list entries with exactly this value; none if one of them clears it as a false alarm.

        `kind` is a hash or address kind, such as SHA256 or URL.
        """
        found = self._exact.get((kind, value))
        return [] if not found or any(e.scope == "CLEAR" for e in found) else found

    def cleared(self, kind: str, value: str) -> list[KnownEntry]:
        """Return the list entries that clear exactly this value as a known false alarm.

        `kind` is a hash or address kind, such as SHA256 or URL.
        """
        return [entry for entry in self._exact.get((kind, value), ()) if entry.scope == "CLEAR"]

    def cleared_near(self, pdq: str) -> list[tuple[KnownEntry, int]]:
        """Return (entry, distance in bits) of the known false alarms closest to a PDQ hash (64 hex digits).

        Empty unless the closest entry of all is a false alarm; then other matches of the hash are void.
        """
        hits = self._near.get(pdq, ())
        return [
            (entry, distance)
            for entry, distance in hits
            if entry.scope == "CLEAR" and distance == hits[0][1]
        ]

    def near(self, pdq: str) -> list[tuple[KnownEntry, int]]:
        """Return (entry, distance) for entries within 31 bits of a PDQ hash (64 hex digits), closest first.

        A hash whose closest entry is a known false alarm has no match.
        """
        hits = self._near.get(pdq, ())
        if any(e.scope == "CLEAR" for e, distance in hits if distance == hits[0][1]):
            return []
        return [hit for hit in hits if hit[0].scope == "MATCH"]


def find_known(
    reports: Sequence[HarmonisedReport], lists: KnownLists, *, rule_version: str
) -> list[list[Finding]]:
    """Return the findings of known hashes and addresses by report, in the order of `reports`.

    An exact hash gives a finding for each list entry that holds it, an address one for each entry of its most
    exact listed part (URL, host, domain), similar pictures one for each file and list. A file cleared by a
    list of known false alarms gives a finding of its own code, with score 0. `rule_version` is stored in each
    finding.
    """
    return [
        _found(report, lists, rule_version) if lists.hold_any(*values_of([report])) else []
        for report in reports
    ]


def _found(report: HarmonisedReport, lists: KnownLists, rule_version: str) -> list[Finding]:
    silenced = _silenced(report, lists)
    return [
        *_known_files(report, lists, rule_version, silenced=silenced),
        *_known_addresses(report, lists, rule_version),
        *_near_findings(report, lists, rule_version, silenced=silenced),
        *_cleared(report, lists, rule_version),
    ]


def _silenced(report: HarmonisedReport, lists: KnownLists) -> set[_Silenced]:
    """Return the (file index, kind) pairs of hashes to ignore, since a more reliable hash of the file is
    cleared.

    Cleared means listed as a known false alarm. If the desk computed a hash of the same kind itself, the
    hash that the source states clears nothing.
    """
    wrong = {
        f"files[{found.file}].{kind.lower()}"
        for found in report.computed
        for kind in EXACT_KINDS
        if getattr(found, kind.lower())
    }
    return {
        (index, weaker)
        for index, place, kind, value in exact_hashes(report)
        if place not in wrong and lists.cleared(kind, value)
        for weaker in STRENGTH[STRENGTH.index(kind) + 1 :]
    }


def _known_files(
    report: HarmonisedReport, lists: KnownLists, rule_version: str, *, silenced: Set[_Silenced]
) -> Iterator[Finding]:
    for index, place, kind, value in exact_hashes(report):
        if (index, kind) in silenced:
            continue
        for entry in lists.exact(kind, value):
            yield _known("KNOWN_HASH", lists.weight(entry), entry, place, rule_version)


def _near_findings(
    report: HarmonisedReport, lists: KnownLists, rule_version: str, *, silenced: Set[_Silenced]
) -> Iterator[Finding]:
    """Yield the findings on similar pictures: for each file and list, the closest entry with weight.

    Entries are compared with all PDQ hashes of the file; the closest hash decides. An entry that votes or
    the circuit breaker silence has no weight: it gives a finding only if it is closer, or if no entry has
    weight. `silenced` are the (file index, kind) pairs to ignore; `rule_version` is stored in each finding.
    """
    counted: set[tuple[int, str]] = set()
    worthless: set[tuple[int, str]] = set()
    hits = [
        (index, distance, place, pdq, entry)
        for index, place, pdq in near_hashes(report)
        if (index, "PDQ") not in silenced
        for entry, distance in lists.near(pdq)
    ]
    for index, distance, place, pdq, entry in sorted(hits, key=lambda hit: hit[:2]):
        name, weight = (index, entry.list_name), lists.weight(entry)
        if name in counted or (not weight and name in worthless):
            continue
        (counted if weight else worthless).add(name)
        score = weight * (1 - 0.4 * distance / PDQ_RADIUS)
        yield _known("KNOWN_HASH", score, entry, place, rule_version, value=pdq, distance=distance)


def _cleared(report: HarmonisedReport, lists: KnownLists, rule_version: str) -> Iterator[Finding]:
    """Yield a finding with score 0 for each file and list that clears it as a known false alarm.

    `rule_version` is stored in each finding.
    """
    told: set[tuple[int, str]] = set()
    for index, place, kind, value in exact_hashes(report):
        for entry in lists.cleared(kind, value):
            if (index, entry.list_name) not in told:
                told.add((index, entry.list_name))
                yield _known("KNOWN_CLEAR", 0.0, entry, place, rule_version)
    for index, place, pdq in near_hashes(report):
        for entry, distance in lists.cleared_near(pdq):
            if (index, entry.list_name) not in told:
                told.add((index, entry.list_name))
                yield _known(
                    "KNOWN_CLEAR", 0.0, entry, place, rule_version, value=pdq, distance=distance
                )


def _known_addresses(
    report: HarmonisedReport, lists: KnownLists, rule_version: str
) -> Iterator[Finding]:
    for index, url in enumerate(report.urls):
        for kind, value in addresses_of(url):
            if value and lists.cleared(kind, value):
                break  # a page or host cleared as a false alarm has no match by its host or domain either
            entries = lists.exact(kind, value) if value else []
            for entry in entries:
                score = ADDRESS_SCORES[kind] * lists.weight(entry)
                yield _known("KNOWN_ADDRESS", score, entry, f"urls[{index}]", rule_version)
            if entries:
                break


def _known(
    code: str,
    score: float,
    entry: KnownEntry,
    source: str,
    rule_version: str,
    *,
    value: str | None = None,
    distance: int | None = None,
) -> Finding:
    because = "LISTED" if distance is None else "LISTED_NEAR"
    parameters = _cited(entry)
    if distance is not None:
        parameters |= {"distance": distance, "radius": PDQ_RADIUS}
    aside = entry.standing.aside
    if code == "KNOWN_CLEAR":
        because = "CLEARED" if distance is None else "CLEARED_NEAR"
    elif not score:
        code = "KNOWN_SET_ASIDE"
        because = "LISTED_DISPUTED" if aside is None else "LISTED_SET_ASIDE"
    if aside is not None:
        parameters |= {
            "since": aside.since.isoformat(),
            "matched": aside.matched,
            "hours": aside.hours,
        }
    return Finding(
        code=code,
        category="KNOWN",
        score=round(score, 3),
        value=entry.value if value is None else value,
        because=Because(code=because, parameters=parameters),
        rule_version=rule_version,
        source=source,
    )


def _cited(entry: KnownEntry) -> Parameters:
    """Return the parameters of a finding that describe a list entry and its list, without empty ones.

    The parameters of votes are absent if nobody voted on the entry.
    """
    said = entry.listed.attributes
    parameters: Parameters = {
        "list": entry.list_name,
        "entry": str(entry.entry_id),
        "kind": entry.kind,
        "classification": entry.classification or said.category,
        "confidence": said.confidence,
    }
    stated = {"owner": entry.listed.owner, "scheme": said.scheme, "basis": said.legal_basis}
    parameters |= {name: value for name, value in stated.items() if value}
    standing = entry.standing
    if standing.last is not None:
        parameters |= {
            "ups": standing.ups,
            "downs": standing.downs,
            "last_vote": standing.last.vote,
            "last_reason": "+".join(standing.last.reasons),
            "last_at": standing.last.voted_at.isoformat(),
        }
    return parameters


_PIECES: Final = 16
_BITS: Final = 16
_PDQ_OF_ANY_CASE = re.compile("[0-9a-fA-F]{64}")


def pictures_of(report: HarmonisedReport) -> dict[int, list[bytes]]:
    """Return the PDQ hashes (32 bytes) of a report's pictures that are fit for comparison, by file index.

    A file without such a picture has no key.
    """
    found: dict[int, list[bytes]] = {}
    for index, _place, value in near_hashes(report):
        if tells_pictures_apart(value):
            found.setdefault(index, []).append(bytes.fromhex(value))
    return found


def pieces(pdq: bytes) -> list[int]:
    """Return the sixteen 16-bit pieces of a PDQ hash (32 bytes) as numbers.

    Each number is `position << 16 | piece`, with positions from 0 to 15.
    """
    return [
        place << _BITS | int.from_bytes(pdq[2 * place : 2 * place + 2], "big")
        for place in range(_PIECES)
    ]


def near_pieces(pdq: bytes) -> list[int]:
    """Return the 16-bit pieces to look up for PDQ hashes similar to this one (32 bytes; multi-index hashing).

    Its own sixteen, and each with one bit changed: 272 numbers, the piece's position (0 to 15) above 16 bits
    of content.
    """
    return [
        piece ^ change
        for piece in pieces(pdq)
        for change in (0, *(1 << bit for bit in range(_BITS)))
    ]


def distance(one: bytes, other: bytes) -> int:
    """Return the Hamming distance of two hashes, in bits."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def tells_pictures_apart(value: str) -> bool:
    """Return whether a text is a PDQ hash that is useful for comparison: about half its bits are set.

    Hashes of plain surfaces are not, nor is any other text.
    """
    return bool(_PDQ_OF_ANY_CASE.fullmatch(value)) and 64 <= int(value, 16).bit_count() <= 192
