"""What of a report is compared with the lists of known material: its files' hashes, its addresses."""

import re
from collections.abc import Iterable, Iterator

from fanal.harmonise.domain.records import HarmonisedReport, HarmonisedUrl

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

    A file has the one its source states, and the desk's own where that differs; one that is known to be of
    low quality is left out, whoever states it.
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
