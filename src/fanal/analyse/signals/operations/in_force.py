"""The version of the text reader (trained model) in force: loaded when it changes, without a restart.

A version trained by the desk is stored in the database, except what it learnt from sealed passages, which is
sealed in the vault ("parts", one for each report). If its bytes do not match their digests, if it was made
for another engine or corpus, or if it was shipped with another package, the version shipped with this one
reads instead; the log, `fanal doctor` and the page of the reader say so.
"""

import logging
from collections.abc import Sequence
from threading import Lock
from uuid import UUID

import msgspec

from fanal.analyse.signals.domain.model import (
    Header,
    ModelUnfit,
    assemble,
    check_stored,
    parse_header,
    read_header,
)
from fanal.analyse.signals.engine import CachedEngine, engine_of_process
from fanal.analyse.signals.reading import (
    NoReader,
    TextReader,
    reader_files,
    reader_state,
    shipped_reader,
    shipped_with,
)
from fanal.db import sql
from fanal.embedding.engine import EngineMissing
from fanal.kernel.actors import system_actor
from fanal.vault.domain.envelope import EnvelopeRefused
from fanal.vault.keyring import KeyMissing
from fanal.vault.operations.opening import ObjectUnknown, open_batch
from fanal.vault.packs import BlobDamaged, BlobMissing

log = logging.getLogger("fanal.reader")
_LOCK = Lock()
_Key = tuple[UUID, int, str]


_HELD: dict[_Key, TextReader | NoReader] = {}
"""The versions that this process has loaded: that in force, and one other.

By id, number of parts and digest of the header: both change when something is erased from a version.
"""


def reader_in_force() -> TextReader | NoReader:
    """Return the text reader (a trained model) in force, or the shipped one if that cannot be loaded.

    That is: it is damaged, made for another embedding engine or corpus, or the vault is unavailable now. A
    `NoReader` (reason) if the shipped one cannot read either.
    """
    row = sql.row("SELECT id FROM analyse_reader WHERE state = 'IN_FORCE'")
    if row is None:
        return shipped_reader()
    found = reader_of(reader_id=row[0])
    return shipped_reader() if isinstance(found, NoReader) else found


def reader_of(*, reader_id: UUID) -> TextReader | NoReader:
    """Return a stored version of the text reader, a trained model, or the reason why it cannot be loaded.

    Once loaded, it stays in the process's memory (at most two versions), and is loaded again after the
    erasure of a report from which it learnt. The result for a version that does not fit stays in memory too;
    while the engine does not start or the vault is unavailable, each call tries again (`engine_of_process`
    waits between its tries).
    """
    try:
        engine = engine_of_process()
    except EngineMissing as missing:
        return NoReader("ENGINE", str(missing))
    key = _key_of(reader_id)
    with _LOCK:
        held = _HELD.get(key)
        if held is None:
            try:
                held = _loaded(reader_id, engine)
            except (KeyMissing, OSError) as away:  # of the vault: the next batch tries again
                log.error("version waits for its parts (%s)", type(away).__name__)
                return NoReader("VAULT", str(away))
            others = [known for known in _HELD if known[0] != reader_id]
            for known in [*others[:-1], *(k for k in _HELD if k[0] == reader_id)]:
                del _HELD[known]
            _HELD[key] = held
    return held


def version_in_force() -> str:
    """Return the version name of the text reader (trained model) that people activated last.

    Before the first activation it is the shipped one; "" if there is none. If this version does not fit the
    program (`unfit_in_force`), another one reads in its place (`version_reading`).
    """
    row = sql.row("SELECT version FROM analyse_reader WHERE state = 'IN_FORCE'")
    if row is not None:
        return str(row[0])
    shipped = reader_state()
    return "" if isinstance(shipped, NoReader) else shipped.version


def state_in_force() -> Header | NoReader:
    """Return the header of the text reader's model that reads at present, or the reason why none can.

    Neither the embedding engine nor the weights are loaded. If the version in force does not fit, the header
    is that of the shipped one.
    """
    row = sql.row("SELECT header FROM analyse_reader WHERE state = 'IN_FORCE'")
    shipped = reader_state()
    if row is None or row[0] is None or isinstance(shipped, NoReader) or unfit_in_force():
        return shipped
    return parse_header(bytes(row[0]))


