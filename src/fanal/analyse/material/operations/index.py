"""The hash index of this process over the lists in the database, and the look-up of a batch.

The database holds every list; the index is derived and can be lost. A segment (`domain.hash_index`) holds the
PDQ hashes up to a certain change of the lists. Later changes are read from the database before each look-up,
so that an addition or withdrawal counts for the next report. `renew_index` writes a new segment after many
changes; every process then switches to it by itself.
"""

import logging
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from threading import Lock
from uuid import UUID

import numpy as np

from fanal.accounts.domain.policy import require
from fanal.analyse.material.domain.hash_index import (
    HashIndex,
    Segment,
    SegmentDamaged,
    is_due,
    open_segment,
    pack_hashes,
    pack_labels,
    write_segment,
)
from fanal.analyse.material.domain.known import PDQ_RADIUS, KnownEntry, KnownLists, values_of
from fanal.analyse.material.queries import entries as listed_entries
from fanal.analyse.material.queries.entries import ListChange
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor
from fanal.reference.records import MaterialRuleValue

_SEGMENT = "pdq"
_PORTION = 50_000
log = logging.getLogger("fanal.analyse")


class Material:
    """The hash index of a process over all lists of known material, updated from them before each look-up."""

    def __init__(self) -> None:
        """Start with an empty index; `install` sets `folder`, the folder of the segment file.

        `checked` is the number (inode) of the last segment file whose checksum this process verified.
        """
        self.folder: Path | None = None
        self.checked: int | None = None
        self._lock = Lock()
        self._index = HashIndex()
        self._held: ListChange | None = None
        self._file: int | None = None
        self._seen: int | None = None

    def look_up(
        self, reports: Sequence[HarmonisedReport], *, rules: MaterialRuleValue | None = None
    ) -> KnownLists:
        """Return the list entries that match files and addresses of the reports, ready for look-up.

        `rules` set the weight of votes; without them votes do not count.

        Raises:
            RuntimeError: no folder for hash indexes is installed in this process.
        """
        exact, hashes = values_of(reports)
        near = self._near(sorted(hashes))
        return KnownLists(listed_entries.entries_of(values=exact), near=near, rules=rules)

    def _near(self, hashes: Sequence[str]) -> dict[str, list[tuple[KnownEntry, int]]]:
        if not hashes:
            return {}
        index = self._current()
        hits = index.search(pack_hashes(hashes), radius=PDQ_RADIUS)
        ids = [UUID(bytes=label.tobytes()) for label in hits.labels]
        entries = listed_entries.entries_by_id(ids=ids)
        near: dict[str, list[tuple[KnownEntry, int]]] = {}
        for query, entry_id, distance in zip(
            hits.queries.tolist(), ids, hits.distances.tolist(), strict=True
        ):
            if entry_id in entries:
                near.setdefault(hashes[query], []).append((entries[entry_id], distance))
        return near

    def _current(self) -> HashIndex:
        """Return the index, updated with every committed change of the lists.

        If the database lacks the last change that the index contains, it is another database or an older
        backup: the index is then built from the beginning.
        """
        with self._lock:
            newest = listed_entries.newest_change()
            if self._held is not None and not listed_entries.is_change_known(change=self._held):
                self._index, self._held, self._file = HashIndex(), None, None
            if newest is not None and (self._held != newest or self._is_replaced()):
                self._take_up_segment()
                after = 0 if self._held is None else self._held.number
                _bring_up(
                    self._index, listed_entries.changed_hashes(after=after, upto=newest.number)
                )
                self._held = newest
            return self._index

    def _is_replaced(self) -> bool:
        """Return whether another file replaced the segment file (hashes of all lists) since the last call."""
        seen, self._seen = self._seen, _file_number()
        return self._seen not in {None, seen, self._file}

    def _take_up_segment(self) -> None:
        """Switch to the segment on disk if it is a different file and belongs to this database.

        A segment is a file with the hashes of all lists up to a certain change.
        """
        segment = find_segment()
        if segment is None or segment.file_number == self._file:
            return
        self._index, self._held = HashIndex(segment), _change_of(segment)
        self._file = segment.file_number


