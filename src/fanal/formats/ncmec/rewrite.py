"""Rewriting of a received NCMEC document to one that is valid against the schema, without loss of values.

Every value keeps its place. Values that the schema does not allow there are appended line by line to
`additionalInfo`.
"""

from datetime import UTC, datetime
from typing import Final

from fanal.formats.ncmec.instants import earliest_instant
from fanal.formats.ncmec.read import Node, read_file_details, read_report
from fanal.formats.ncmec.tree import OutgoingElement, outgoing, serialized, writable

_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)
_INCIDENT: Final = "incidentSummary/incidentDateTime"
_REPORTER: Final = "reporter/"
# Elements below `reporter` about the company itself; the others name people.
_OF_THE_COMPANY: Final = ("companyTemplate", "termsOfService", "legalURL")
_HINT: Final = "{http://www.w3.org/2001/XMLSchema-instance}"


def rewrite_report(body: bytes, *, stand_in: tuple[str, str] | None = None) -> bytes:
    """Return a received `report.xml` rewritten so that it is valid against the schema.

    Values that the schema does not allow at their place become text in `additionalInfo`. With `stand_in`
    (name, e-mail), this person replaces all persons whom the report names as its reporter.

    Raises:
        FormatRefused: the bytes are not such a report; never raised for a report that intake accepted.
    """
    document = read_report(body, now=_END_OF_TIME)
    root, left = outgoing("report"), list[tuple[str, str]]()
    _copy(document.root, root, left=left)
    if not root.has(_INCIDENT):
        _date_incident(document.root, root)
    if stand_in is not None:
        left = [(path, value) for path, value in left if not _names_people(path)]
        _replace_people(root, stand_in)
    root.make(f"{_REPORTER}reportingPerson")
    left += root.prune()
    told = writable("\n".join(f"{path}: {value}" for path, value in left if value.strip()))
    if told:
        before = root.children.get(("additionalInfo", 1))
        given = before.text if before is not None else None
        root.children.pop(("additionalInfo", 1), None)
        root.put("additionalInfo", value=f"{given}\n\n{told}" if given else told)
    return serialized(root)


def rewrite_file_details(body: bytes) -> bytes:
    """Return a received `fileDetails` document rewritten so that it is valid against the schema.

    Values that the schema does not allow at their place become text in `additionalInfo`; an invalid id
    becomes 0.

    Raises:
        FormatRefused: the bytes are not such a document; never raised for one that intake accepted.
    """
    document = read_file_details(body)
    root, left = outgoing("fileDetails"), list[tuple[str, str]]()
    _copy(document.root, root, left=left)
    for name in ("reportId", "fileId"):
        if not root.has(name):  # the schema requires a number for the report: 0 means none
            root.put(name, value="0")
    left += root.prune()
    told = writable("\n".join(f"{path}: {value}" for path, value in left if value.strip()))
    if told:
        number = max(root.indices("additionalInfo"), default=0) + 1
        root.put(f"additionalInfo[{number}]", value=told)
    return serialized(root)


def _copy(top: Node, root: OutgoingElement, *, left: list[tuple[str, str]]) -> None:
    """Copy all values of the received `top` to the same paths below `root`, the document to write.

    Values that the schema does not allow there are appended to `left` as (path, value).
    """
    prefix = f"{top.path}/"
    waiting = [top]
    while waiting:
        node = waiting.pop()
        waiting += reversed(node.children)
        path = node.path.removeprefix(prefix)
        if node is not top and not _copy_text(node, root, path=path):
            left.append((path, node.text or ""))
        for item in node.attributes:
            where = item.path.removeprefix(prefix)
            if not _is_hint(item.name) and not _put(root, where, value=item.value):
                left.append((where, item.value))


def _copy_text(node: Node, root: OutgoingElement, *, path: str) -> bool:
    """Copy an element's text (`node`) to the same `path` below `root`; return False if not allowed there."""
    if node.model is not None and node.model.is_leaf:
        return _put(root, path, value=node.text or "")
    if node.model is not None:
        root.make(path)
    return not (node.text or "").strip()


def _put(root: OutgoingElement, path: str, *, value: str) -> bool:
    return root.put(path, value=value) or root.put(path, value=value.strip())


def _is_hint(name: str) -> bool:
    """Return whether an attribute only states where the sender's schema is: it is no value of the report."""
    return name.startswith(_HINT)


def _date_incident(top: Node, root: OutgoingElement) -> None:
    """Write a valid incident date into the document to write (`root`), if it has none.

    It is the earliest instant that the received date in `top` can denote; nothing is written if it denotes
    none.
    """
    summary = top.child("incidentSummary")
    written = summary.child("incidentDateTime") if summary is not None else None
    earliest = earliest_instant(written.text or "") if written is not None else None
    if earliest is not None:
        root.put(_INCIDENT, value=earliest.astimezone(UTC).isoformat().replace("+00:00", "Z"))


def _names_people(path: str) -> bool:
    rest = path.removeprefix("report/")
    return rest.startswith(_REPORTER) and not rest.startswith(
        tuple(f"{_REPORTER}{name}" for name in _OF_THE_COMPANY)
    )


def _replace_people(root: OutgoingElement, stand_in: tuple[str, str]) -> None:
    reporter = root.children.get(("reporter", 1))
    if reporter is not None:
        for key in list(reporter.children):
            if key[0] not in _OF_THE_COMPANY:
                del reporter.children[key]
    name, email = stand_in
    root.put(f"{_REPORTER}reportingPerson/firstName", value=name)
    root.put(f"{_REPORTER}reportingPerson/email[1]", value=email)
