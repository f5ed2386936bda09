"""The model of the NCMEC format, built once from `schema.xsd`: types, order, occurrence and allowed values.

The reader compares documents with this model, and a test checks that the mapping table (`harmonise`) covers
it, so that the schema is the only list of elements.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lxml import etree

from fanal.formats.ncmec.instants import is_day, is_instant
from fanal.formats.xml import HARDENED

SCHEMA_PATH: Final = Path(__file__).with_name("schema.xsd")
_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")

Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class AttributeModel:
    """The model of an XML attribute: its key in the mapping table (`email/@type`), the check of its value.

    `allows` returns whether a value is valid; None if any is. `required`: an element without it is invalid.
    """

    name: str
    key: str
    required: bool
    allows: Check | None


@dataclass(frozen=True, slots=True)
class ElementModel:
    """The model of an element in its parent type: key (`person/email`), position, occurrence and content.

    `order` is its position, `repeatable` and `required` its occurrence. `type` is None for a leaf without
    attributes; `is_leaf`: it contains no elements; `needs_attributes`: it has required attributes; `flag`:
    it has a fixed value. `allows` returns whether a text is valid, None if any is.
    """

    name: str
    key: str
    order: int
    repeatable: bool
    required: bool
    flag: bool
    type: "TypeModel | None"
    is_leaf: bool
    allows: Check | None
    needs_attributes: bool = False


@dataclass(frozen=True, slots=True)
class TypeModel:
    """The model of a named complex type of the schema: the elements and attributes that it allows, by name.

    `ordered` is False if its elements may have any order; `holds_text`: it may have text of its own.
    `required` lists the mandatory elements, `groups` the groups of mutually exclusive ones; `is_choice`: one
    element of the group is mandatory.
    """

    name: str
    holds_text: bool
    ordered: bool
    is_choice: bool
    elements: dict[str, ElementModel] = field(default_factory=dict)
    attributes: dict[str, AttributeModel] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    required_attributes: list[AttributeModel] = field(default_factory=list)
    groups: list[list[str]] = field(default_factory=list)


def _number(lowest: int, highest: int) -> Check:
    def allows(text: str) -> bool:
        if len(text) < 10 and text.isascii() and text.isdigit():
            return lowest <= int(text) <= highest
        text = text.strip()
        if len(text) > 20 or _INTEGER.fullmatch(text) is None:
            return False
        return lowest <= int(text) <= highest

    return allows


_TRUE: Final = frozenset({"", "true", "1"})


def _flag(text: str) -> bool:
    return text in _TRUE or text.strip() in _TRUE


_BUILT_IN: Final[Mapping[str, Check | None]] = {
    "xs:string": None,
    "xs:boolean": _flag,
    "xs:int": _number(-(2**31), 2**31 - 1),
    "xs:long": _number(-(2**63), 2**63 - 1),
    "xs:dateTime": is_instant,
    "xs:date": is_day,
}


def _restricted(restriction: etree._Element) -> Check:
    facets: dict[str, list[str]] = {}
    for facet in restriction:
        facets.setdefault(str(facet.tag).removeprefix(_XS), []).append(str(facet.get("value")))
    if "enumeration" in facets:
        return frozenset(facets["enumeration"]).__contains__
    if "minInclusive" in facets:
        return _number(int(facets["minInclusive"][0]), int(facets["maxInclusive"][0]))
    longest = int(facets.get("maxLength", ["1000000"])[0])
    pattern = re.compile(facets.get("pattern", [r"[\s\S]*"])[0])

    def allows(text: str) -> bool:
        return len(text) <= longest and pattern.fullmatch(text) is not None

    return allows


class _SchemaReader:
    """Converter of the declarations in the NCMEC schema to models; each type is built once."""

    def __init__(self, schema: etree._Element) -> None:
        self._declared = {str(node.get("name")): node for node in schema.iter(f"{_XS}complexType")}
        self._checks: dict[str, Check | None] = dict(_BUILT_IN)
        for node in schema.iter(f"{_XS}simpleType"):
            self._checks[str(node.get("name"))] = _restricted(node[0])
        self.types: dict[str, TypeModel] = {}
        for name in self._declared:
            self._type(name)
        self.roots = {
            str(node.get("name")): self._element(node, owner="", order=0)
            for node in schema.iterchildren(f"{_XS}element")
        }

    def _type(self, name: str) -> TypeModel:
        if name in self.types:
            return self.types[name]
        node = self._declared[name]
        content = node.find(f"{_XS}choice")
        model = TypeModel(
            name=name,
            holds_text=node.find(f"{_XS}simpleContent") is not None,
            ordered=node.find(f"{_XS}all") is None and content is None,
            is_choice=content is not None,
        )
        self.types[name] = model
        for order, child in enumerate(node.iter(f"{_XS}element", f"{_XS}choice")):
            if str(child.tag) == f"{_XS}choice":
                model.groups.append([])
                continue
            element = self._element(child, owner=name, order=order)
            model.elements[element.name] = element
            parent = child.getparent()
            if parent is not None and str(parent.tag) == f"{_XS}choice":
                model.groups[-1].append(element.name)
            elif element.required:
                model.required.append(element.name)
        for child in node.iter(f"{_XS}attribute"):
            self._add_attribute(model, child)
        return model

    def _add_attribute(self, model: TypeModel, node: etree._Element) -> None:
        name = str(node.get("name"))
        attribute = AttributeModel(
            name=name,
            key=f"{model.name}/@{name}",
            required=node.get("use") == "required",
            allows=self._checks[str(node.get("type"))],
        )
        model.attributes[name] = attribute
        if attribute.required:
            model.required_attributes.append(attribute)

    def _element(self, node: etree._Element, *, owner: str, order: int) -> ElementModel:
        name, type_name = str(node.get("name")), str(node.get("type"))
        complex_type = self._type(type_name) if type_name in self._declared else None
        return ElementModel(
            name=name,
            key=f"{owner}/{name}" if owner else name,
            order=order,
            repeatable=node.get("maxOccurs") == "unbounded",
            required=node.get("minOccurs", "1") != "0",
            flag=node.get("fixed") is not None,
            type=complex_type,
            is_leaf=complex_type is None or complex_type.holds_text,
            allows=None if complex_type else self._checks[type_name],
            needs_attributes=complex_type is not None and bool(complex_type.required_attributes),
        )


def _load() -> _SchemaReader:
    parser = etree.XMLParser(**HARDENED)
    return _SchemaReader(etree.parse(str(SCHEMA_PATH), parser).getroot())


_LOADED: Final = _load()
TYPES: Final[Mapping[str, TypeModel]] = _LOADED.types
ROOTS: Final[Mapping[str, ElementModel]] = _LOADED.roots


def schema_bytes() -> bytes:
    """Return the XML schema (XSD) of NCMEC reports, as the NCMEC-compatible API serves it at `/ispws/xsd`."""
    return SCHEMA_PATH.read_bytes()
