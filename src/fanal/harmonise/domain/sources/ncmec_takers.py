"""Field handlers (takers) for values of the source: each stores its value in a common field.

A handler returns whether the field now holds the whole value; if not, `extra` keeps the value too.
"""

from collections.abc import Mapping
from typing import Final

from fanal.formats.ncmec.read import Node
from fanal.formats.report.records import Classification, Handle, IpSighting, Message
from fanal.harmonise.domain.records import SelectorKind, SelectorRole
from fanal.harmonise.domain.sources.building import CategoryHint, small_integer, truth
from fanal.harmonise.domain.sources.ncmec_table import KINDS, Spot, Taker, kind_of_words


def _take_kind(spot: Spot) -> bool:
    code = spot.text.strip()
    known = any(hint.scheme == "NCMEC_INCIDENT" for hint in spot.building.hints)
    if known or code not in KINDS:  # a repeated summary: the first one counts
        return False
    spot.building.kind = KINDS[code]
    spot.building.hints.append(
        CategoryHint(scheme="NCMEC_INCIDENT", code=code, path=spot.node.path)
    )
    return True


def _take_kind_words(spot: Spot) -> bool:
    """Set the report kind from an incident type in words, as older schemas or other programs write it.

    Words that no rule knows give OTHER. Returns True: the whole value is kept, as a category. `spot` is the
    element in its context.
    """
    spot.building.kind = kind_of_words(spot.text)
    spot.building.hints.append(
        CategoryHint(scheme="NCMEC_INCIDENT", code=spot.text, path=spot.node.path)
    )
    return True


def _take_annotation(spot: Spot) -> bool:
    spot.building.annotations.append(spot.node.name)
    spot.building.hints.append(
        CategoryHint(scheme="NCMEC_ANNOTATION", code=spot.node.name, path=spot.node.path)
    )
    return True


def _take_annotation_value(spot: Spot) -> bool:
    spot.building.annotations.append(spot.text)
    spot.building.hints.append(
        CategoryHint(scheme="NCMEC_ANNOTATION", code=spot.text, path=spot.node.path)
    )
    return True


def _take_file_annotation(spot: Spot) -> bool:
    spot.building.hints.append(
        CategoryHint(scheme="NCMEC_FILE_ANNOTATION", code=spot.node.name, path=spot.node.path)
    )
    return True


def _take_escalation(spot: Spot) -> bool:
    spot.building.emergency = True
    if spot.building.escalation_reason is not None:
        return False
    spot.building.escalation_reason = spot.text
    return True


def _take_description(spot: Spot) -> bool:
    spot.building.description_rest.append(spot.text)
    return True


def _take_first_description(spot: Spot) -> bool:
    spot.building.description_first.append(spot.text)
    return bool(spot.text.strip())


def _take_message(spot: Spot) -> bool:
    spot.building.conversation.append(Message(text=spot.text))
    return True


def _take_url(spot: Spot) -> bool:
    if not spot.text.strip():
        return False
    spot.building.urls.append(spot.text)
    return True


def _take_game(spot: Spot) -> bool:
    spot.building.platform_fallback = spot.building.platform_fallback or spot.text
    spot.building.add_loose(SelectorKind.GAME, value=spot.text, path=spot.node.path)
    return True


def _loose_taker(kind: SelectorKind) -> Taker:
    def taken(spot: Spot) -> bool:
        value = _full_phone(spot.node, spot.text) if kind is SelectorKind.PHONE else spot.text
        spot.building.add_loose(kind, value=value, path=spot.node.path)
        return True

    return taken


def _take_fallback_platform(spot: Spot) -> bool:
    spot.building.platform_fallback = spot.building.platform_fallback or spot.text
    return True


def _report_setter(name: str) -> Taker:
    def taken(spot: Spot) -> bool:
        return _set_once(spot.building, name, text=spot.text)

    return taken


def _person_setter(name: str) -> Taker:
    def taken(spot: Spot) -> bool:
        return spot.scope.person is not None and _set_once(spot.scope.person, name, text=spot.text)

    return taken


def _file_setter(name: str) -> Taker:
    def taken(spot: Spot) -> bool:
        return spot.scope.file is not None and _set_once(spot.scope.file, name, text=spot.text)

    return taken


def _set_once(target: object, name: str, *, text: str) -> bool:
    if getattr(target, name) is not None or not text.strip():
        return False
    setattr(target, name, text)
    return True


def _place_setter(name: str) -> Taker:
    """Return a field handler for a part of an address: `country`, `locality` or `postcode` (`name`).

    It sets the part of the person that the element belongs to, or, outside a person, of the report's place. A
    person has no locality: there the handler stores nothing and returns False.
    """

    def taken(spot: Spot) -> bool:
        if spot.scope.person is None:
            return _set_once(spot.building, name, text=spot.text)
        return name != "locality" and _set_once(spot.scope.person, name, text=spot.text)

    return taken


def _name_setter(part: str) -> Taker:
    """Return a handler for a part of the person's name: `first`, `middle` or `last`.

    It returns False if the part could not be recovered from the joined name, so that `extra` keeps it too.
    """

    def taken(spot: Spot) -> bool:
        person = spot.scope.person
        if person is None or part in person.names or not spot.text.strip():
            return False
        person.names[part] = spot.text
        alone = part == "last" and "first" not in person.names
        return part != "middle" and not alone and " " not in spot.text

    return taken


