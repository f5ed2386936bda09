"""Strict loading of the TOML data files of `harmonise` (services, mappings, weights), once, at import."""

from importlib import resources
from typing import TypeVar

import msgspec

T = TypeVar("T")


class DataFileBroken(Exception):
    """Error: a data file is missing, or has an unknown key, a missing field or a wrong type."""


def load(name: str, kind: type[T]) -> T:
    """Load the TOML file `name` of `domain/data` as an instance of `kind`.

    Raises:
        DataFileBroken: the file does not have the shape of `kind`, or is absent.
    """
    try:
        content = resources.files("fanal.harmonise.domain").joinpath("data", name).read_bytes()
        return msgspec.toml.decode(content, type=kind, strict=True)
    except (msgspec.MsgspecError, OSError) as error:
        raise DataFileBroken(f"{name}: {error}") from error


class DataRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base class of the records in this package's TOML data files: immutable, unknown keys are refused."""
