"""Writers of VICS 1.3 and 2.0: hash sets, and reports as cases, with the values kept of an original case."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from msgspec import Struct, field

from fanal.formats.indicators import Indicator
from fanal.formats.ncmec.model import ElementModel, TypeModel
from fanal.formats.vics.hashset import CLASS_TAG
from fanal.formats.vics.model import HOLDS, TYPES, Held, integer, truth, vocabulary_of

VERSIONS: Final = ("1.3", "2.0")
_CONTEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "1.3": ("odata.metadata", "http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml#"),
    "2.0": (
        "@odata.context",
        "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/{country}/$metadata#",
    ),
}
_ALTERNATIVE: Final = (("SHA256", "SHA256"), ("PDQ", "PDQ"))
_STEP: Final = re.compile(r"([^/\[\]]+)(?:\[([0-9]{1,5})\])?")
_OURS: Final = ("Contact", "FanalPart")


class OutFile(Struct, frozen=True, kw_only=True):
    """One file of a report to write: its name, its hashes by kind, and its class as `scheme:code`."""

    name: str | None = None
    hashes: Mapping[str, str]
    classification: str = ""


class OutCase(Struct, frozen=True, kw_only=True):
    """A report to write as a case; `kept`: the values of its original VICS case, as pairs (path, value).

    `organization` is the contact organisation to state, empty for none. `files` are those to write: the first
    completes the first media of `kept`, and so on.
    """

    reference: str
    files: Sequence[OutFile]
    kept: Sequence[tuple[str, str]] = ()
    organization: str = ""


class _Node(Struct):
    """A node of the VICS case to write: a text, or entries by key.

    `listed` names the keys to write as arrays even with a single entry.
    """

    text: str | None = None
    entries: dict[str, list["_Node"]] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)

    def at(self, name: str, number: int) -> "_Node":
        """Return the node of the entry `name` at the position `number` (from 1); create missing ones."""
        several = self.entries.setdefault(name, [])
        while len(several) < number:
            several.append(_Node())
        return several[number - 1]


def write_hash_set(items: Iterable[Indicator], *, version: str, country: str) -> Iterator[str]:
    """Yield the JSON text of a VICS hash set in pieces; every item must have an MD5.

    `country` names the national model of the categories (`DEFAULT` if none).

    Raises:
        KeyError: at the first piece, a version outside `VERSIONS`; later, an item without an MD5.
    """
    name, context = _context(version, country)
    yield json.dumps({name: context + "Media"})[:-1] + ', "value": ['
    for number, item in enumerate(items, start=1):
        yield ("," if number > 1 else "") + "\n" + _dumped(_media(item, number, country=country))
    yield "\n]}\n"


def _media(item: Indicator, number: int, *, country: str) -> dict[str, object]:
    values = item.values
    media: dict[str, object] = {"MediaID": number, **_category(item.classification, country)}
    media["MD5"] = values["MD5"].upper()
    if "SHA1" in values:
        media["SHA1"] = values["SHA1"].upper()
    if "PHOTODNA" in values:
        media["PhotoDNA"] = values["PHOTODNA"]
    others = [
        {"HashName": name, "HashValue": values[kind].upper()}
        for kind, name in _ALTERNATIVE
        if kind in values
    ]
    return media | ({"AlternativeHashes": others} if others else {})


def _category(classification: str, country: str) -> dict[str, object]:
    """Return the keys of VICS for the class of a media: `Category`, and `Tags` if a class is not a category.

    `classification` is `scheme:code`, "" for none. `Category` is the number in the model of `country`, else
    None. A class of another scheme becomes a tag, which Fanal's reader understands.
    """
    scheme, _, code = classification.partition(":")
    number = integer(code)
    if scheme == vocabulary_of(country).scheme and number is not None and str(number) == code:
        return {"Category": number}
    tag = {"Tags": CLASS_TAG + quote(classification, safe="")} if classification else {}
    return {"Category": None, **tag}


def write_case(case: OutCase, *, version: str, country: str) -> bytes:
    """Serialise a report as a file of one case: the values kept of its original case, and the report's files.

    `country` names the national model of the categories (`DEFAULT` if none).

    Raises:
        KeyError: a version outside `VERSIONS`.
    """
    name, context = _context(version, country)
    root = _Node()
    for path, text in case.kept:
        _put(root, path, text)
    root.at("CaseID", 1).text = root.at("CaseID", 1).text or case.reference
    if case.organization:
        root.at("ContactOrganization", 1).text = case.organization
    for number, file in enumerate(case.files, start=1):
        _fill(root.at("Media", number), file, number, country=country)
    root.at("TotalMediaFiles", 1).text = str(len(root.entries.get("Media", ())))
    document = {name: context + "Cases", "value": [_object(root, TYPES["case"])]}
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode()


def _context(version: str, country: str) -> tuple[str, str]:
    name, context = _CONTEXTS[version]
    shown = {"DEFAULT": "Default"}.get(country, country)
    return name, context.format(country=shown)


def _put(root: _Node, path: str, text: str) -> None:
    """Put a value kept from the original VICS case (`text`) back at its path below `root`.

    Fanal's own keys and the contact, a withheld identity, are left out, as are paths outside `case`.
    """
    steps = [(m[1], m[2]) for m in _STEP.finditer(path)]
    if len(steps) < 2 or steps[0][0] != "case" or steps[1][0] in _OURS:
        return
    node = root
    for name, number in steps[1:]:
        if number:
            node.listed.add(name)
        node = node.at(name, int(number or 1))
    node.text = text


def _fill(media: _Node, file: OutFile, number: int, *, country: str) -> None:
    """Add a file's name, hashes and class to its media in the VICS case, unless kept values state them.

    `number` is the media's position (from 1), `country` names the national model of the categories.
    """
    _default(media, "MediaID", str(number))
    for key in ("MD5", "SHA1"):
        _default(media, key, file.hashes.get(key, "").upper())
    for key, value in _category(file.classification, country).items():
        _default(media, key, "" if value is None else str(value))
    others = media.entries.get("AlternativeHashes", [])
    there = {(n.text or "").lower() for other in others for n in other.entries.get("HashValue", [])}
    for kind, name in _ALTERNATIVE:
        if kind in file.hashes and file.hashes[kind] not in there:
            other = media.at(
                "AlternativeHashes", len(media.entries.get("AlternativeHashes", [])) + 1
            )
            _default(other, "HashName", name)
            _default(other, "HashValue", file.hashes[kind].upper())
    if file.name and (file.name,) != tuple(
        n.text for n in media.entries.get("RelativeFilePath", [])
    ):
        kept = media.at("MediaFiles", 1)
        _default(kept, "MD5", file.hashes.get("MD5", "").upper())
        _default(kept, "FileName", file.name)
        _default(kept, "FilePath", file.name)


def _default(node: _Node, key: str, value: str) -> None:
    if value and key not in node.entries:
        node.at(key, 1).text = value


def _object(node: _Node, kind: TypeModel | None) -> dict[str, object]:
    known = kind.elements if kind is not None else {}
    out: dict[str, object] = {}
    for name, several in node.entries.items():
        model = known.get(name)
        held = [_held(one, model) for one in several]
        whole = model is not None and not model.is_leaf
        listed = len(held) > 1 or whole or name in node.listed
        out[name] = held if listed else held[0]
    return out


def _held(node: _Node, model: ElementModel | None) -> object:
    if node.entries:
        return _object(node, model.type if model is not None else None)
    return _value(node.text, model.key if model is not None else "")


def _value(text: str | None, key: str) -> object:
    held = HOLDS.get(key)
    if text is not None and held is Held.INTEGER:
        number = integer(text)
        return text if number is None else number
    if text is not None and held is Held.TRUTH:
        read = truth(text)
        return text if read is None else read
    return text


def _dumped(entry: Mapping[str, object]) -> str:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
