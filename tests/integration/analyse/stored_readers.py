"""Stored versions of the text reader for tests: the shipped model under another name, without a training."""

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID, uuid4

import msgspec

from fanal.analyse.signals.domain.model import shipped_files
from fanal.db import sql
from fanal.kernel.actors import SYSTEM_PERSON


def store_version(version: str, *, fits: bool = True) -> UUID:
    """Store a version; with `fits` False as an older package left it, made of another corpus."""
    files = shipped_files()
    weights = files.joinpath("weights.bin").read_bytes()
    header = msgspec.json.decode(files.joinpath("model.json").read_bytes()) | {"version": version}
    if not fits:
        header["corpus"] = dict.fromkeys(header["corpus"], "0" * 64)
    reader_id = uuid4()
    sql.run(
        "INSERT INTO analyse_reader (id, version, header, weights, digest, author_id, trained_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [
            reader_id, version, msgspec.json.encode(header), weights, sha256(weights).digest(),
            SYSTEM_PERSON, datetime.now(UTC),
        ],
    )  # fmt: skip
    return reader_id


def store_shipped_earlier(version: str = "reader/earlier") -> UUID:
    """Store the row without bytes that an earlier package left of the version that it shipped."""
    reader_id = uuid4()
    sql.run(
        "INSERT INTO analyse_reader (id, version, author_id, trained_at) VALUES (%s, %s, %s, %s)",
        [reader_id, version, SYSTEM_PERSON, datetime.now(UTC)],
    )
    return reader_id
