"""A desk's own model: a folder with an ONNX model, read in the same process without rights."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fanal.embedding.engine import EngineMissing, EngineProcess, TextUnembedded
from fanal.embedding.onnx_model import digest_of

pytest.importorskip("onnxruntime", reason="an extra: make setup-test")
onnx = pytest.importorskip("onnx")
tokenizers = pytest.importorskip("tokenizers")
WORDS = ["[UNK]", "query", ":", "he", "waits", "there"]
WIDTH = 6


def make(
    folder: Path,
    *,
    words: list[str] = WORDS,
    width: int = WIDTH,
    pooled: bool = False,
    **settings: object,
) -> np.ndarray:
    """Write a model that looks its tokens up in a table, and return the table."""
    folder.mkdir(exist_ok=True)
    numbers = {word: number for number, word in enumerate(words)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    table = np.random.default_rng(7).normal(size=(len(words), width)).astype(np.float32)
    helper, whole = onnx.helper, onnx.TensorProto
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["tokens"])]
    shape = ["texts", "tokens", width]
    if pooled:
        nodes.append(helper.make_node("ReduceMax", ["tokens"], ["found"], axes=[1], keepdims=0))
        shape = ["texts", width]
    graph = helper.make_graph(
        nodes,
        "table",
        [helper.make_tensor_value_info("input_ids", whole.INT64, ["texts", "tokens"])],
        [helper.make_tensor_value_info("found" if pooled else "tokens", whole.FLOAT, shape)],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "model.onnx")
    if settings:
        (folder / "embedding.json").write_text(json.dumps(settings))
    return table


@pytest.fixture
def started() -> Iterator[list[EngineProcess]]:
    engines: list[EngineProcess] = []
    yield engines
    for engine in engines:
        engine.stop()


def opened(folder: Path, started: list[EngineProcess]) -> EngineProcess:
    started.append(EngineProcess(folder))
    return started[-1]


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def test_a_text_is_the_mean_of_its_tokens(tmp_path: Path, started: list[EngineProcess]) -> None:
    table = make(tmp_path, prefix="query: ")
    engine = opened(tmp_path, started)
    found = engine.embed(["he waits there", "he", ""])
    wanted = [[1, 2, 3, 4, 5], [1, 2, 3], [1, 2]]
    for row, numbers in zip(found, wanted, strict=True):
        assert np.allclose(row, unit(table[numbers].mean(axis=0)), atol=1e-6)
    assert engine.tokens(["he waits there", ""]) == [5, 2]
    assert (
        engine.name == f"onnxruntime/{engine.name.split()[0].split('/')[1]} {digest_of(tmp_path)}"
    )


def test_the_first_token_counts_where_the_model_says_so_and_long_texts_end(
    tmp_path: Path, started: list[EngineProcess]
) -> None:
    table = make(tmp_path, pooling="first", longest=256)
    engine = opened(tmp_path, started)
    assert np.allclose(engine.embed(["waits he there he"])[0], unit(table[4]), atol=1e-6)
    assert engine.tokens(["he " * 5000]) == [256]


def test_a_model_that_makes_one_vector_of_a_text_is_taken_at_its_word(
    tmp_path: Path, started: list[EngineProcess]
) -> None:
    table = make(tmp_path, pooled=True)
    engine = opened(tmp_path, started)
    assert np.allclose(engine.embed(["he waits"])[0], unit(table[[3, 4]].max(axis=0)), atol=1e-6)


def test_its_process_has_no_rights_and_survives_odd_texts(
    tmp_path: Path, started: list[EngineProcess]
) -> None:
    make(tmp_path)
    engine = opened(tmp_path, started)
    assert engine.ready.filtered
    odd = ["\0", "\ud800", "\u202e" * 200, "\N{COMBINING ACUTE ACCENT}" * 5000, "x" * 200_000]
    for text in odd:
        try:
            assert np.isfinite(engine.embed([text])).all()
        except TextUnembedded:  # its process ended on it: the next text has another
            continue
    assert engine.tokens(["he"]) == [1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", None),
        ("model.onnx", None),
        ("tokenizer.json", b"{}"),
        ("model.onnx", b"\x08\x09"),
        ("embedding.json", b'{"pooling": "last"}'),
        ("embedding.json", b'{"prefx": "query: "}'),
        ("embedding.json", b'{"longest": 128}'),
    ],
)
def test_a_folder_that_is_no_model_says_which_file(
    name: str, content: bytes | None, tmp_path: Path
) -> None:
    make(tmp_path, prefix="")
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EngineMissing, match=name.partition(".")[0]):
        EngineProcess(tmp_path)


def test_a_model_that_changes_while_it_is_in_use_reads_no_more(
    tmp_path: Path, started: list[EngineProcess]
) -> None:
    make(tmp_path)
    engine = opened(tmp_path, started)
    (tmp_path / "embedding.json").write_text('{"prefix": "query: "}')
    assert engine.tokens(["he"]) == [1], "what was loaded reads on"
    engine.stop()
    with pytest.raises(EngineMissing, match="has changed"):
        engine.embed(["he"])


def test_its_name_changes_with_each_file_and_not_with_the_reader_trained_for_it(
    tmp_path: Path,
) -> None:
    make(tmp_path, prefix="query: ")
    first = digest_of(tmp_path)
    (tmp_path / "reader").mkdir()
    (tmp_path / "reader" / "model.json").write_text("{}")
    assert digest_of(tmp_path) == first
    make(tmp_path, prefix="")
    second = digest_of(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "weights").write_bytes(b"1")
    assert len({first, second, digest_of(tmp_path)}) == 3
