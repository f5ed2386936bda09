"""The record linkage model of suspects: its definition for Splink, its training, and the choice of a
version.

Training estimates m probabilities from labelled people and u probabilities from random pairs. Fanal ships
one trained model; an operator may train another (a candidate) and activate it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from math import exp, log
from pathlib import Path

import msgspec
import pyarrow as pa
from msgspec import Struct
from splink import SettingsCreator

from fanal.crosscheck.linkage.engine import Pair, linker_on, predict
from fanal.crosscheck.similar.domain.suggestions import LEAST
from fanal.postgres.roles import write_private

MODEL_FILE = "linkage.json"
_MET_BY = ("email", "mail_name", "handle", "stem", "phone", "name", "device", "account")
_Level = dict[str, str | bool]


def untrained() -> SettingsCreator:
    """Return the definition of the linkage model for Splink, without trained parameters.

    It has the comparisons of two people and the blocking rules, which select the pairs to compare.
    """
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="unique_id",
        additional_columns_to_retain=["report"],
        retain_intermediate_calculation_columns=True,
        retain_matching_columns=False,
        comparisons=[
            _comparison(
                "email",
                _exact("email"),
                ("same name", "mail_name_l = mail_name_r"),
                ("one letter", _near("mail_name", 1, 8)),
            ),
            _comparison(
                "handle",
                _exact("handle"),
                ("same stem", "stem_l = stem_r"),
                ("one letter", _near("stem", 1, 8)),
            ),
            _comparison("phone", _exact("phone"), ("one digit", _near("phone", 1, 9))),
            _comparison("name", _exact("name"), ("two letters", _near("name", 2, 9))),
            *(_comparison(c, _exact(c)) for c in ("birth", "device", "account", "postcode")),
        ],
        blocking_rules_to_generate_predictions=[
            {"blocking_rule": rule, "sql_dialect": "duckdb"}
            for rule in (
                *(f"l.{c} = r.{c}" for c in _MET_BY),
                "substr(l.phone, 1, 9) = substr(r.phone, 1, 9)",
                "substr(l.stem, 1, 6) = substr(r.stem, 1, 6)",
                "substr(l.mail_name, 1, 8) = substr(r.mail_name, 1, 8)",
            )
        ],
    )


def load() -> dict[str, object]:
    """Return the shipped linkage model as settings for Splink.

    They are its JSON: comparisons with their levels and probabilities.
    """
    path = resources.files("fanal.crosscheck").joinpath("data", MODEL_FILE)
    stored: dict[str, dict[str, object]] = json.loads(path.read_text("utf-8"))
    return stored["model"]


def version() -> str:
    """Return the version of the shipped linkage model."""
    path = resources.files("fanal.crosscheck").joinpath("data", MODEL_FILE)
    stored: dict[str, str] = json.loads(path.read_text("utf-8"))
    return stored["version"]


def _exact(column: str) -> tuple[str, str]:
    return "exact", f"{column}_l = {column}_r"


def _near(column: str, most: int, least: int) -> str:
    return f"length({column}_l) >= {least} AND levenshtein({column}_l, {column}_r) <= {most}"


def _comparison(column: str, *levels: tuple[str, str]) -> dict[str, object]:
    null: _Level = {
        "sql_condition": f"{column}_l IS NULL OR {column}_r IS NULL",
        "label_for_charts": "absent",
        "is_null_level": True,
    }
    other: _Level = {"sql_condition": "ELSE", "label_for_charts": "differs"}
    told: list[_Level] = [
        {"sql_condition": condition, "label_for_charts": label} for label, condition in levels
    ]
    return {"output_column_name": column, "comparison_levels": [null, *told, other]}


# The active linkage model: the shipped one, or an activated candidate.

_LEVEL = ("m_probability", "u_probability")
_TRAINED = frozenset((*_LEVEL, "probability_two_random_records_match"))
_MOST_BYTES = 1_000_000
_Comparisons = list[dict[str, list[dict[str, object]]]]
Worth = Mapping[str, int | float]


class ModelRefused(ValueError):
    """Error: a file is not a valid linkage model; the message gives the reason."""


class Model(Struct, frozen=True, kw_only=True):
    """A trained linkage model: version, Splink settings, training data, quality on held-out people.

    `least` is the lowest match probability of a pair. `measured` is the quality, `model` the Splink settings,
    `trained_on` holds numbers of the training data by name. `compared_with` is the version of the model with
    which it was compared, `shipped_measured` that model's quality on the same people; "" and None without.
    """

    schema: int
    version: str
    least: float
    measured: Worth
    model: dict[str, object]
    trained_on: Mapping[str, int] = {}
    compared_with: str = ""
    shipped_measured: Worth | None = None


def shipped() -> Model:
    """Return the linkage model shipped with this version of Fanal."""
    file = resources.files("fanal.crosscheck").joinpath("data", MODEL_FILE)
    return msgspec.json.decode(file.read_bytes(), type=Model)


def read_model(path: Path) -> Model:
    """Return the linkage model in a file, checked.

    The engine executes the model's SQL conditions. Only a file with exactly this version's settings is
    accepted: of them, only the trained probabilities may differ.

    Raises:
        ModelRefused: too large, not a model, another schema or `least`, other settings, or parameters that
            are not probabilities.
        OSError: the file is unreadable.
    """
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ModelRefused("too large")
    try:
        found = msgspec.json.decode(content, type=Model)
        # Splink's identifier of the run, different each time.
        found.model.pop("linker_uid", None)
        same = _words(found.model) == _words(_ours())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelRefused(str(error)) from error
    if found.schema != 1 or found.least != LEAST:
        raise ModelRefused("schema")
    if not same:
        raise ModelRefused("conditions")
    return found


def place(home: Path) -> Path:
    """Return the path of the activated linkage model in the data folder, whether or not there is one."""
    return home / MODEL_FILE


def active(home: Path) -> Model:
    """Return the linkage model in use: the activated one, else the shipped one.

    `home` is the data folder.

    Raises:
        ModelRefused, OSError: the file of the activated model is invalid or unreadable.
    """
    path = place(home)
    return read_model(path) if path.exists() else shipped()


def activate(home: Path, path: Path) -> Model:
    """Activate the linkage model in the file `path` for the data folder `home`, and return it.

    Raises:
        ModelRefused, OSError: the file is no valid model (`read_model`), unreadable, or cannot be copied
            there.
    """
    found = read_model(path)
    write_private(place(home), msgspec.json.encode(found).decode())
    return found


def use_shipped(home: Path) -> Model:
    """Remove the activated linkage model, if any, and return the shipped one, which is then in use.

    `home` is the data folder, where the activated model is.

    Raises:
        OSError: the activated model cannot be removed.
    """
    place(home).unlink(missing_ok=True)
    return shipped()


def _ours() -> Mapping[str, object]:
    """Return this version's Splink settings (JSON), with a placeholder of 0.5 for each trained parameter."""
    settings: dict[str, _Comparisons] = untrained().get_settings("duckdb").as_dict()  # type: ignore[no-untyped-call]
    del settings["linker_uid"]
    for comparison in settings["comparisons"]:
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level"):
                level.update(dict.fromkeys(_LEVEL, 0.5))
    return settings


