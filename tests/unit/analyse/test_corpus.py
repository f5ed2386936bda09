"""The labelled texts: known codes, one format, and no text of the unseen sets in the corpus."""

import json
from collections import Counter
from pathlib import Path

import pytest

from fanal import analyse

CORPUS = sorted((Path(analyse.__file__).parent / "data/corpus").glob("*.jsonl"))
UNSEEN = sorted((Path(__file__).parents[2] / "signals").glob("*.jsonl"))
KEYS = ["id", "lang", "text", "codes", "nature", "plain", "voice"]
NATURES = {
    None, "SPAM", "TEST", "QUESTION", "RETRACTED", "OFF_TOPIC", "INNOCENT", "INFORMATIONAL"
}  # fmt: skip
NO_CODE_OF_A_TEXT = {"GROOMING_PATTERN", "IMMINENCE_VICTIM_AGE", "IMMINENCE_AGE_STATED"}
"""A pattern follows from other codes; ages are read as facts."""


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def words(text: object) -> str:
    return " ".join(str(text).lower().split())


def labelled_codes(repository: Path) -> set[str]:
    """Return the codes of signals in the table of `docs/explanation/signals.md`."""
    page = (repository / "docs/explanation/signals.md").read_text("utf-8")
    rows = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    return set(rows) - NO_CODE_OF_A_TEXT


@pytest.mark.parametrize("path", [*CORPUS, *UNSEEN], ids=lambda path: path.stem)
def test_every_line_is_labelled_with_known_codes(path: Path, repository: Path) -> None:
    known, found = labelled_codes(repository), lines(path)
    assert len(known) == 19
    for line in found:
        assert list(line) == KEYS, line
        codes = line["codes"]
        assert isinstance(codes, list)
        assert set(codes) <= known, line
        assert line["nature"] in NATURES, line
        assert not (codes and line["nature"]), line
    assert len({line["id"] for line in found}) == len(found)
    counted = Counter(code for line in found for code in line["codes"])  # type: ignore[attr-defined]
    assert min(counted[code] for code in known) >= (24 if path in UNSEEN else 11)


def test_no_text_stands_twice_and_none_of_the_unseen_in_the_corpus() -> None:
    assert len(CORPUS) >= 4
    assert len(UNSEEN) >= 2
    seen = Counter(words(line["text"]) for path in (*CORPUS, *UNSEEN) for line in lines(path))
    assert [text for text, times in seen.items() if times > 1] == []
