"""Table-driven traversal of a document tree into the builder of a report, with its element handlers.

A field handler (taker) returns whether its field now holds the whole value. Any other value, and a value that
the table keeps in both places, goes to `extra` with its path. So no value is lost.

An element handler (opener) begins the person or file of an NCMEC element and returns its scope: to whom the
values of the child elements belong.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct, structs

from fanal.formats.ncmec.read import Attribute, Complaint, Node
from fanal.formats.report.records import Channel, IpSighting, PersonRole, ReportKind
from fanal.harmonise.domain.records import Extra, SelectorKind
from fanal.harmonise.domain.sources.building import (
    FileBuilding,
    ReportBuilding,
    hash_field,
    small_integer,
)
from fanal.harmonise.domain.sources.ncmec_table import (
    CHANNELS,
    IGNORED_ATTRIBUTES,
    ElementScope,
    Keep,
    Opener,
    Spot,
    Taker,
    Use,
)
from fanal.harmonise.domain.sources.ncmec_takers import TAKERS

_WORD: Final = re.compile("[a-z]+")


def _person_opener(role: PersonRole) -> Opener:
    def opened(spot: Spot) -> ElementScope:
        return ElementScope(person=spot.building.add_person(role, path=spot.node.path))

    return opened


def _open_associated(spot: Spot) -> ElementScope:
    """Add an ASSOCIATED person for a related account, to whom the values of the child elements belong.

    The person's type is the attribute `accountType`, as NCMEC's public client writes it. `spot` is the
    element in its context.
    """
    person = spot.building.add_person(PersonRole.ASSOCIATED, path=spot.node.path)
    person.type = spot.node.attribute("accountType")
    return ElementScope(person=person)


def _open_nobody(_: Spot) -> ElementScope:
    return ElementScope(closed=True)


def _open_channel(spot: Spot) -> ElementScope:
    channel = CHANNELS.get(spot.node.name)
    if spot.building.channel is None and channel is not None:
        spot.building.channel = channel
        if spot.building.channel is Channel.OTHER and spot.building.kind is ReportKind.SEX_TOURISM:
            spot.building.channel = Channel.TRAVEL
    return spot.scope


def _parts_of(node: Node) -> dict[str, Node]:
    """Return the child elements by name; of several with the same name, the first."""
    return {child.name: child for child in reversed(node.children)}


def _open_event(spot: Spot) -> ElementScope:
    """Add an IP address with its port and instant to the addresses of the person in scope, if any.

    Returns the scope of the child elements, which marks the values read. Without a person or an address,
    nothing is added. `spot` is the element in its context.
    """
    parts = _parts_of(spot.node)
    address = parts.get("ipAddress")
    if spot.scope.person is None or address is None or not (address.text or "").strip():
        return spot.scope
    return _sighted(spot, parts, address)


def _sighted(spot: Spot, parts: dict[str, Node], address: Node) -> ElementScope:
    """Add the IP address in the element `address` to the person in scope, if any.

    Port and instant are those of `parts` (elements by name). Returns the scope with the values that were read
    marked (`taken`), so that they are not kept twice. `spot` is the context of the parent element.
    """
    person, port, at = spot.scope.person, parts.get("port"), parts.get("dateTime")
    number = small_integer(port.text or "") if port else None
    instant = at.text if at and (at.text or "").strip() else None
    if person is not None:
        person.ips.append(IpSighting(value=address.text or "", port=number, at=instant))
    taken = {address.path}
    if port and number is not None:
        taken.add(port.path)
    if at and instant is not None:
        taken.add(at.path)
    return structs.replace(spot.scope, taken=frozenset(taken))


def _open_loose_event(spot: Spot) -> ElementScope:
    parts = _parts_of(spot.node)
    address, port, at = parts.get("ipAddress"), parts.get("port"), parts.get("dateTime")
    if address is not None:
        spot.building.add_loose(
            SelectorKind.IP,
            value=address.text or "",
            path=address.path,
            at=at.text if at else None,
            port=small_integer(port.text or "") if port else None,
        )
    return spot.scope


def _open_device(spot: Spot) -> ElementScope:
    value = spot.node.child("idValue")
    if spot.scope.person is None or value is None or not (value.text or "").strip():
        return spot.scope
    spot.scope.person.devices.append(value.text or "")
    return structs.replace(spot.scope, taken=frozenset({value.path}))


def _open_loose_device(spot: Spot) -> ElementScope:
    value, at = spot.node.child("idValue"), spot.node.child("dateTime")
    if value is not None:
        instant = at.text if at else None
        spot.building.add_loose(
            SelectorKind.DEVICE, value=value.text or "", path=value.path, at=instant
        )
    return spot.scope


def _open_file_details(spot: Spot) -> ElementScope:
    """Set hashes of the file in scope from its name-value pairs; return the unchanged scope.

    The pairs themselves stay in `extra`. NCMEC's public client states the type of each pair on the pair, the
    schema once on their parent. `spot` is the element in its context.
    """
    if spot.scope.file is None:
        return spot.scope
    for pair in spot.node.children:
        name, value = pair.child("name"), pair.child("value")
        is_hash = "HASH" in {spot.node.attribute("type"), pair.attribute("type")}
        if is_hash and name and value and hash_field(name.text or ""):
            spot.building.set_hash(
                spot.scope.file, name=name.text or "", value=value.text or "", path=value.path
            )
    return spot.scope


def _open_file(spot: Spot) -> ElementScope:
    file = FileBuilding(path=spot.node.path)
    spot.building.files.append(file)
    return ElementScope(file=file)


def _open_capture(spot: Spot) -> ElementScope:
    """Add a captured IP address or URL to the person in scope, else to the report.

    Returns the scope of the child elements. A capture of another type stays in `extra`. `spot` is the element
    in its context.
    """
    parts = _parts_of(spot.node)
    kind, value = parts.get("captureType"), parts.get("value")
    if kind is None or value is None or not (value.text or "").strip():
        return spot.scope
    said = set(_WORD.findall((kind.text or "").lower()))
    if "url" in said:
        return _captured_page(spot, value)
    if not said & {"ip", "ipaddress"}:
        return spot.scope
    if spot.scope.person is not None:
        return _sighted(spot, parts, value)
    port, at = parts.get("port"), parts.get("dateTime")
    number = small_integer(port.text or "") if port else None
    instant = at.text if at and (at.text or "").strip() else None
    spot.building.add_loose(
        SelectorKind.IP, value=value.text or "", path=value.path, at=instant, port=number
    )
    return spot.scope


def _captured_page(spot: Spot, value: Node) -> ElementScope:
    """Add a captured URL to the identifiers of the person in scope, else to the report's addresses.

    Returns the scope of the child elements; only in the second case does it mark the value as read (`taken`).
    A reporter's URL is not added. `spot` is the context of the capture, `value` the element with the URL.
    """
    person = spot.scope.person
    if person is None:
        spot.building.urls.append(value.text or "")
        return structs.replace(spot.scope, taken=frozenset({value.path}))
    role = person.selector_role()
    if role is not None:
        spot.building.add_loose(
            SelectorKind.URL, value=value.text or "", path=value.path, role=role
        )
    return spot.scope


def _open_metadata(spot: Spot) -> ElementScope:
    """Set a hash of the file in scope if a `name`/`value` pair of its metadata states one.

    Returns the unchanged scope. The pair itself is kept in `extra` in any case. `spot` is the element in its
    context.
    """
    name, value = spot.node.child("name"), spot.node.child("value")
    if spot.scope.file and name and value and hash_field(name.text or ""):
        spot.building.set_hash(
            spot.scope.file, name=name.text or "", value=value.text or "", path=value.path
        )
    return spot.scope


def _open_same(spot: Spot) -> ElementScope:
    return spot.scope


OPENERS: Final[Mapping[str, Opener]] = {
    "suspect": _person_opener(PersonRole.SUSPECT),
    "recipient": _person_opener(PersonRole.RECIPIENT),
    "victim": _person_opener(PersonRole.VICTIM),
    "associated": _open_associated,
    "reporter": _person_opener(PersonRole.REPORTER),
    "nobody": _open_nobody,
    "channel": _open_channel,
    "place": _open_same,
    "person.ip": _open_event,
    "person.device": _open_device,
    "loose.ip": _open_loose_event,
    "loose.device": _open_loose_device,
    "file.details": _open_file_details,
    "file": _open_file,
    "file.metadata": _open_metadata,
    "capture": _open_capture,
}


class _Step(Struct, frozen=True, gc=False):
    """A line of the mapping table with its handlers, as `Walk` uses it.

    `parts`: the element handler runs, then each child element is read by its own line. `always_extra`: the
    value goes to `extra` in any case. `opener` is its element handler, `taker` its field handler.
    """

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
    """Prepare a mapping table for `Walk`: look up the handlers of every field once.

    `table` maps the key of an element or attribute to its `Use`; `takers` are the field handlers by name,
    `openers` the handlers of elements that begin a person or file.

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
    """Traversal of source documents (trees of nodes) that fills a report's builder.

    It is given the builder, and the mapping table prepared by `steps_of`.
    """

    def __init__(self, building: ReportBuilding, *, steps: Steps) -> None:
        """Keep the builder to fill, and the mapping (see `steps_of`) of each element and attribute key."""
        self._building = building
        self._steps = steps
        self._extra = building.extra

    def document(
        self, root: Node, *, complaints: tuple[Complaint, ...], scope: ElementScope
    ) -> None:
        """Read all values below `root` into the builder, as values of the person or file in `scope`.

        `complaints` are the violations of the schema that the format's reader found; they become warnings.
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
