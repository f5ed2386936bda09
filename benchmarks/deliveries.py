"""Deliveries of synthetic NCMEC reports on disk, as partners supply them: a folder for each report.

`DELIVERY/0012/0012345/report.xml` with its `file-N.xml`; the folder's name is the report's reference, its
number. The same seed gives the same bytes. Run as a process, this module writes one delivery, while the
previous one is imported.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from fanal.formats.ncmec.synthesis import synthetic_reports

_A_FOLDER = 1000
_DIGITS = 7


class Delivery(NamedTuple):
    """A delivery on disk: its folder, the number of its first report, and its number of reports."""

    folder: Path
    first: int
    size: int

    @property
    def marks(self) -> Path:
        """Path of the NumPy file with two columns by report: digest prefix, number of documents.

        It is written at the end of the delivery.
        """
        return self.folder.with_suffix(".npy")


class Expected:
    """The reports delivered so far, for the comparison with the stored ones.

    `marks` holds the digest prefix of each report by its number, 0 for one not delivered; `reports` and
    `documents` are counts. `size` is the number of all reports of the run.
    """

    def __init__(self, size: int) -> None:
        self.marks: NDArray[np.uint64] = np.zeros(size, dtype=np.uint64)
        self.reports = 0
        self.documents = 0

    def add(self, delivery: Delivery) -> None:
        """Add the reports of a completed delivery, from the file that its writer left."""
        noted = np.load(delivery.marks)
        self.marks[delivery.first : delivery.first + delivery.size] = noted[:, 0]
        self.reports += delivery.size
        self.documents += int(noted[:, 1].sum())


def begin_delivery(
    delivery: Delivery, *, seed: int, done: Delivery | None
) -> subprocess.Popen[bytes]:
    """Start the process that writes `delivery`, after removing the imported delivery `done`, if any."""
    told = map(str, (delivery.folder, delivery.first, delivery.size, seed))
    gone = [str(done.folder)] if done else []
    return subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "benchmarks.deliveries", *told, *gone]
    )


def end_delivery(delivery: Delivery, writer: subprocess.Popen[bytes], expected: Expected) -> None:
    """Wait for the process that wrote a delivery, and add its reports to `expected`.

    `writer` is that process.

    Raises:
        click.ClickException: the process failed.
    """
    if writer.wait() != 0:
        raise click.ClickException(f"the delivery {delivery.folder.name} could not be written")
    expected.add(delivery)


def write_delivery(delivery: Delivery, *, seed: int) -> None:
    """Write the reports of a delivery, and the file of their digest prefixes and document counts."""
    noted = np.zeros((delivery.size, 2), dtype=np.uint64)
    made = synthetic_reports(seed=seed + delivery.first, count=delivery.size)
    for place, (xml, details) in enumerate(made):
        number = delivery.first + place
        folder = delivery.folder / f"{number // _A_FOLDER:04}" / reference_of(number)
        folder.mkdir(parents=True)
        (folder / "report.xml").write_bytes(xml)
        for n, document in enumerate(details, start=1):
            (folder / f"file-{n}.xml").write_bytes(document)
        noted[place] = mark_of(hashlib.sha256(xml).digest()), 1 + len(details)
    np.save(delivery.marks, noted)


def reference_of(number: int) -> str:
    """Return the reference of report number `number`: seven digits, also the name of its folder."""
    return f"{number:0{_DIGITS}}"


def mark_of(digest: bytes) -> int:
    """Return the first eight bytes of a digest as a number (big-endian), as the digest prefix of a report."""
    return int.from_bytes(digest[:8], "big")


if __name__ == "__main__":
    path, first, size, given, *gone = sys.argv[1:]
    for folder in gone:
        shutil.rmtree(folder)
    write_delivery(Delivery(Path(path), int(first), int(size)), seed=int(given))