def version_reading() -> str:
    """Return the version name of the text reader (trained model) that reads texts at present.

    It is the version in force or, if that does not fit the program, the shipped one; "" if no reader can
    work.
    """
    shipped = reader_state()
    if unfit_in_force() is None:
        return version_in_force()
    return "" if isinstance(shipped, NoReader) else shipped.version


def unfit_in_force() -> tuple[str, str] | None:
    """Return (version, reason) if the text reader (model) in force does not fit the program, else None.

    The shipped version then reads in its place; see `unfit_versions`.
    """
    row = sql.row("SELECT id, version FROM analyse_reader WHERE state = 'IN_FORCE'")
    reasons = unfit_versions(reader_ids=[row[0]]) if row else {}
    return (str(row[1]), reasons[row[0]]) if row and reasons else None


def unfit_versions(*, reader_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the stored text readers (trained models) that this program cannot use, as reason by id.

    The reasons are those of `check_stored`; usable versions are absent. Neither the embedding engine nor
    the weights are loaded, and what the versions learnt from reports, in the vault, is not checked.
    """
    unfit: dict[UUID, str] = {}
    for reader_id in reader_ids:
        try:
            check_stored(*_bytes_of(reader_id), shipped=read_header(reader_files()))
        except ModelUnfit as reason:
            unfit[reader_id] = str(reason)
    return unfit


def _key_of(reader_id: UUID) -> _Key:
    row = sql.one(
        "SELECT (SELECT count(*) FROM analyse_reader_part WHERE reader_id = r.id),"
        " coalesce(md5(r.header), '') FROM analyse_reader r WHERE r.id = %s",
        [reader_id],
    )
    return reader_id, row[0], row[1]


def _bytes_of(reader_id: UUID) -> tuple[str, bytes | None, bytes | None]:
    row = sql.one("SELECT version, header, weights FROM analyse_reader WHERE id = %s", [reader_id])
    return row[0], row[1] and bytes(row[1]), row[2] and bytes(row[2])


def _loaded(reader_id: UUID, engine: CachedEngine) -> TextReader | NoReader:
    version, header_bytes, weights = _bytes_of(reader_id)
    try:
        shipped = read_header(reader_files())
        header = check_stored(version, header_bytes, weights, shipped=shipped)
        if weights is None:
            return shipped_with(engine)
        if engine.name != header.engine:
            raise ModelUnfit("engine")
        parts = _parts(reader_id)
        model = assemble(header, weights, parts)
    except (ModelUnfit, msgspec.MsgspecError) as unfit:
        log.error("version %s does not fit this program: %s", version, unfit)
        return NoReader("MODEL", f"{version}: {unfit}")
    return TextReader(engine, model, version=header.version)


def _parts(reader_id: UUID) -> list[bytes]:
    """Return what a text reader (trained model) learnt from each report, decrypted, in order of report id.

    Each element is the content of `encode_part`. Parts of erased reports are missing, and so are parts that
    the vault lost (the log says so): the version works without them, as after an erasure.

    Raises:
        KeyMissing, VaultAway: the vault is unavailable.
    """
    rows = sql.rows(
        "SELECT p.object_id, r.trained_at FROM analyse_reader_part p"
        " JOIN analyse_reader r ON r.id = p.reader_id WHERE r.id = %s ORDER BY p.report_id",
        [reader_id],
    )
    actor, parts = system_actor("text reader"), list[bytes]()
    for object_id, trained_at in rows:
        try:  # under the entry that its training left in the ledger
            opened = open_batch(
                actor=actor, object_ids=[object_id], now=trained_at, purpose="text reader"
            )
        except (ObjectUnknown, BlobMissing, BlobDamaged, EnvelopeRefused) as lost:
            log.error("a part of the text reader is left out: %s", type(lost).__name__)
        else:
            parts.append(opened[object_id])
    return parts
