"""The model in use here: the shipped one, or a candidate that somebody activated."""

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import msgspec
from msgspec import Struct

from fanal.cli.linkage.model import MODEL_FILE, untrained
from fanal.crosscheck.domain.suggestions import LEAST
from fanal.postgres.passwords import write_private

_TRAINED = frozenset(("m_probability", "u_probability", "fix_m_probability", "fix_u_probability"))
_BLOCKING = "blocking_rules_to_generate_predictions"
_MOST_BYTES = 1_000_000
Worth = Mapping[str, int | float]


class ModelRefused(ValueError):
    """A file is no model of ours; the words say why."""


class Model(Struct, frozen=True, kw_only=True):
    """A trained model: its version, what it was trained on, and what it was worth on people it had not seen.

    `compared_with` is the version whose worth on the same people is `shipped_measured`.
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
    """Return the model that comes with this version of Fanal."""
    file = resources.files("fanal.crosscheck").joinpath("data", MODEL_FILE)
    return msgspec.json.decode(file.read_bytes(), type=Model)


def read_model(path: Path) -> Model:
    """Return the model in a file.

    A model's conditions are run by the engine: only those that this version compares by are taken, with other
    numbers.

    Raises:
        ModelRefused: no model, another shape, or numbers that are no probabilities.
        OSError: the file cannot be read.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ModelRefused("too large")
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Model)
    except msgspec.MsgspecError as error:
        raise ModelRefused(str(error)) from error
    # Through JSON, as the file went: tuples and lists are one there.
    ours = json.loads(json.dumps(untrained().create_settings_dict("duckdb")))
    if found.schema != 1 or found.least != LEAST:
        raise ModelRefused("schema")
    if _shape(found.model) != _shape(ours):
        raise ModelRefused("conditions")
    if not all(0 < number < 1 for number in _numbers(found.model)):
        raise ModelRefused("probabilities")
    return found


def place(home: Path) -> Path:
    """Return where an activated model lies in an installation's folder."""
    return home / MODEL_FILE


def active(home: Path) -> Model:
    """Return the model in use: one that was activated, else the shipped one.

    Raises:
        ModelRefused, OSError: as `read_model`, of one that was activated.
    """
    path = place(home)
    return read_model(path) if path.exists() else shipped()


def activate(home: Path, path: Path) -> Model:
    """Use the model of a file from now on; return it.

    Raises:
        ModelRefused, OSError: as `read_model`.
    """
    found = read_model(path)
    write_private(place(home), path.read_text("utf-8"))
    return found


def use_shipped(home: Path) -> Model:
    """Use the shipped model again; return it."""
    place(home).unlink(missing_ok=True)
    return shipped()


def _shape(settings: Mapping[str, object]) -> object:
    """Return what a model looks at: what is compared and on which conditions, without its numbers."""
    return (
        {
            name: settings.get(name)
            for name in ("link_type", "unique_id_column_name", "additional_columns_to_retain")
        },
        [rule.get("blocking_rule") for rule in _dicts(settings, _BLOCKING)],
        [
            (
                comparison.get("output_column_name"),
                [_without(level, *_TRAINED) for level in _dicts(comparison, "comparison_levels")],
            )
            for comparison in _dicts(settings, "comparisons")
        ],
    )


def _numbers(settings: Mapping[str, object]) -> list[float]:
    """Return the probabilities of a model; one that is no number stands as 2."""
    found = [settings.get("probability_two_random_records_match")]
    for comparison in _dicts(settings, "comparisons"):
        for level in _dicts(comparison, "comparison_levels"):
            found += [level[name] for name in ("m_probability", "u_probability") if name in level]
    return [each if isinstance(each, float) else 2.0 for each in found]


def _dicts(settings: Mapping[str, object], name: str) -> list[dict[str, object]]:
    found = settings.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _without(settings: Mapping[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in settings.items() if name not in names}