def _take_email(spot: Spot) -> bool:
    if spot.scope.person is None or not spot.text.strip():
        return False
    spot.scope.person.emails.append(spot.text)
    return True


def _take_phone(spot: Spot) -> bool:
    if spot.scope.person is None or not spot.text.strip():
        return False
    spot.scope.person.phones.append(_full_phone(spot.node, spot.text))
    return True


def _full_phone(node: Node, text: str) -> str:
    """Return the telephone number `text`, with the calling code from its element's attribute in front.

    Unchanged if it has a calling code already, or the attribute is missing. `node` is that element.
    """
    code = node.attribute("countryCallingCode")
    stripped = text.strip()
    if not code or not stripped or stripped.startswith(("+", "00")):
        return text
    return f"{code}{text}"


def _take_age(spot: Spot) -> bool:
    age = small_integer(spot.text)
    if spot.scope.person is None or spot.scope.person.age is not None or age is None:
        return False
    spot.scope.person.age = age
    return True


def _take_handle(spot: Spot) -> bool:
    if spot.scope.person is None or not spot.text.strip():
        return False
    spot.scope.person.handles.append(Handle(value=spot.text))
    return True


def _take_profile(spot: Spot) -> bool:
    role = spot.scope.person.selector_role() if spot.scope.person else SelectorRole.CONTENT
    if role is not None:
        spot.building.add_loose(SelectorKind.URL, value=spot.text, path=spot.node.path, role=role)
    return True


def _take_hash(spot: Spot) -> bool:
    name = spot.node.attribute("hashType") or ""
    if spot.scope.file is None or spot.text != spot.text.strip().lower():
        if spot.scope.file is not None:
            spot.building.set_hash(spot.scope.file, name=name, value=spot.text, path=spot.node.path)
        return False
    return spot.building.set_hash(spot.scope.file, name=name, value=spot.text, path=spot.node.path)


def _take_hash_by_length(spot: Spot) -> bool:
    """Store a hash of unstated kind in its file; its length distinguishes MD5, SHA-1 and SHA-256.

    Returns whether the field holds it as written. `spot` is the element in its context.
    """
    name = {32: "md5", 40: "sha1", 64: "sha256"}.get(len(spot.text.strip()), "")
    if spot.scope.file is None:
        return False
    held = spot.building.set_hash(spot.scope.file, name=name, value=spot.text, path=spot.node.path)
    return held and spot.text == spot.text.strip().lower()


def _take_tag(spot: Spot) -> bool:
    hint = CategoryHint(scheme="NCMEC_TAG", code=spot.text, path=spot.node.path)
    spot.building.hints.append(hint)
    return True


def _take_ip(spot: Spot) -> bool:
    if spot.scope.person is None or not spot.text.strip():
        return False
    spot.scope.person.ips.append(IpSighting(value=spot.text))
    return True


def _take_classification(spot: Spot) -> bool:
    code = spot.text.strip()
    if spot.scope.file is None or not code or spot.scope.file.classification is not None:
        return False
    spot.scope.file.classification = Classification(scheme="NCMEC", code=code)
    spot.building.hints.append(CategoryHint(scheme="NCMEC", code=code, path=spot.node.path))
    return True


def _truth_setter(name: str) -> Taker:
    def taken(spot: Spot) -> bool:
        value = truth(spot.text)
        if spot.scope.file is None or value is None or getattr(spot.scope.file, name) is not None:
            return False
        setattr(spot.scope.file, name, value)
        return True

    return taken


TAKERS: Final[Mapping[str, Taker]] = {
    "kind": _take_kind,
    "platform": _report_setter("platform"),
    "platform.fallback": _take_fallback_platform,
    "escalation_reason": _take_escalation,
    "occurred_at": _report_setter("occurred_at"),
    "kind.words": _take_kind_words,
    "annotation": _take_annotation,
    "annotation.value": _take_annotation_value,
    "description": _take_description,
    "description.first": _take_first_description,
    "conversation": _take_message,
    "urls": _take_url,
    "loose.email": _loose_taker(SelectorKind.EMAIL),
    "loose.phone": _loose_taker(SelectorKind.PHONE),
    "loose.game": _take_game,
    "place.country": _place_setter("country"),
    "place.locality": _place_setter("locality"),
    "place.postcode": _place_setter("postcode"),
    "person.first_name": _name_setter("first"),
    "person.middle_name": _name_setter("middle"),
    "person.last_name": _name_setter("last"),
    "person.email": _take_email,
    "person.phone": _take_phone,
    "person.age": _take_age,
    "person.birth_date": _person_setter("birth_date"),
    "person.country_estimate": _person_setter("country_estimate"),
    "person.service": _person_setter("service"),
    "person.type": _person_setter("type"),
    "person.handle": _take_handle,
    "person.profile": _take_profile,
    "file.name": _file_setter("name"),
    "file.original_name": _file_setter("original_name"),
    "file.hash": _take_hash,
    "file.hash_by_length": _take_hash_by_length,
    "file.tag": _take_tag,
    "person.ip_address": _take_ip,
    "file.classification": _take_classification,
    "file.seen_by_provider": _truth_setter("seen_by_provider"),
    "file.publicly_available": _truth_setter("publicly_available"),
    "file.annotation": _take_file_annotation,
}
