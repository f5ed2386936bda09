"""The model files of the text reader: a JSON header and a binary file of weights; the labelled corpus.

`data/reader/model.json` says from what the model was made (engine, corpus files by digest), its quality, and
how scores become probabilities. `data/reader/weights.bin` holds, in this order and little-endian: the
embeddings of the labelled texts (int8, a row for each text), the scale of each (float32), and the two sets of
coefficients (float16).
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable

import msgspec
import numpy as np
from msgspec import Struct

from fanal.analyse.signals.domain.learning import Quality, Trained
from fanal.analyse.signals.domain.meaning import Label, Reader, Vectors, Way

SCHEMA = 1
HEADER, WEIGHTS = "model.json", "weights.bin"


class ModelUnfit(ValueError):
    """Error: the model is damaged, or was made from another corpus than the one at hand."""


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The header of a model file: format version, sizes, quality, and the SHA-256 of its weights.

    `engine` and `corpus` (SHA-256 by file name) say from what it was made. `quality` and `ways` are pairs:
    with words, and by the embedding alone (languages without labelled texts).
    """

    schema: int
    version: str
    engine: str
    corpus: Mapping[str, str]
    texts: int
    dimensions: int
    columns: tuple[str, ...]
    quality: tuple[Quality, Quality]
    ways: tuple[Way, Way]
    weights: str


class Corpus(Struct, frozen=True, kw_only=True):
    """The labelled texts in the order of files and lines, and the SHA-256 of each file by name."""

    labels: tuple[Label, ...]
    files: Mapping[str, str]


def shipped_files() -> Traversable:
    """Return the folder of the model in force."""
    return resources.files("fanal.analyse").joinpath("data", "reader")


def load_corpus(names: Sequence[str] | None = None) -> Corpus:
    """Return the labelled texts of the files `names` of `data/corpus`, by default of all.

    Raises:
        ModelUnfit: a file is missing.
        msgspec.ValidationError: a line is no labelled text.
    """
    folder = resources.files("fanal.analyse").joinpath("data", "corpus")
    held = {file.name: file for file in folder.iterdir() if file.name.endswith(".jsonl")}
    labels: list[Label] = []
    digests: dict[str, str] = {}
    for name in sorted(held if names is None else names):
        if name not in held:
            raise ModelUnfit(name)
        content = held[name].read_bytes()
        digests[name] = sha256(content).hexdigest()
        labels += [_LABELS.decode(line) for line in content.splitlines() if line.strip()]
    return Corpus(labels=tuple(labels), files=digests)


_LABELS = msgspec.json.Decoder(Label)
_HEADER = msgspec.json.Decoder(Header)


def quantised(vectors: Vectors) -> Vectors:
    """Return the vectors as the model file stores them: quantised to 8 bits, with a scale for each vector."""
    scale, rows = _bytes_of(vectors)
    return rows.astype(np.float32) * scale[:, None]


def encode(
    trained: Trained, vectors: Vectors, corpus: Corpus, *, engine: str
) -> tuple[bytes, bytes]:
    """Return a trained model as the contents of its two files: (JSON header, binary weights).

    `vectors` are the embeddings of the corpus; `engine` is the name of the engine that made them.
    """
    scale, rows = _bytes_of(vectors)
    weights = b"".join(
        (
            rows.tobytes(),
            scale.astype("<f4").tobytes(),
            *(part.astype("<f2").tobytes() for part in trained.coefficients),
        )
    )
    digest = sha256(weights).hexdigest()
    header = Header(
        schema=SCHEMA,
        version=f"reader/{digest[:10]}",
        engine=engine,
        corpus=corpus.files,
        texts=len(corpus.labels),
        dimensions=vectors.shape[1],
        columns=trained.columns,
        quality=trained.quality,
        ways=trained.ways,
        weights=digest,
    )
    return msgspec.json.format(msgspec.json.encode(header), indent=1) + b"\n", weights


def read_header(folder: Traversable) -> Header:
    """Return the header of the model in a folder.

    Raises:
        ModelUnfit: it is missing, malformed, or of another format version.
    """
    try:
        header = _HEADER.decode(folder.joinpath(HEADER).read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise ModelUnfit(str(error)) from error
    if header.schema != SCHEMA:
        raise ModelUnfit(str(header.schema))
    return header


def vectors_of(folder: Traversable) -> dict[str, Vectors]:
    """Return the stored embeddings of the labelled texts, by text, to train again without embedding them.

    Raises:
        ModelUnfit: the model is damaged, or the corpus has changed.
    """
    header, corpus, vectors, _ = _opened(folder)
    del header
    return {label.text: row for label, row in zip(corpus.labels, vectors, strict=True)}


def load(folder: Traversable) -> Reader:
    """Load the classifier in a model folder, with the labelled texts from which it was made.

    Raises:
        ModelUnfit: it is damaged, or the corpus has changed.
    """
    header, corpus, vectors, coefficients = _opened(folder)
    return Reader(
        columns=header.columns,
        labels=corpus.labels,
        vectors=vectors,
        coefficients=coefficients,
        ways=header.ways,
    )


def _opened(folder: Traversable) -> tuple[Header, Corpus, Vectors, tuple[Vectors, Vectors]]:
    header = read_header(folder)
    corpus = load_corpus(tuple(header.corpus))
    if corpus.files != header.corpus:
        raise ModelUnfit("corpus")
    try:
        content = folder.joinpath(WEIGHTS).read_bytes()
    except OSError as error:
        raise ModelUnfit(WEIGHTS) from error
    if sha256(content).hexdigest() != header.weights:
        raise ModelUnfit(WEIGHTS)
    texts, size, columns = header.texts, header.dimensions, len(header.columns)
    rows = np.frombuffer(content, np.int8, texts * size).reshape(texts, size)
    place = rows.nbytes
    scale = np.frombuffer(content, "<f4", texts, place)
    place += scale.nbytes
    parts = []
    for _ in range(2):
        part = np.frombuffer(content, "<f2", texts * columns, place).reshape(texts, columns)
        parts.append(part.astype(np.float32))
        place += part.nbytes
    vectors: Vectors = rows.astype(np.float32) * scale[:, None].astype(np.float32)
    return header, corpus, vectors, (parts[0], parts[1])


def _bytes_of(vectors: Vectors) -> tuple[Vectors, np.ndarray[tuple[int, ...], np.dtype[np.int8]]]:
    scale = (np.abs(vectors).max(axis=1) / 127.0).astype(np.float32)
    return scale, np.round(vectors / scale[:, None]).astype(np.int8)
