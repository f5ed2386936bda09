"""Trains the linkage model: m probabilities from labelled people, u probabilities from random pairs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import exp, log

import msgspec
import pyarrow as pa

from fanal.crosscheck.linkage.engine import Pair, linker_on, predict
from fanal.crosscheck.linkage.model import untrained
from fanal.crosscheck.similar.domain.suggestions import LEAST

_RANDOM = "probability_two_random_records_match"
_Settings = dict[str, object]
_CHANCE_PAIRS = 2e7
_KNOWN = 200
"""Labelled pairs at which training data and shipped model have equal weight (m probabilities)."""
_MET = 200_000
"""Random pairs at which training data and shipped model have equal weight (u probabilities)."""


def train(persons: pa.Table, labels: Sequence[int], *, seed: int) -> dict[str, object]:
    """Train a linkage model; return its Splink settings. `labels`: person of each report, -1 if unknown.

    `persons`: the suspects (`stored.SCHEMA`). `seed`: for the sample of random pairs.

    Raises:
        ValueError: no two suspects have the same label (that of their report).
    """
    of_person = [labels[report] for report in persons["report"].to_pylist()]
    together = _pairs(of_person)
    if not together:
        raise ValueError("no two labelled reports belong together")
    known = pa.array([str(label) if label >= 0 else None for label in of_person], pa.string())
    table = persons.append_column("label", known)
    settings = untrained().create_settings_dict("duckdb")
    with linker_on("duckdb", table, settings) as linker:
        linker.training.estimate_u_using_random_sampling(max_pairs=_CHANCE_PAIRS, seed=seed)
        linker.training.estimate_m_from_label_column("label")
        model: dict[str, object] = linker.misc.save_model_to_json()
    size = len(of_person)
    model[_RANDOM] = together / (size * (size - 1) / 2)
    return model


def candidate(
    persons: pa.Table,
    labels: Sequence[int],
    *,
    seed: int,
    shipped: Mapping[str, object] | None,
    name: str,
) -> dict[str, object]:
    """Train a model and return the content of its file, with its quality on held-out labels.

    `labels` gives the person of each report, -1 if unknown: even ones are trained on, odd ones measured on.
    `shipped` is the model to compare with (that in use), None for none: it is measured too, and the trained
    parameters are shrunk towards it (`beside`); where there is no training data, they equal it. `name`
    becomes part of the version, `seed` is for the sample of random pairs. Keys of the result: the fields of
    `model.Model` (`version`, `trained_on`, `measured`, `model` and so on).

    Raises:
        ValueError: no two reports have the same even label.
    """
    learnt = [label if label >= 0 and label % 2 == 0 else -1 for label in labels]
    kept = [label if label % 2 else -1 for label in labels]
    model = train(persons, learnt, seed=seed)
    if shipped is not None:
        model = beside(model, shipped, known=_pairs(learnt), met=_pairs([0] * len(persons)))
    found: dict[str, object] = {
        "version": f"linkage/{name}",
        "schema": 1,
        "least": LEAST,
        "trained_on": {
            "reports": len(labels),
            "pairs": _pairs(learnt),
            "measured_on": _pairs(kept),
        },
        "measured": worth(predict(persons, model, least=LEAST), kept),
    }
    if shipped is not None:
        found["shipped_measured"] = worth(predict(persons, shipped, least=LEAST), kept)
    return found | {"model": model}


def beside(
    model: Mapping[str, object], shipped: Mapping[str, object], *, known: int, met: int
) -> dict[str, object]:
    """Return the trained `model` shrunk towards the `shipped` one, the more so the fewer its training pairs.

    `known` is the number of pairs of one person (for m probabilities), `met` that of random pairs (for u).
    Both models, and the result, are Splink settings (JSON).
    """
    parts = {"m_probability": known / (known + _KNOWN), "u_probability": met / (met + _MET)}
    mine, theirs = (
        msgspec.convert(each["comparisons"], list[_Settings]) for each in (model, shipped)
    )
    mixed = [
        {**one, "comparison_levels": _mixed(_levels(one), _levels(two), parts)}
        for one, two in zip(mine, theirs, strict=True)
    ]
    logs = [log(_number(each, _RANDOM) or 1.0) for each in (model, shipped)]
    part = parts["m_probability"]
    return {**model, "comparisons": mixed, _RANDOM: exp(part * logs[0] + (1 - part) * logs[1])}


def _mixed(
    mine: Sequence[_Settings], theirs: Sequence[_Settings], parts: Mapping[str, float]
) -> list[_Settings]:
    levels = [dict(level) for level in mine]
    for name, part in parts.items():
        # Without training data the shipped parameter is used.
        seen = part if any(_number(level, name) for level in mine) else 0.0
        for level, other in zip(levels, theirs, strict=True):
            if (said := _number(other, name)) is not None:
                level[name] = seen * (_number(level, name) or 0.0) + (1 - seen) * said
    return levels


def _levels(comparison: _Settings) -> list[_Settings]:
    return msgspec.convert(comparison["comparison_levels"], list[_Settings])


def _number(settings: Mapping[str, object], name: str) -> float | None:
    found = settings.get(name)
    return float(found) if isinstance(found, int | float) else None


def _pairs(labels: Iterable[int]) -> int:
    """Return the number of pairs of reports with equal labels; -1 means no label."""
    counts = Counter(label for label in labels if label >= 0)
    return sum(n * (n - 1) // 2 for n in counts.values())


def worth(pairs: Iterable[Pair], labels: Sequence[int]) -> dict[str, float | int]:
    """Return the precision and recall of found pairs of reports, judged by the `labels` of the reports.

    Keys: `precision` and `recall` (0 to 1), and `pairs`, the number of judged ones. Pairs with an unlabelled
    report (-1) are left out.
    """
    judged = [(a, b) for a, b in pairs if labels[a] >= 0 and labels[b] >= 0]
    right = sum(labels[a] == labels[b] for a, b in judged)
    together = _pairs(labels)
    return {
        "pairs": len(judged),
        "precision": round(right / max(1, len(judged)), 5),
        "recall": round(right / max(1, together), 5),
    }
