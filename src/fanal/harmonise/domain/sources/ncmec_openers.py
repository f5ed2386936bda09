"""Element handlers (openers): each begins the person or file of an NCMEC element and returns its scope.

The scope says to whom the values of the child elements belong.
"""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import structs

from fanal.formats.ncmec.read import Node
from fanal.formats.report.records import Channel, IpSighting, PersonRole, ReportKind
from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.sources.building import FileBuilding, hash_field, small_integer
from fanal.harmonise.domain.sources.ncmec_spot import ElementScope, Opener, Spot
from fanal.harmonise.domain.sources.ncmec_table import CHANNELS

_WORD: Final = re.compile("[a-z]+")


def _person_opener(role: PersonRole) -> Opener:
    def opened(spot: Spot) -> ElementScope:
        return ElementScope(person=spot.building.add_person(role, path=spot.node.path))

    return opened


def _open_associated(spot: Spot) -> ElementScope:
    """Add an ASSOCIATED person for a related account; the public client writes its type as `accountType`."""
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
    """Return the first child element of each name."""
    return {child.name: child for child in reversed(node.children)}


def _open_event(spot: Spot) -> ElementScope:
    """Add an IP address with its port and instant to the person's addresses."""
    parts = _parts_of(spot.node)
    address = parts.get("ipAddress")
    if spot.scope.person is None or address is None or not (address.text or "").strip():
        return spot.scope
    return _sighted(spot, parts, address)


def _sighted(spot: Spot, parts: dict[str, Node], address: Node) -> ElementScope:
    """Add the IP address `address` with port and instant of `parts` (elements by name) to the person, if any.

    The returned scope marks the values that were read (`taken`), so that they are not kept twice.
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
    """Read the hashes among a file's name-value pairs; the pairs themselves stay in `extra`.

    The public client states the type of each pair on the pair, the schema once on their parent.
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
    """Read a captured IP address or URL; a capture of another type stays in `extra`."""
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
    """Add a captured URL: as a selector of the person, or, without a person, to the report's addresses."""
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
    """Read a hash from a file's metadata pair; the pair itself stays in `extra`."""
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
