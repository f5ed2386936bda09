"""Trains the model: what agreement is worth, from labelled people, and how often strangers agree."""

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from fanal.cli.linkage.engine import Pair, linker_on, predict
from fanal.cli.linkage.model import untrained
from fanal.crosscheck.domain.resembling import LEAST

_CHANCE_PAIRS = 2e7


def train(persons: pa.Table, labels: Sequence[int], *, seed: int) -> dict[str, object]:
    """Return a trained model; `labels` say for each report whose it is, -1 where nobody knows.

    Raises:
        ValueError: no two labelled reports belong together.
    """
    of_person = [labels[report] for report in persons["report"].to_pylist()]
    known = pa.array([str(label) if label >= 0 else None for label in of_person], pa.string())
    table = persons.append_column("label", known)
    settings = untrained().create_settings_dict("duckdb")
    with linker_on("duckdb", table, settings) as linker:
        linker.training.estimate_u_using_random_sampling(max_pairs=_CHANCE_PAIRS, seed=seed)
        linker.training.estimate_m_from_label_column("label")
        model: dict[str, object] = linker.misc.save_model_to_json()
    size = len(of_person)
    counts: dict[int, int] = {}
    for label in of_person:
        if label >= 0:
            counts[label] = counts.get(label, 0) + 1
    together = sum(n * (n - 1) // 2 for n in counts.values())
    if not together:
        raise ValueError("no two labelled reports belong together")
    model["probability_two_random_records_match"] = together / (size * (size - 1) / 2)
    return model


def candidate(
    persons: pa.Table,
    labels: Sequence[int],
    *,
    seed: int,
    shipped: Mapping[str, object] | None,
    name: str,
) -> dict[str, object]:
    """Return the file of a trained model with what it is worth, beside the shipped one, on half the labels.

    Trained on the people of even labels, measured on the others.

    Raises:
        ValueError: as `train`.
    """
    learnt = [label if label >= 0 and label % 2 == 0 else -1 for label in labels]
    kept = [label if label % 2 else -1 for label in labels]
    model = train(persons, learnt, seed=seed)
    found: dict[str, object] = {
        "version": f"linkage/{name}",
        "schema": 1,
        "least": LEAST,
        "measured": worth(predict(persons, model, least=LEAST), kept),
    }
    if shipped is not None:
        found["shipped_measured"] = worth(predict(persons, shipped, least=LEAST), kept)
    return found | {"model": model}


def worth(pairs: Iterable[Pair], labels: Sequence[int]) -> dict[str, float | int]:
    """Return precision and recall of pairs among labelled reports."""
    judged = [(a, b) for a, b in pairs if labels[a] >= 0 and labels[b] >= 0]
    right = sum(labels[a] == labels[b] for a, b in judged)
    counts: dict[int, int] = {}
    for label in labels:
        if label >= 0:
            counts[label] = counts.get(label, 0) + 1
    together = sum(n * (n - 1) // 2 for n in counts.values())
    return {
        "pairs": len(judged),
        "precision": round(right / max(1, len(judged)), 5),
        "recall": round(right / max(1, together), 5),
    }