def _words(settings: Mapping[str, object]) -> str:
    """Return a model's settings as text with placeholders for its trained parameters.

    Two models with the same conditions give the same text.

    Raises:
        ModelRefused: a trained parameter is not a probability.
    """
    # As text: in Python 0, 0.0 and False are equal.
    return json.dumps(_unnumbered(settings), sort_keys=True)


def _unnumbered(part: object) -> object:
    if isinstance(part, list):
        return [_unnumbered(each) for each in part]
    if not isinstance(part, dict):
        return part
    trained = [part[name] for name in _TRAINED & part.keys()]
    if not all(isinstance(each, float) and 0 < each < 1 for each in trained):
        raise ModelRefused("probabilities")
    return {name: None if name in _TRAINED else _unnumbered(part[name]) for name in part}


_RANDOM = "probability_two_random_records_match"
_Settings = dict[str, object]
_CHANCE_PAIRS = 2e7
_KNOWN = 200
"""Labelled pairs at which training data and shipped model have equal weight (m probabilities)."""
_MET = 200_000
"""Random pairs at which training data and shipped model have equal weight (u probabilities)."""


def train(persons: pa.Table, labels: Sequence[int], *, seed: int) -> dict[str, object]:
    """Train a linkage model on reports whose suspects are known; return its Splink settings.

    `persons` are the suspects (a table of `stored.SCHEMA`), `labels` the number of the person of each
    report, -1 if unknown, `seed` that of the sample of random pairs.

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
    """Return the trained `model` with its parameters shrunk towards those of the `shipped` model.

    The fewer pairs a parameter was trained on, the closer it stays to the shipped one: `known` is the
    number of labelled pairs of one person (for m probabilities), `met` that of random pairs (for u). Both
    models, and the result, are Splink settings (JSON).
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

    Keys: `precision` and `recall` (0 to 1), and `pairs`, the number of pairs judged. Pairs with an
    unlabelled report (-1) are left out. If no pair can be judged, both are 0.
    """
    judged = [(a, b) for a, b in pairs if labels[a] >= 0 and labels[b] >= 0]
    right = sum(labels[a] == labels[b] for a, b in judged)
    together = _pairs(labels)
    return {
        "pairs": len(judged),
        "precision": round(right / max(1, len(judged)), 5),
        "recall": round(right / max(1, together), 5),
    }
