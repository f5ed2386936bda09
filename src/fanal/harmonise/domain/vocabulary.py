"""The vocabulary bridge: a versioned table of mappings between classification schemes for abuse material.

A step maps a class of one scheme to a class of another, and says whether meaning is lost (`lossy`).
"""

from collections import defaultdict
from functools import lru_cache

from msgspec import field

from fanal.harmonise.domain.datafiles import DataFileBroken, DataRecord, load
from fanal.harmonise.domain.records import Category


class Scheme(DataRecord, frozen=True):
    """A classification scheme: its code here, where it is published, and the codes of its classes."""

    code: str
    source: str
    codes: tuple[str, ...]


class VocabularyStep(DataRecord, frozen=True, rename={"source": "from", "target": "to"}):
    """A mapping from `source` to `target`, each a pair (scheme, code).

    `lossy`: meaning is lost; `checked`: somebody has confirmed the mapping.
    """

    source: tuple[str, str]
    target: tuple[str, str]
    lossy: bool = False
    checked: bool = True


class Bridge(DataRecord, frozen=True):
    """One version of the vocabulary: classification schemes, and mappings (`step`) between their classes."""

    version: str
    scheme: tuple[Scheme, ...]
    step: tuple[VocabularyStep, ...] = field(default_factory=tuple)


def read_bridge(name: str = "bridge.toml") -> Bridge:
    """Load and check the vocabulary bridge in a data file of `domain/data`.

    Raises:
        DataFileBroken: an unknown key, scheme or code, or a step written twice.
    """
    return checked_bridge(load(name, Bridge))


def checked_bridge(bridge: Bridge) -> Bridge:
    """Return `bridge` if every step joins two known classes and occurs only once.

    Raises:
        DataFileBroken: a step names an unknown class, or is written twice.
    """
    known = {(scheme.code, code) for scheme in bridge.scheme for code in scheme.codes}
    seen: set[tuple[tuple[str, str], tuple[str, str]]] = set()
    for step in bridge.step:
        for end in (step.source, step.target):
            if end not in known:
                raise DataFileBroken(f"bridge: unknown class {end[0]}:{end[1]}")
        if (step.source, step.target) in seen:
            raise DataFileBroken(f"bridge: step written twice from {step.source} to {step.target}")
        seen.add((step.source, step.target))
    return bridge


BRIDGE = read_bridge()
_STEPS: defaultdict[tuple[str, str], list[VocabularyStep]] = defaultdict(list)
for _step in BRIDGE.step:
    _STEPS[_step.source].append(_step)
_SCHEMES = {scheme.code: frozenset(scheme.codes) for scheme in BRIDGE.scheme}


def map_code(scheme: str, code: str, target: str) -> tuple[VocabularyStep, ...]:
    """Return the mappings from a class (`scheme`, `code`) to classes of the scheme `target`, in file order.

    Empty if there is none.
    """
    return tuple(step for step in _STEPS.get((scheme, code), ()) if step.target[0] == target)


@lru_cache(maxsize=1024)
def categories_of(scheme: str, code: str) -> tuple[Category, ...]:
    """Return one `Category` for each mapping of a class, in the order of the bridge file.

    `maps_to` is `SCHEME:CODE`. A class without a mapping, or of an unknown scheme, is returned once with
    empty `maps_to` and `lossy` set, so that it stays visible.
    """
    steps = _STEPS.get((scheme, code), ())
    if not steps:
        return (_category(scheme, code, "", lossy=True),)
    return tuple(_category(scheme, code, ":".join(step.target), lossy=step.lossy) for step in steps)


def is_known(scheme: str, code: str) -> bool:
    """Return whether the vocabulary lists the class `code` of `scheme`."""
    return code in _SCHEMES.get(scheme, frozenset())


def _category(scheme: str, code: str, maps_to: str, *, lossy: bool) -> Category:
    return Category(
        scheme=scheme, code=code, maps_to=maps_to, lossy=lossy, bridge_version=BRIDGE.version
    )
