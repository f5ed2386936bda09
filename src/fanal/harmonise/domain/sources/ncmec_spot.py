"""The context of an NCMEC element, passed to field handlers (takers) and element handlers (openers)."""

from collections.abc import Callable

from msgspec import Struct

from fanal.formats.ncmec.read import Node
from fanal.harmonise.domain.sources.building import FileBuilding, PersonBuilding, ReportBuilding


class ElementScope(Struct, frozen=True, gc=False):
    """The person or file to which the values of an element belong.

    `closed` sends every value to `extra`; `taken` holds the paths that were already read into a field.
    """

    person: PersonBuilding | None = None
    file: FileBuilding | None = None
    closed: bool = False
    taken: frozenset[str] = frozenset()


class Spot(Struct, frozen=True, gc=False):
    """The context of one element or attribute: the report's builder, its scope, its node and its text."""

    building: ReportBuilding
    scope: ElementScope
    node: Node
    text: str


Taker = Callable[[Spot], bool]
Opener = Callable[[Spot], ElementScope]
