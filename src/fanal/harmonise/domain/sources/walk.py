"""Table-driven traversal of a document tree into the builder of a report.

A field handler (taker) returns whether its field now holds the whole value. Any other value, and a value that
the table keeps in both places, goes to `extra` with its path. So no value is lost.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from fanal.formats.ncmec.read import Attribute, Complaint, Node
from fanal.harmonise.domain.records import Extra
from fanal.harmonise.domain.sources.building import ReportBuilding
from fanal.harmonise.domain.sources.ncmec_openers import OPENERS
from fanal.harmonise.domain.sources.ncmec_spot import ElementScope, Opener, Spot, Taker
from fanal.harmonise.domain.sources.ncmec_table import IGNORED_ATTRIBUTES, Keep, Use
from fanal.harmonise.domain.sources.ncmec_takers import TAKERS


class _Step(Struct, frozen=True, gc=False):
    """A line of the mapping table with its handlers: `parts`, the element is read by its children."""

    parts: bool
    opener: Opener | None = None
    taker: Taker | None = None
    always_extra: bool = True


Steps = Mapping[str, _Step]
_UNLISTED: Final = _Step(parts=False)


def steps_of(
    table: Mapping[str, Use],
    *,
    openers: Mapping[str, Opener] = OPENERS,
    takers: Mapping[str, Taker] = TAKERS,
) -> Steps:
    """Return a mapping table prepared for `Walk`, with the handlers of every field looked up once.

    Raises:
        KeyError: the table names a field that has no handler.
    """
    return {
        key: _Step(
            parts=use.keep is Keep.PARTS,
            opener=openers[use.field] if use.field and use.keep is Keep.PARTS else None,
            taker=takers[use.field] if use.field and use.keep is not Keep.PARTS else None,
            always_extra=use.keep is not Keep.FIELD,
        )
        for key, use in table.items()
    }


class Walk:
    """Traversal that fills a report's builder from document trees, by the mapping in `steps`."""

    def __init__(self, building: ReportBuilding, *, steps: Steps) -> None:
        """Keep the builder to fill and the mapping of each key."""
        self._building = building
        self._steps = steps
        self._extra = building.extra

    def document(
        self, root: Node, *, complaints: tuple[Complaint, ...], scope: ElementScope
    ) -> None:
        """Read all values below `root` into the builder, as of `scope`; `complaints` become warnings.

        `complaints` are the violations of the schema that the format's reader found.
        """
        for complaint in complaints:
            self._building.warn(complaint.path, code=complaint.code, value=complaint.value)
        self._inside(root, scope=scope)

    def _inside(self, node: Node, *, scope: ElementScope) -> None:
        for attribute in node.attributes:
            self._attribute(attribute, scope=scope, node=node)
        if node.children and node.text is not None and not node.text.isspace():
            self._extra.append(Extra(path=node.path, value=node.text))
        steps, keep, taken = self._steps, self._extra.append, scope.taken
        for child in node.children:
            model = child.model
            step = _UNLISTED if model is None else steps[model.key]
            if step.parts:
                self._parts(child, step=step, scope=scope)
            elif child.children:
                self._inside(child, scope=scope)
            elif step.taker is None and not child.attributes:
                if not taken or child.path not in taken:
                    keep(Extra(path=child.path, value=child.text or ""))
            else:
                self._leaf(child, step=step, scope=scope)

    def _leaf(self, node: Node, *, step: _Step, scope: ElementScope) -> None:
        text, path, taker = node.text or "", node.path, step.taker
        if not scope.taken or path not in scope.taken:
            held = False
            if taker is not None and not scope.closed:
                held = taker(Spot(self._building, scope, node, text))
            if step.always_extra or not held:
                self._extra.append(Extra(path=path, value=text))
        for attribute in node.attributes:
            self._attribute(attribute, scope=scope, node=node)

    def _parts(self, node: Node, *, step: _Step, scope: ElementScope) -> None:
        if step.opener is not None and not scope.closed:
            scope = step.opener(Spot(self._building, scope, node, ""))
        if not node.children and node.text is not None and not node.text.isspace():
            self._extra.append(Extra(path=node.path, value=node.text))
        self._inside(node, scope=scope)

    def _attribute(self, attribute: Attribute, *, scope: ElementScope, node: Node) -> None:
        model = attribute.model
        if model is None:
            if attribute.name in IGNORED_ATTRIBUTES:
                return
        elif not scope.closed and (taker := self._steps[model.key].taker) is not None:
            taker(Spot(self._building, scope, node, attribute.value))
        self._extra.append(Extra(path=attribute.path, value=attribute.value))
