"""Deliveries of synthetic NCMEC reports on disk, as partners leave them: a folder for each report.

`DELIVERY/0012/0012345/report.xml` with its `file-N.xml`; the folder's name is the report's reference, its
number. The same seed gives the same bytes.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanal.formats.ncmec.synthesis import synthetic_reports

_A_FOLDER = 1000
_DIGITS = 7


class Delivery(NamedTuple):
    """One delivery on disk: its folder, and the numbers of its reports."""

    folder: Path
    first: int
    size: int


class Expected:
    """What was delivered until now: a mark of each report's bytes, and how many documents there are."""

    def __init__(self, size: int) -> None:
        self.marks: NDArray[np.uint64] = np.zeros(size, dtype=np.uint64)
        self.reports = 0
        self.documents = 0


def write_delivery(delivery: Delivery, expected: Expected, *, seed: int) -> None:
    """Write the reports of a delivery and note in `expected` what they are."""
    made = synthetic_reports(seed=seed + delivery.first, count=delivery.size)
    for number, (xml, details) in enumerate(made, start=delivery.first):
        folder = delivery.folder / f"{number // _A_FOLDER:04}" / reference_of(number)
        folder.mkdir(parents=True)
        (folder / "report.xml").write_bytes(xml)
        for place, document in enumerate(details, start=1):
            (folder / f"file-{place}.xml").write_bytes(document)
        expected.marks[number] = mark_of(hashlib.sha256(xml).digest())
        expected.reports += 1
        expected.documents += 1 + len(details)


def reference_of(number: int) -> str:
    """Return the name that a report is delivered under."""
    return f"{number:0{_DIGITS}}"


def mark_of(digest: bytes) -> int:
    """Return the first eight octets of a digest as a number."""
    return int.from_bytes(digest[:8], "big")
