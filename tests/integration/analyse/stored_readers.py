"""Text readers for tests: stored versions without a training, and a small one that is soon trained again."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from uuid import UUID, uuid4

import msgspec
import numpy as np
import pytest

from fanal.analyse.signals import reading
from fanal.analyse.signals.domain import model
from fanal.analyse.signals.domain.learning import train
from fanal.analyse.signals.domain.model import shipped_files
from fanal.analyse.signals.operations import in_force, readers
from fanal.db import sql
from fanal.kernel.actors import SYSTEM_PERSON


def store_version(
    version: str,
    *,
    fits: bool = True,
    sentences: Mapping[UUID, str] = MappingProxyType({}),
    card: bytes | None = None,
    weights: bytes = b"",
) -> UUID:
    """Store a version; with `fits` False as an older package left it, made of another corpus.

    Other `weights` than the shipped megabytes do where the version reads nothing.
    `sentences` are neutral ones by example: the version holds them with the embedding of a text of the corpus.
    """
    files = shipped_files()
    header = msgspec.json.decode(files.joinpath("model.json").read_bytes()) | {"version": version}
    if weights:
        header["weights"] = sha256(weights).hexdigest()
    weights = weights or files.joinpath("weights.bin").read_bytes()
    if sentences:
        weights = _longer(weights, header["texts"], len(header["columns"]), len(sentences))
        header["weights"] = sha256(weights).hexdigest()
        header["texts"] += len(sentences)
        header["added"] = [
            {
                "id": f"desk1-{example_id.hex}", "lang": "fr", "text": text, "codes": [],
                "nature": None, "plain": False, "voice": "desk",
            }
            for example_id, text in sentences.items()
        ]  # fmt: skip
    if not fits:
        header["corpus"] = dict.fromkeys(header["corpus"], "0" * 64)
    reader_id = uuid4()
    sql.run(
        "INSERT INTO analyse_reader (id, version, header, weights, digest, author_id, trained_at, card)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            reader_id, version, msgspec.json.encode(header), weights, sha256(weights).digest(),
            SYSTEM_PERSON, datetime.now(UTC), card,
        ],
    )  # fmt: skip
    return reader_id


def _longer(weights: bytes, texts: int, columns: int, more: int) -> bytes:
    """Return the weights with the last text repeated: embeddings, scales and two sets of coefficients."""
    size = len(weights) // texts - 4 - 4 * columns
    place, parts = 0, []
    for width in (size, 4, 2 * columns, 2 * columns):
        block = weights[place : place + texts * width]
        parts.append(block + block[-width:] * more)
        place += texts * width
    return b"".join(parts)


def store_shipped_earlier(version: str = "reader/earlier") -> UUID:
    """Store the row without bytes that an earlier package left of the version that it shipped."""
    reader_id = uuid4()
    sql.run(
        "INSERT INTO analyse_reader (id, version, author_id, trained_at) VALUES (%s, %s, %s, %s)",
        [reader_id, version, SYSTEM_PERSON, datetime.now(UTC)],
    )
    return reader_id


def ship_a_small_one(folder: Path, monkeypatch: pytest.MonkeyPatch, *, every: int = 6) -> None:
    """Have a reader of a part of the corpus, every sixth text, in place of the shipped one: trained again in seconds."""
    shipped = model.read_header(shipped_files())
    corpus = model.load_corpus(tuple(shipped.corpus))
    few = msgspec.structs.replace(corpus, labels=corpus.labels[::every])
    stored = model.vectors_of(shipped_files())
    vectors = np.stack([stored[label.text] for label in few.labels])
    made = model.encode(train(few.labels, vectors), vectors, few, engine=shipped.engine)
    for name, content in zip((model.HEADER, model.WEIGHTS), made, strict=True):
        (folder / name).write_bytes(content)
    for module in (model, reading, readers):
        monkeypatch.setattr(module, "load_corpus", lambda _names=None: few)
    for module in (reading, readers, in_force):
        monkeypatch.setattr(module, "reader_files", lambda: folder)