MATERIAL = Material()


def install(*, folder: Path) -> None:
    """Set the folder of the hash index's files, created with the first file; called once at start."""
    MATERIAL.folder = folder


def renew_index(*, actor: Actor) -> bool:
    """Write a new segment if enough values changed since the last (`is_due`); return whether it was
    written.

    A segment is the file of the lists' hashes with search tables. Only the changes are read from the
    database, the rest comes from the last segment. A damaged segment (each process verifies a file once) is
    rebuilt from the database. Searches continue meanwhile. If the process is killed, the last segment and
    the database still hold everything. So they do if the disk is full, which is logged and gives False.

    Raises:
        Refused: the actor may not run the processing stages.
        RuntimeError: no folder for hash indexes is installed in this process.
    """
    require(actor, "pipeline.run")
    newest = listed_entries.newest_change()
    segment = find_segment()
    damaged = segment is not None and not _is_whole(segment)
    if damaged:
        log.warning("hash index: the file is damaged, it is written anew from the database")
        segment = None
    after = 0 if segment is None else segment.header.upto
    count = 0 if segment is None else len(segment)
    if newest is None or not (damaged or is_due(listed_entries.count_changed(after=after), count)):
        return False
    index = HashIndex(segment)
    _bring_up(index, listed_entries.changed_hashes(after=after, upto=newest.number))
    hashes, labels = index.held()
    folder = _folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_segment(
            folder / _SEGMENT,
            hashes=hashes,
            labels=labels,
            upto=newest.number,
            mark=newest.entry_id.bytes,
        )
    except OSError as failure:
        log.error("hash index: it cannot be written (%s), the last one serves", failure.strerror)
        return False
    log.info("hash index: %d hashes", len(hashes))
    return True


def find_segment() -> Segment | None:
    """Return the segment (file of the lists' hashes) on disk.

    None if there is none, or it is unreadable, damaged or of another database. A missing folder of the
    installation is an error.

    Raises:
        RuntimeError: no folder for hash indexes is installed in this process.
    """
    try:
        segment = open_segment(_folder() / _SEGMENT)
    except FileNotFoundError:
        return None
    except SegmentDamaged:
        log.warning("hash index: the file is damaged, the lists are read from the database")
        return None
    except OSError as failure:
        log.warning(
            "hash index: the file cannot be read (%s), the lists are read from the database",
            failure.strerror,
        )
        return None
    return segment if listed_entries.is_change_known(change=_change_of(segment)) else None


def _bring_up(index: HashIndex, changes: Iterable[tuple[UUID, str, bool]]) -> None:
    """Apply changes to an index in portions, so that a first load of millions is never held as rows.

    `changes` are (row id, PDQ hash, whether in force, that is not withdrawn), as from
    `queries.changed_hashes`.
    """
    rest, gone = iter(changes), list[bytes]()
    hashes, labels = [pack_hashes(())], [pack_labels(())]
    while portion := list(islice(rest, _PORTION)):
        added = [(entry_id, value) for entry_id, value, in_force in portion if in_force]
        gone += [entry_id.bytes for entry_id, _, in_force in portion if not in_force]
        hashes.append(pack_hashes([value for _, value in added]))
        labels.append(pack_labels(entry_id.bytes for entry_id, _ in added))
    index.remove(gone)
    index.add(np.concatenate(hashes), np.concatenate(labels))


def _is_whole(segment: Segment) -> bool:
    """Return whether a segment (file of the lists' hashes) passes its checksum.

    Each file is verified once per process.
    """
    if segment.file_number != MATERIAL.checked:
        if not segment.is_whole():
            return False
        MATERIAL.checked = segment.file_number
    return True


def _file_number() -> int | None:
    try:
        return (_folder() / _SEGMENT).stat().st_ino
    except OSError:
        return None


def _change_of(segment: Segment) -> ListChange:
    return ListChange(number=segment.header.upto, entry_id=UUID(bytes=segment.header.mark))


def _folder() -> Path:
    if MATERIAL.folder is None:
        raise RuntimeError("no folder for hash indexes was installed")
    return MATERIAL.folder
