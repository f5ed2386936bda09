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

_LEVEL = ("m_probability", "u_probability")
_TRAINED = frozenset((*_LEVEL, "probability_two_random_records_match"))
_MOST_BYTES = 1_000_000
_Comparisons = list[dict[str, list[dict[str, object]]]]
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

    All of a model's words are run by the engine: only one that says exactly what this version compares by is
    taken, with other numbers.

    Raises:
        ModelRefused: no model, other words, or numbers that are no probabilities.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ModelRefused("too large")
    try:
        found = msgspec.json.decode(content, type=Model)
        # Splink's own mark of the run that wrote it; each run makes another.
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
    write_private(place(home), msgspec.json.encode(found).decode())
    return found


def use_shipped(home: Path) -> Model:
    """Use the shipped model again; return it."""
    place(home).unlink(missing_ok=True)
    return shipped()


def _ours() -> Mapping[str, object]:
    """Return a model as Splink writes this version's, with some number wherever a training gives one."""
    settings: dict[str, _Comparisons] = untrained().get_settings("duckdb").as_dict()  # type: ignore[no-untyped-call]
    del settings["linker_uid"]
    for comparison in settings["comparisons"]:
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level"):
                level.update(dict.fromkeys(_LEVEL, 0.5))
    return settings


def _words(settings: Mapping[str, object]) -> str:
    """Return a model as text in which no trained number differs.

    Raises:
        ModelRefused: something else than a probability stands where one is trained.
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
