"""Where the walk over an NCMEC document stands: what a taker and an opener are given."""

from collections.abc import Callable

from msgspec import Struct

from fanal.formats.ncmec.read import Node
from fanal.harmonise.domain.sources.building import FileBuilding, PersonBuilding, ReportBuilding


class ElementScope(Struct, frozen=True, gc=False):
    """What the elements inside belong to.

    `closed` sends every value to `extra`; `taken` holds the paths already read into a field.
    """

    person: PersonBuilding | None = None
    file: FileBuilding | None = None
    closed: bool = False
    taken: frozenset[str] = frozenset()


class Spot(Struct, frozen=True, gc=False):
    """One element or attribute: the report it goes to, its scope, its node and its text."""

    building: ReportBuilding
    scope: ElementScope
    node: Node
    text: str


Taker = Callable[[Spot], bool]
Opener = Callable[[Spot], ElementScope]
