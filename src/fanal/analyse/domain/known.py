"""Known material: hashes and addresses of the lists the desk holds, matched for a whole batch at once."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from uuid import UUID

from msgspec import Struct

from fanal.analyse.domain.hamming import PDQ_RADIUS, HammingIndex, ScanIndex
from fanal.analyse.domain.records import Because, Finding, Parameters
from fanal.harmonise.domain.records import HarmonisedReport

EXACT_KINDS = ("SHA256", "SHA1", "MD5")
ADDRESS_SCORES = {"URL": 1.0, "HOST": 0.7, "DOMAIN": 0.5}
"""A listed page is a hit; a listed host or domain only says that the neighborhood is known."""


class KnownEntry(Struct, frozen=True, kw_only=True):
    """One value of a list: its kind (SHA256, SHA1, MD5, PDQ, URL, HOST, DOMAIN), list and class."""

    entry_id: UUID
    list_name: str
    kind: str
    value: str
    classification: str = ""
    scope: str = "MATCH"  # MATCH, or CLEAR: a known false alarm whose matches are silenced


class KnownLists:
    """The values of all lists, ready to be looked up."""

    def __init__(
        self,
        entries: Iterable[KnownEntry] = (),
        *,
        index: Callable[[Sequence[str]], HammingIndex] = ScanIndex,
    ) -> None:
        """Sort `entries` by kind; `index` builds the PDQ search.

        Raises:
            ValueError: a PDQ hash is malformed.
        """
        self._exact: dict[tuple[str, str], list[KnownEntry]] = defaultdict(list)
        self._pdq: list[KnownEntry] = []
        for entry in entries:
            if entry.kind == "PDQ":
                self._pdq.append(entry)
            else:
                self._exact[entry.kind, entry.value].append(entry)
        self._index = index([entry.value for entry in self._pdq])

    def exact(self, kind: str, value: str) -> list[KnownEntry]:
        """Return the entries that hold exactly this value, none where one of them clears it."""
        found = self._exact.get((kind, value))
        return [] if not found or any(e.scope == "CLEAR" for e in found) else found

    def near(self, hashes: Sequence[str]) -> list[list[tuple[KnownEntry, int]]]:
        """Return for each PDQ hash the entries within 31 bits, nearest first, with the distance.

        A hash nearest to a cleared entry has no match: a known false alarm stays silent.
        """
        found = []
        for hits in self._index.search(hashes, radius=PDQ_RADIUS):
            entries = [(self._pdq[position], distance) for position, distance in hits]
            nearest = {e.scope for e, d in entries if d == entries[0][1]}
            kept = [] if "CLEAR" in nearest else [h for h in entries if h[0].scope == "MATCH"]
            found.append(kept)
        return found


def find_known(
    reports: Sequence[HarmonisedReport], lists: KnownLists, *, rule_version: str
) -> list[list[Finding]]:
    """Return for each report its findings of known hashes and addresses, one a file or address and list."""
    found = [
        [*_known_files(report, lists, rule_version), *_known_addresses(report, lists, rule_version)]
        for report in reports
    ]
    asked = [
        (number, index, file.pdq)
        for number, report in enumerate(reports)
        for index, file in enumerate(report.files)
        if file.pdq and len(file.pdq) == 64
    ]
    for (number, index, pdq), hits in zip(
        asked, lists.near([pdq for _, _, pdq in asked]), strict=True
    ):
        found[number].extend(_near_findings(index, pdq, hits, rule_version))
    return found


def _known_files(
    report: HarmonisedReport, lists: KnownLists, rule_version: str
) -> Iterator[Finding]:
    for index, file in enumerate(report.files):
        for kind, value in zip(EXACT_KINDS, (file.sha256, file.sha1, file.md5), strict=True):
            for entry in lists.exact(kind, value) if value else ():
                yield _known(
                    "KNOWN_HASH",
                    1.0,
                    value or "",
                    entry,
                    f"files[{index}].{kind.lower()}",
                    rule_version,
                )


def _near_findings(  # noqa: PLR0917
    index: int, pdq: str, hits: Sequence[tuple[KnownEntry, int]], rule_version: str
) -> Iterator[Finding]:
    told: set[str] = set()
    for entry, distance in hits:
        if entry.list_name in told:
            continue
        told.add(entry.list_name)
        yield _known(
            "KNOWN_HASH",
            round(1 - 0.4 * distance / PDQ_RADIUS, 3),
            pdq,
            entry,
            f"files[{index}].pdq",
            rule_version,
            distance=distance,
        )


def _known_addresses(
    report: HarmonisedReport, lists: KnownLists, rule_version: str
) -> Iterator[Finding]:
    for index, url in enumerate(report.urls):
        for kind, value in (
            ("URL", url.key),
            ("HOST", url.host),
            ("DOMAIN", url.registrable_domain),
        ):
            entries = lists.exact(kind, value) if value else []
            for entry in entries:
                yield _known(
                    "KNOWN_ADDRESS",
                    ADDRESS_SCORES[kind],
                    value or "",
                    entry,
                    f"urls[{index}]",
                    rule_version,
                )
            if entries:
                break


def _known(  # noqa: PLR0917
    code: str,
    score: float,
    value: str,
    entry: KnownEntry,
    source: str,
    rule_version: str,
    *,
    distance: int | None = None,
) -> Finding:
    parameters: Parameters = {
        "list": entry.list_name,
        "entry": str(entry.entry_id),
        "kind": entry.kind,
        "classification": entry.classification,
    }
    because = "LISTED"
    if distance is not None:
        because, parameters = (
            "LISTED_NEAR",
            {**parameters, "distance": distance, "radius": PDQ_RADIUS},
        )
    return Finding(
        code=code,
        category="KNOWN",
        score=score,
        value=value,
        because=Because(code=because, parameters=parameters),
        rule_version=rule_version,
        source=source,
    )
