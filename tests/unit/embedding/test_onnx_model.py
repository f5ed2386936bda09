"""A desk's own model: a folder with an ONNX model, read in the same process without rights."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fanal.embedding.engine import EngineMissing, EngineProcess, EngineStarting, TextUnembedded
from fanal.embedding.onnx_model import digest_of
from tests.live import wait_for

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


def put(folder: Path, nodes: list[object], *initial: object, last: str = "y") -> None:
    """Replace the model of a folder by these nodes; `last` has a vector for each token, or for each text."""
    helper, whole = onnx.helper, onnx.TensorProto
    shape = ["b", "s", "width"] if last == "tokens" else ["b", "s"]
    graph = helper.make_graph(
        nodes,
        "given",
        [helper.make_tensor_value_info("input_ids", whole.INT64, ["b", "s"])],
        [helper.make_tensor_value_info(last, whole.FLOAT, shape)],
        list(initial),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def put_table(folder: Path, table: np.ndarray) -> None:
    """Replace the model of a folder by one that looks its tokens up in `table`."""
    node = onnx.helper.make_node("Gather", ["table", "input_ids"], ["tokens"])
    put(folder, [node], onnx.numpy_helper.from_array(table, "table"), last="tokens")


def make_endless(folder: Path) -> None:
    """Write a model whose first run never ends."""
    make(folder)
    helper, whole = onnx.helper, onnx.TensorProto

    def told(name: str, kind: int, shape: list[str]) -> object:
        return helper.make_tensor_value_info(name, kind, shape)

    body = helper.make_graph(
        [
            helper.make_node("Identity", ["c"], ["co"]),
            helper.make_node("Identity", ["x"], ["xo"]),
        ],
        "body",
        [told("i", whole.INT64, []), told("c", whole.BOOL, []), told("x", whole.FLOAT, ["b", "s"])],
        [told("co", whole.BOOL, []), told("xo", whole.FLOAT, ["b", "s"])],
    )
    put(
        folder,
        [
            helper.make_node("Cast", ["input_ids"], ["f"], to=whole.FLOAT),
            helper.make_node("Loop", ["", "t", "f"], ["y"], body=body),
        ],
        onnx.numpy_helper.from_array(np.array(True), "t"),
    )


def make_weights_in(folder: Path, location: str) -> None:
    """Write a model whose table lies in a data file at `location`."""
    make(folder)
    table = onnx.numpy_helper.from_array(np.zeros((len(WORDS), WIDTH), np.float32), "table")
    table.ClearField("raw_data")
    table.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("length", str(len(WORDS) * WIDTH * 4))):
        entry = table.external_data.add()
        entry.key, entry.value = key, value
    put(
        folder,
        [onnx.helper.make_node("Gather", ["table", "input_ids"], ["tokens"])],
        table,
        last="tokens",
    )


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


def test_a_start_that_hangs_has_no_rights_delays_nobody_and_ends(tmp_path: Path) -> None:
    """It stopped what waited for it for two minutes, with the rights of its starter and without caps."""
    make_endless(tmp_path)
    engine = EngineProcess(tmp_path, patience=0.5)
    reasons: set[str] = set()

    def starts() -> bool:
        try:
            engine.start()
        except EngineMissing as missing:
            reasons.add(str(missing))
            return isinstance(missing, EngineStarting)
        return True

    began = time.monotonic()
    assert starts()
    assert time.monotonic() - began < 10
    status = Path(f"/proc/{engine.pid}/status")
    assert wait_for(lambda: "Seccomp:\t2" in status.read_text(), seconds=60)
    if os.geteuid() == 0:
        assert "Uid:\t65534\t65534\t65534\t65534" in status.read_text()
    assert wait_for(lambda: not starts(), seconds=100)
    assert reasons == {
        "its process is starting",
        "its process used up its processor time while it started",
    }


def test_the_first_run_has_the_caps(tmp_path: Path) -> None:
    make(tmp_path)
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    put(
        tmp_path,
        [
            helper.make_node("ConstantOfShape", ["n"], ["big"]),
            helper.make_node("ReduceSum", ["big"], ["sum"], keepdims=0),
            helper.make_node("Cast", ["input_ids"], ["f"], to=floats),
            helper.make_node("Add", ["f", "sum"], ["y"]),
        ],
        onnx.numpy_helper.from_array(np.array([1 << 28], np.int64), "n"),
    )
    with pytest.raises(EngineMissing, match=r"model\.onnx"):
        EngineProcess(tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_text_without_a_vector_is_unread_alone(
    value: float, tmp_path: Path, started: list[EngineProcess]
) -> None:
    """As an export in 16 bits overflows: such a vector was read as "nothing is told", and nobody was told."""
    table = make(tmp_path)
    table[5] = value
    put_table(tmp_path, table)
    engine = opened(tmp_path, started)
    pid = engine.pid
    with pytest.raises(TextUnembedded, match="zero or not finite"):
        engine.embed(["there"])
    assert engine.embed(["he waits"]).any()
    assert engine.pid == pid


@pytest.mark.parametrize("size", [1000, 2 << 20])
def test_weights_in_any_file_of_the_folder_are_pinned(
    size: int, tmp_path: Path, started: list[EngineProcess]
) -> None:
    names = set()
    for location in ("weights.data", "reader/weights.data"):
        folder = tmp_path / location.replace("/", "-")
        make_weights_in(folder, location)
        (folder / location).parent.mkdir(exist_ok=True)
        for first in (1, 2):
            (folder / location).write_bytes(
                np.arange(first, first + size, dtype=np.float32).tobytes()
            )
            engine = opened(folder, started)
            assert np.allclose(engine.embed(["[UNK]"])[0], unit(np.arange(first, first + WIDTH)))
            names.add(engine.name)
    assert len(names) == 4


@pytest.mark.parametrize("location", ["../weights", "link", "folder/weights"])
def test_weights_outside_the_folder_are_refused(location: str, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(bytes(1000))
    folder = tmp_path / "model"
    make_weights_in(folder, location)
    (folder / "link").symlink_to(tmp_path / "weights")
    (folder / "folder").symlink_to(tmp_path)
    with pytest.raises(EngineMissing, match=r"model\.onnx"):
        EngineProcess(folder)


def test_a_file_name_that_is_no_text_is_refused_in_words(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / os.fsdecode(b"\xff.bin")).write_bytes(b"1")
    with pytest.raises(EngineMissing, match=r"not UTF-8: '\\udcff\.bin'"):
        EngineProcess(tmp_path)
    with pytest.raises(EngineMissing, match=r"model\.onnx"):
        EngineProcess(tmp_path / os.fsdecode(b"\xff"))
