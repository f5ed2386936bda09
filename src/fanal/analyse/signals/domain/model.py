"""The model files of the text reader: a JSON header and a binary file of weights; the labelled corpus.

`data/reader/model.json` says from what the model was made (engine, corpus files by digest), its quality, and
how scores become probabilities. `data/reader/weights.bin` holds, in this order and little-endian: the
embeddings of the labelled texts (int8, a row for each text), the scale of each (float32), and two sets of
coefficients (float16): for reading by words and embedding, and by the embedding alone (languages without
labelled texts). A version that a desk trained has its neutral sentences in the header (`added`). What it
learnt from sealed passages is in separate parts, one for each report: the labels, and bytes of the same form.

`data/reader/words.npz` follows from the others: the known words of the corpus and their weights, which take
longer to count than all else of a load. `scripts/prepare_web.py` writes it; a model without it, or with that
of another model, counts them as it is loaded.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from io import BytesIO
from zipfile import BadZipFile

import msgspec
import numpy as np
from msgspec import Struct

from fanal.analyse.signals.domain.learning import Quality, Trained
from fanal.analyse.signals.domain.meaning import (
    KnownWords,
    Label,
    Reader,
    Rows,
    Vectors,
    Vocabulary,
    Way,
)

SCHEMA = 1
HEADER, WEIGHTS, WORDS = "model.json", "weights.bin", "words.npz"
_COUNTS_WORDS = (
    ("signals", "domain", "meaning.py"),
    ("signals", "domain", "text.py"),
    ("data", "spelling.toml"),
)
"""The files that decide, with model and corpus, which words are known and what they weigh."""


class ModelUnfit(ValueError):
    """Error: the model is missing or damaged, or was made for another embedding engine, corpus or package."""


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The header of a model file: from what the model was made, sizes, quality, and a digest of its weights.

    `schema` is the format version of the file, `version` the name of the model, `weights` the SHA-256 of its
    binary file. `engine` (name of the embedding engine) and `corpus` (SHA-256 by file name) say from what it
    was made. `texts` is the number of texts in the weights, `dimensions` the length of an embedding.
    `columns` are the outputs, in this order: signal codes, natures (`NATURE_…`), danger, and `any` (any
    signal code). `quality` and `ways` (parameters: calibration, thresholds) are pairs: for reading by words
    and embedding, and by the embedding alone (languages without labelled texts). `added` are a desk's neutral
    sentences, `parts` the SHA-256 of what it learnt from each report (`Part`).
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
    added: tuple[Label, ...] = ()
    parts: tuple[str, ...] = ()


class Part(Struct, frozen=True, kw_only=True):
    """What a model learnt from the passages of one report: labels, and in `body` embeddings and coefficients.

    `body` has the layout of `weights.bin`: int8 embeddings, float32 scales, float16 coefficients.
    """

    labels: tuple[Label, ...]
    body: bytes


class Corpus(Struct, frozen=True, kw_only=True):
    """The shipped labelled texts on which the text reader's model is trained.

    `labels` are in the order of files and lines; `files` is the SHA-256 of each file by name.
    """

    labels: tuple[Label, ...]
    files: Mapping[str, str]


def shipped_files() -> Traversable:
    """Return the folder of the text reader's shipped model: `model.json` and `weights.bin`."""
    return resources.files("fanal.analyse").joinpath("data", "reader")


