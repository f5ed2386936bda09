"""Known material: hashes and addresses of the lists the desk holds, matched for a whole batch at once."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TypeAlias
from uuid import UUID

from msgspec import Struct

from fanal.analyse.domain.lists import EntryStanding, ListFacts
from fanal.analyse.domain.records import Because, Finding, Parameters
from fanal.harmonise.domain.records import HarmonisedReport, HarmonisedUrl
from fanal.reference.records import MaterialRuleValue

# What of a report is compared with the lists of known material: its files' hashes, its addresses.

EXACT_KINDS = ("SHA256", "SHA1", "MD5")
STRENGTH = (*EXACT_KINDS, "PDQ")
"""Hashes by how surely they say that it is the same file, the surest first."""
_PDQ = re.compile("[0-9a-f]{64}")


def values_of(reports: Iterable[HarmonisedReport]) -> tuple[set[tuple[str, str]], set[str]]:
    """Return what the lists are asked for: (kind, value) pairs, and PDQ hashes (64 hexadecimal digits)."""
    exact: set[tuple[str, str]] = set()
    hashes: set[str] = set()
    for report in reports:
        exact.update((kind, value) for _, _, kind, value in exact_hashes(report))
        hashes.update(value for _, _, value in near_hashes(report))
        for url in report.urls:
            exact.update((kind, value) for kind, value in addresses_of(url) if value)
    return exact, hashes


def exact_hashes(report: HarmonisedReport) -> Iterator[tuple[int, str, str, str]]:
    """Yield (file, path, kind, value) of every exact hash, the source's and the desk's own."""
    stated = [(index, f"files[{index}]", file) for index, file in enumerate(report.files)]
    own = [(found.file, f"files[{found.file}].computed", found) for found in report.computed]
    for index, path, holder in (*stated, *own):
        for kind in EXACT_KINDS:
            if value := getattr(holder, kind.lower()):
                yield index, f"{path}.{kind.lower()}", kind, value


def near_hashes(report: HarmonisedReport) -> Iterator[tuple[int, str, str]]:
    """Yield (file, path, PDQ) of every hash that may be compared by distance.

    A file has the one its source states, and the desk's own where that differs. A hash
    that is known to be of low quality is left out, even where the source states it.
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
    """Return (kind, value) of an address from the narrowest to the widest; a value may be missing."""
    return (("URL", url.key), ("HOST", url.host), ("DOMAIN", url.registrable_domain))


PDQ_RADIUS = 31
"""Distance (bits) up to which two PDQ hashes are taken for the same picture (published PDQ practice)."""

_Silenced: TypeAlias = tuple[int, str]
ADDRESS_SCORES = {"URL": 1.0, "HOST": 0.7, "DOMAIN": 0.5}
"""A listed page is a hit; a listed host or domain only says that the neighborhood is known."""


class KnownEntry(Struct, frozen=True, kw_only=True):
    """One value of a list: its item, its kind (SHA256, SHA1, MD5, PDQ, URL, HOST, DOMAIN) and class."""

    entry_id: UUID
    listed: ListFacts
    kind: str
    value: str
    classification: str = ""
    scope: str = "MATCH"  # MATCH, or CLEAR: a known false alarm whose matches are silenced
    standing: EntryStanding = EntryStanding()

    @property
    def list_name(self) -> str:
        """The name of the list that holds it."""
        return self.listed.name


Near = Mapping[str, Sequence[tuple[KnownEntry, int]]]
"""By reported PDQ hash: the entries within the radius, nearest first, with their distance in bits."""


class KnownLists:
    """The values of all lists that a batch of reports has, ready to be looked up."""

    def __init__(
        self,
        exact: Iterable[KnownEntry] = (),
        *,
        near: Near | None = None,
        rules: MaterialRuleValue | None = None,
    ) -> None:
        """Sort the entries of equal values by kind and value; `near` comes from the index.

        `rules` say what votes weigh; without any, none does. A false alarm that votes silence clears nothing.
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
        """Return whether an entry has a say: a match is told though worth nothing, a false alarm is not."""
        return entry.scope != "CLEAR" or self.weight(entry) > 0

    def weight(self, entry: KnownEntry) -> float:
        """Return what a match with an entry is worth, 0..1: its list's confidence, lowered by votes.

        0 for one that is silenced by votes or set aside: it is told, and counts as nothing.
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
        """Return whether one of these (kind, value) pairs or PDQ hashes is found at all."""
        return not (self._exact.keys().isdisjoint(exact) and self._near.keys().isdisjoint(hashes))

    def exact(self, kind: str, value: str) -> list[KnownEntry]:
        """Return the entries that hold exactly this value, none where one of them clears it."""
        found = self._exact.get((kind, value))
        return [] if not found or any(e.scope == "CLEAR" for e in found) else found

    def cleared(self, kind: str, value: str) -> list[KnownEntry]:
        """Return the entries that clear exactly this value as a known false alarm."""
        return [entry for entry in self._exact.get((kind, value), ()) if entry.scope == "CLEAR"]

    def cleared_near(self, pdq: str) -> list[tuple[KnownEntry, int]]:
        """Return the cleared entries that a PDQ hash is nearest to, by which it has no match."""
        hits = self._near.get(pdq, ())
        return [
            (entry, distance)
            for entry, distance in hits
            if entry.scope == "CLEAR" and distance == hits[0][1]
        ]

    def near(self, pdq: str) -> list[tuple[KnownEntry, int]]:
        """Return the entries within 31 bits of a PDQ hash, nearest first, with the distance.

        A hash nearest to a cleared entry has no match: a known false alarm stays silent.
        """
        hits = self._near.get(pdq, ())
        if any(e.scope == "CLEAR" for e, distance in hits if distance == hits[0][1]):
            return []
        return [hit for hit in hits if hit[0].scope == "MATCH"]


def find_known(
    reports: Sequence[HarmonisedReport], lists: KnownLists, *, rule_version: str
) -> list[list[Finding]]:
    """Return for each report its findings of known hashes and addresses, one a file or address and list.

    What a list of known false alarms clears is a finding of its own kind, which raises nothing.
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
    """Return (file, kind) where a stronger hash of the same file is cleared: its weaker ones match nothing.

    A stated hash that the desk's own contradicts clears nothing else.
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
    """Yield for each file and list the nearest entry that counts, and a silenced one where it is nearer.

    Whichever of the file's hashes is nearest says it.
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
    """Yield what clears a file as a known false alarm, once a file and list: told, and worth nothing."""
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
                break  # a page or host that is no hit is none through its host or domain either
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
    """Return what a finding says of an entry and of its list; what nobody stated is left out."""
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
