"""User names that sentences introduce, measured on `sentences/handles.jsonl`.

The sentences are neutral and were written before the rule. When the rule was mended, only those with an even
number were read: the odd half measures what it does with sentences it was not made for.
"""

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.values.handles import bare_name
from fanal.harmonise.domain.values.texts import find_selectors

FILE = Path(__file__).parent / "sentences" / "handles.jsonl"
SENTENCES = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]


def handles(text: str) -> set[str]:
    return {hit.value for hit in find_selectors(text) if hit.kind is SelectorKind.HANDLE}


def measured(sentences: list[dict[str, object]]) -> tuple[float, float]:
    """Return precision and recall over names without their service."""
    counts: Counter[str] = Counter()
    for sentence in sentences:
        found = {bare_name(handle) for handle in handles(str(sentence["text"]))}
        told = set(sentence["handles"])  # type: ignore[call-overload]
        counts["both"] += len(found & told)
        counts["found"] += len(found)
        counts["told"] += len(told)
    return counts["both"] / counts["found"], counts["both"] / counts["told"]


@pytest.mark.parametrize("rest", [0, 1])
def test_names_are_found_and_words_are_left(rest: int) -> None:
    precision, recall = measured([one for one in SENTENCES if one["id"] % 2 == rest])
    assert precision >= 0.97
    assert recall >= 0.9


@pytest.mark.parametrize(
    ("text", "handle"),
    [
        ("my snap is shadow.king93", "shadow.king93@snapchat"),
        ("Il a écrit : ajoute-moi sur Discord, je suis loup_gris", "loup_gris@discord"),
        ("son pseudo c'est renard_77", "renard_77"),
        ("добавь меня в телеграм: renard_77", "renard_77@telegram"),
        ("il s'appelle « pingouin_glace » sur Fortnite", "pingouin_glace@fortnite"),
        ("dodaj mnie na Instagramie: renard_77", "renard_77@instagram"),
    ],
)
def test_the_service_that_a_sentence_names_is_kept(text: str, handle: str) -> None:
    assert handles(text) == {handle}


@pytest.mark.parametrize(
    "text",
    [
        "on rentre à la maison.Il fait froid, mon snap marche",
        "mon snap est bloque.puis plus rien",
        "mon discord : lemonde.fr",
        "mon insta est sur www.renard.example",
        "mon compte jean.dupont@mail.example",
        "sur Discord : devoir_final.docx",
        "Discord version1.2.3",
        "mon snap marche depuis 18h30, ou 8.30pm",
        "l'adresse 12_rue de la Paix",
        "renard_77",
        "je suis en ligne, renard_77 aussi",
    ],
)
def test_what_has_another_reading_or_no_context_is_left(text: str) -> None:
    assert handles(text) == set()


@pytest.mark.parametrize(
    "piece", ["a_", "snap is a_1 ", "A1", "snap ", "pseudo a.b", "_", "est ", "a1-"]
)
def test_reading_time_stays_linear(piece: str) -> None:
    text = (piece * 200_000)[:200_000]
    start = time.process_time()
    find_selectors(text)
    find_selectors(f"snap {text} fin")
    assert time.process_time() - start < 3
