"""Builder of NCMEC XML documents that stay valid: only content that the schema allows can be added.

Elements are placed by path (`report/victim[1]/schoolName`) and serialised in the schema's order. The input of
the NCMEC writers and their shared helpers are here too.
"""

import re
from collections.abc import Sequence
from typing import Final

from lxml import etree
from msgspec import Struct

from fanal.formats.ncmec.model import ROOTS, ElementModel
from fanal.formats.report.records import Report

_STEP: Final = re.compile(r"(@?[A-Za-z0-9]+)(?:\[([0-9]{1,6})\])?")
UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class OutgoingElement:
    """An element of an NCMEC XML document under construction, which accepts only what the schema allows.

    It holds its children by (name, index from 1), its attributes and its text.
    """

    def __init__(self, model: ElementModel) -> None:
        """Start with an empty element of the schema's `model`."""
        self.model = model
        self.text: str | None = None
        self.attributes: dict[str, str] = {}
        self.children: dict[tuple[str, int], OutgoingElement] = {}

    def put(self, path: str, *, value: str) -> bool:
        """Set the text or attribute at `path` below this element; return whether it now holds the value.

        `path` is like `victim[2]/email` or, for an attribute, `phone/@type`; missing elements are created.
        The result is False if the path or the value is not valid here by the schema or in XML, or if another
        value is there already, which stays.
        """
        steps = _steps(path)
        if not steps or UNWRITABLE.search(value) is not None:
            return False
        target = self._allowed(steps, value=value)
        if target is None:
            return False
        last = steps[-1][0]
        if last.startswith("@"):
            return target.attributes.setdefault(last[1:], value) == value
        if target.text is None:
            target.text = value
        return target.text == value

    def make(self, path: str) -> None:
        """Create the elements on `path`, empty, as far as the schema allows them."""
        self._made(_steps(path))

    def has(self, path: str) -> bool:
        """Return whether there is an element at `path`."""
        element: OutgoingElement | None = self
        for step in _steps(path):
            element = element.children.get(step) if element else None
        return element is not None

    def indices(self, name: str) -> list[int]:
        """Return the indices (from 1) in use for children called `name`, ascending."""
        return sorted(index for child, index in self.children if child == name)

    def _allowed(self, steps: list[tuple[str, int]], *, value: str) -> "OutgoingElement | None":
        """Return the element at `steps` (name, index), created if the schema allows it there with this value.

        Otherwise None. For a path to an attribute, it is the element of that attribute.
        """
        model = self.model
        for name, index in steps:
            kind = model.type
            if name.startswith("@"):
                attribute = kind.attributes.get(name[1:]) if kind else None
                if attribute is None or (attribute.allows and not attribute.allows(value)):
                    return None
                return self._made([step for step in steps if not step[0].startswith("@")])
            found = kind.elements.get(name) if kind else None
            if found is None or (index > 1 and not found.repeatable):
                return None
            model = found
        leaf = model.type is None or model.type.holds_text
        if not leaf or (model.allows is not None and not model.allows(value)):
            return None
        return self._made(steps)

    def _made(self, steps: list[tuple[str, int]]) -> "OutgoingElement | None":
        element = self
        for name, index in steps:
            kind = element.model.type
            if kind is None:
                return None
            if (name, index) not in element.children:
                model = kind.elements.get(name)
                if model is None or (index > 1 and not model.repeatable):
                    return None
                if any(
                    name in group and other in group and other != name
                    for group in kind.groups
                    for other, _ in element.children
                ):
                    return None
                element.children[name, index] = OutgoingElement(model)
            element = element.children[name, index]
        return element

    def prune(self, path: str = "") -> list[tuple[str, str]]:
        """Remove the descendants that lack a part which the schema requires.

        Returns the values removed with them, as pairs (path, value); `path` is that of this element.
        """
        taken: list[tuple[str, str]] = []
        for (name, index), child in list(self.children.items()):
            inner = f"{path}/{name}[{index}]" if child.model.repeatable else f"{path}/{name}"
            taken += child.prune(inner)
            if not child.complete:
                taken += child.values(inner)
                del self.children[name, index]
        return taken

    @property
    def complete(self) -> bool:
        """Whether it has every child and attribute that the schema requires, and a choice its child."""
        kind = self.model.type
        if kind is None:
            return True
        names = {name for name, _ in self.children}
        return (
            all(name in names for name in kind.required)
            and all(
                name in self.attributes
                for name, attribute in kind.attributes.items()
                if attribute.required
            )
            and (not kind.is_choice or bool(names))
        )

    def values(self, path: str) -> list[tuple[str, str]]:
        """Return the texts and attributes of this element and its descendants, as pairs (path, value).

        `path` is that of this element, with which all paths begin.
        """
        found = [(f"{path}/@{name}", value) for name, value in self.attributes.items()]
        if self.text is not None:
            found.append((path, self.text))
        for (name, index), child in self.children.items():
            found += child.values(f"{path}/{name}[{index}]")
        return found

    def element(self) -> etree._Element:
        """Build the XML element with its children in the schema's order."""
        made = etree.Element(self.model.name, attrib=self.attributes)
        made.text = self.text
        for _, child in sorted(
            self.children.items(), key=lambda item: (item[1].model.order, item[0][1])
        ):
            made.append(child.element())
        return made


def outgoing(root: str) -> OutgoingElement:
    """Return an empty document of the NCMEC format, as its root element without attributes or children.

    `root` is a root element of the schema: `report`, `fileDetails`, `reportResponse` or `reportDoneResponse`.
    """
    return OutgoingElement(ROOTS[root])


def _steps(path: str) -> list[tuple[str, int]]:
    """Split a path (`victim[2]/email`) into pairs (name, index from 1); empty if it is not of this format."""
    steps: list[tuple[str, int]] = []
    for part in path.split("/"):
        matched = _STEP.fullmatch(part)
        if matched is None:
            return []
        steps.append((matched[1], int(matched[2] or 1)))
    return steps


class Outgoing(Struct, frozen=True, kw_only=True):
    """Input of the NCMEC writers: a report, its values beyond the report format, and the sending desk.

    `extra` are pairs (path in the source, value): values without a field in the report format. `received_at`
    (RFC 3339) stands in for a missing or invalid incident date. `desk_name` and `desk_email` are the reporter
    if the report has none. `annotations` are names of elements of `reportAnnotations`, `escalation_reason`
    the sender's reason for urgency.
    """

    report: Report
    received_at: str
    desk_name: str
    desk_email: str
    annotations: Sequence[str] = ()
    escalation_reason: str | None = None
    extra: Sequence[tuple[str, str]] = ()


def put_left(root: OutgoingElement, left: Sequence[tuple[str, str]], *, path: str) -> None:
    """Write the values that have no element of their own as lines of the text of the element at `path`.

    `left` are these values as pairs (path, value).
    """
    if left:
        root.put(path, value=writable("\n".join(f"{name}: {value}" for name, value in left)))


def writable(text: str) -> str:
    """Return `text` with the characters that are invalid in XML replaced by Unicode escapes.

    These are control characters, U+FFFE and U+FFFF; a lone surrogate stays.
    """
    return "".join(
        mark
        if mark in "\t\n\r" or (mark >= " " and mark not in "\ufffe\uffff")
        else f"\\u{ord(mark):04x}"
        for mark in text
    )


def serialized(root: OutgoingElement) -> bytes:
    """Serialise an NCMEC document, given by its root element, as indented XML in UTF-8."""
    return etree.tostring(root.element(), xml_declaration=True, encoding="UTF-8", pretty_print=True)
