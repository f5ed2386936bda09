"""The walk over a document's nodes, in which a table says what becomes of each value.

A taker answers whether its field now holds the whole value; whatever it does not hold, and whatever
the table wants in both places, goes to `extra` with its path. So nothing can be dropped.
"""

from collections.abc import Mapping
from typing import Final

from fanal.formats.ncmec.read import Attribute, Complaint, Node
from fanal.harmonise.domain.records import Extra
from fanal.harmonise.domain.sources.building import ReportBuilding
from fanal.harmonise.domain.sources.ncmec_openers import OPENERS
from fanal.harmonise.domain.sources.ncmec_spot import Scope, Spot
from fanal.harmonise.domain.sources.ncmec_table import IGNORED_ATTRIBUTES, Keep, Use
from fanal.harmonise.domain.sources.ncmec_takers import TAKERS

_UNLISTED: Final = Use(Keep.EXTRA)


class Walk:
    """Fills a report under construction from documents whose uses are in `table`."""

    def __init__(self, building: ReportBuilding, *, table: Mapping[str, Use]) -> None:
        """Keep where values go and what becomes of each."""
        self._building = building
        self._table = table

    def document(self, root: Node, *, complaints: tuple[Complaint, ...], scope: Scope) -> None:
        """Read all that `root` holds, and note what its schema complains of."""
        for complaint in complaints:
            self._building.warn(complaint.path, code=complaint.code, value=complaint.value)
        self._inside(root, scope=scope)

    def _inside(self, node: Node, *, scope: Scope) -> None:
        for attribute in node.attributes:
            self._attribute(attribute, scope=scope, node=node)
        if node.children:
            if node.text is not None and not node.text.isspace():
                self._building.add_extra(node.path, value=node.text)
            for child in node.children:
                self._visit(child, scope=scope)

    def _visit(self, node: Node, *, scope: Scope) -> None:
        use = _UNLISTED if node.model is None else self._table[node.model.key]
        if use.keep is Keep.PARTS:
            if use.field and not scope.closed:
                scope = OPENERS[use.field](Spot(self._building, scope, node, ""))
            if not node.children and node.text is not None and not node.text.isspace():
                self._building.add_extra(node.path, value=node.text)
            self._inside(node, scope=scope)
            return
        if not node.children and node.path not in scope.taken:
            text = node.text or ""
            held = (
                bool(use.field)
                and not scope.closed
                and TAKERS[use.field](Spot(self._building, scope, node, text))
            )
            if not (held and use.keep is Keep.FIELD):
                self._building.extra.append(Extra(path=node.path, value=text))
        if node.attributes or node.children:
            self._inside(node, scope=scope)

    def _attribute(self, attribute: Attribute, *, scope: Scope, node: Node) -> None:
        if attribute.model is None and attribute.name in IGNORED_ATTRIBUTES:
            return
        if attribute.path in scope.taken:
            return
        if attribute.model is not None and not scope.closed:
            use = self._table[attribute.model.key]
            if use.field:
                TAKERS[use.field](Spot(self._building, scope, node, attribute.value))
        self._building.add_extra(attribute.path, value=attribute.value)