def load_corpus(names: Sequence[str] | None = None) -> Corpus:
    """Return the labelled texts of the files `names` of `data/corpus`, by default of all.

    Raises:
        ModelUnfit: a file is missing.
        msgspec.DecodeError: a line is no labelled text.
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
_PART = msgspec.msgpack.Decoder(Part)


def quantised(vectors: Vectors) -> Vectors:
    """Return the vectors as the model file stores them: quantised to 8 bits, with a scale for each vector."""
    scale, rows = _bytes_of(vectors)
    return rows.astype(np.float32) * scale[:, None]


def encode(
    trained: Trained,
    vectors: Vectors,
    corpus: Corpus,
    *,
    engine: str,
    added: Sequence[Label] = (),
    parts: Sequence[bytes] = (),
) -> tuple[bytes, bytes]:
    """Return a trained model as the contents of its two files: (JSON header, binary weights).

    `vectors` are the embeddings of the corpus and of the sentences `added`; `engine` is the name of the
    engine that made them. `parts` are what it learnt from the passages of each report (`encode_part`); the
    header holds only their digests.
    """
    texts = len(corpus.labels) + len(added)
    weights = _packed(vectors[:texts], [part[:texts] for part in trained.coefficients])
    digest = sha256(weights).hexdigest()
    digests = sorted(sha256(part).hexdigest() for part in parts)
    version = sha256("".join([digest, *digests]).encode()).hexdigest() if parts else digest
    header = Header(
        schema=SCHEMA,
        version=f"reader/{version[:10]}",
        engine=engine,
        corpus=corpus.files,
        texts=texts,
        dimensions=vectors.shape[1],
        columns=trained.columns,
        quality=trained.quality,
        ways=trained.ways,
        weights=digest,
        added=tuple(added),
        parts=tuple(digests),
    )
    return msgspec.json.format(msgspec.json.encode(header), indent=1) + b"\n", weights


def encode_part(trained: Trained, vectors: Vectors, labels: Sequence[Label], rows: Rows) -> bytes:
    """Return what a model learnt from a report's texts, as bytes: labels, embeddings and coefficients.

    `labels` are these texts, `rows` their row numbers in `vectors` and in the coefficients of `trained`.
    """
    body = _packed(vectors[rows], [part[rows] for part in trained.coefficients])
    return msgspec.msgpack.encode(Part(labels=tuple(labels), body=body))


def read_header(folder: Traversable) -> Header:
    """Return the header of the model in a folder.

    Raises:
        ModelUnfit: it is missing, malformed, or of another format version.
    """
    try:
        return parse_header(folder.joinpath(HEADER).read_bytes())
    except OSError as error:
        raise ModelUnfit(str(error)) from error


def parse_header(content: bytes) -> Header:
    """Return the header of a model file with this content.

    Raises:
        ModelUnfit: it is malformed, or of another format version.
    """
    try:
        header = _HEADER.decode(content)
    except msgspec.MsgspecError as error:
        raise ModelUnfit(str(error)) from error
    if header.schema != SCHEMA:
        raise ModelUnfit(str(header.schema))
    return header


def check_stored(
    version: str, content: bytes | None, weights: bytes | None, *, shipped: Header
) -> Header:
    """Return the header of a stored version of the text reader (a trained model) if it fits this program.

    Its bytes must match their digests. `content` is the JSON header, `weights` the binary file. A version
    without bytes is the one that a package shipped, and fits that package only. `shipped` is the header of
    the version that reads without any activation.

    Raises:
        ModelUnfit: the header is malformed, the weights have another digest, engine or corpus differ from
            the shipped ones, or another package shipped the version.
    """
    if content is None or weights is None:
        if version != shipped.version:
            raise ModelUnfit("package")
        return shipped
    header = parse_header(content)
    if sha256(weights).hexdigest() != header.weights:
        raise ModelUnfit(WEIGHTS)
    if header.engine != shipped.engine:
        raise ModelUnfit("engine")
    if load_corpus(tuple(header.corpus)).files != header.corpus:
        raise ModelUnfit("corpus")
    return header


def vectors_of(folder: Traversable) -> dict[str, Vectors]:
    """Return the embeddings stored in a model folder, by labelled text, for another training.

    Raises:
        ModelUnfit: the model is damaged, or the corpus has changed.
    """
    labels, vectors, _ = _opened(read_header(folder), _weights(folder))
    return {label.text: row for label, row in zip(labels, vectors, strict=True)}


def load(folder: Traversable) -> Reader:
    """Load the classifier of a model folder, with the shipped labelled texts from which it was made.

    Raises:
        ModelUnfit: it is damaged, or the corpus has changed.
    """
    return assemble(read_header(folder), _weights(folder), words=stored_words(folder))


def stored_words(folder: Traversable) -> KnownWords | None:
    """Return the known words stored in a model folder; None if they are missing, damaged or of another model.

    Also None if they were counted by another version of the program or of its spelling (`words_key`).
    """
    try:
        with np.load(BytesIO(folder.joinpath(WORDS).read_bytes()), allow_pickle=False) as stored:
            if stored["key"].tobytes() != words_key(folder):
                return None
            words = stored["words"].tobytes().decode().split("\n")
            vocabulary = Vocabulary(
                {word: number for number, word in enumerate(words)}, tuple(stored["idf"].tolist())
            )
            return KnownWords(vocabulary, stored["weights"])
    except (OSError, EOFError, BadZipFile, ValueError, KeyError):
        return None


def encode_words(folder: Traversable, words: KnownWords) -> bytes:
    """Return the content of `words.npz` for the model in a folder, of which `words` are the known words."""
    content = BytesIO()
    np.savez(
        content,
        key=np.frombuffer(words_key(folder), np.uint8),
        words=np.frombuffer("\n".join(words.vocabulary.numbers).encode(), np.uint8),
        idf=np.array(words.vocabulary.idf),
        weights=words.weights,
    )
    return content.getvalue()


def words_key(folder: Traversable) -> bytes:
    """Return a SHA-256 of everything on which the known words of a model folder depend: model, spelling,
    program.

    The model's header holds the digests of its weights and of the corpus, so that both are covered.
    """
    package = resources.files("fanal.analyse")
    held = (package.joinpath(*path).read_bytes() for path in _COUNTS_WORDS)
    digests = (
        sha256(content).digest() for content in (folder.joinpath(HEADER).read_bytes(), *held)
    )
    return sha256(b"".join(digests)).digest()


def assemble(
    header: Header,
    weights: bytes,
    parts: Sequence[bytes] = (),
    *,
    words: KnownWords | None = None,
) -> Reader:
    """Return the classifier of a header, its weights, and the decrypted parts that were not erased.

    A part is what the model learnt from one report (`Part`). The texts of parts are never quoted as similar
    texts. If a part is missing, since its report was erased, its texts have no weight in the classifier.
    The same holds for withdrawn neutral sentences, whose text in the header is empty. `words` are the
    stored known words of a model without parts and without withdrawn sentences; None: they are counted.

    Raises:
        ModelUnfit: something is damaged or not of this model, or the corpus has changed.
        msgspec.MsgspecError: a part has the right digest and another format.
    """
    labels, vectors, coefficients = _opened(header, weights)
    if not all(label.text for label in header.added):
        held = np.array([bool(label.text) for label in labels])
        labels = tuple(label for label in labels if label.text)
        vectors, coefficients = vectors[held], (coefficients[0][held], coefficients[1][held])
    quoted = len(labels)
    rows, both, alone = [vectors], [coefficients[0]], [coefficients[1]]
    for content in parts:
        if sha256(content).hexdigest() not in header.parts:
            raise ModelUnfit("part")
        part = _PART.decode(content)
        embeddings, (by_words, without) = _unpacked(header, part.body, len(part.labels))
        labels += part.labels
        rows.append(embeddings)
        both.append(by_words)
        alone.append(without)
    return Reader(
        columns=header.columns,
        labels=labels,
        vectors=np.concatenate(rows),
        coefficients=(np.concatenate(both), np.concatenate(alone)),
        ways=header.ways,
        quoted=quoted,
        words=words,
    )


def _weights(folder: Traversable) -> bytes:
    try:
        return folder.joinpath(WEIGHTS).read_bytes()
    except OSError as error:
        raise ModelUnfit(WEIGHTS) from error


def _opened(
    header: Header, content: bytes
) -> tuple[tuple[Label, ...], Vectors, tuple[Vectors, Vectors]]:
    corpus = load_corpus(tuple(header.corpus))
    if corpus.files != header.corpus:
        raise ModelUnfit("corpus")
    if sha256(content).hexdigest() != header.weights:
        raise ModelUnfit(WEIGHTS)
    return (*corpus.labels, *header.added), *_unpacked(header, content, header.texts)


def _packed(vectors: Vectors, coefficients: Sequence[Vectors]) -> bytes:
    scale, rows = _bytes_of(vectors)
    parts = [part.astype("<f2").tobytes() for part in coefficients]
    return b"".join((rows.tobytes(), scale.astype("<f4").tobytes(), *parts))


def _unpacked(
    header: Header, content: bytes, texts: int
) -> tuple[Vectors, tuple[Vectors, Vectors]]:
    size, columns = header.dimensions, len(header.columns)
    if len(content) != texts * (size + 4 + 4 * columns):
        raise ModelUnfit("size")
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
    return vectors, (parts[0], parts[1])


def _bytes_of(vectors: Vectors) -> tuple[Vectors, np.ndarray[tuple[int, ...], np.dtype[np.int8]]]:
    scale = (np.abs(vectors).max(axis=1) / 127.0).astype(np.float32)
    return scale, np.round(vectors / scale[:, None]).astype(np.int8)
