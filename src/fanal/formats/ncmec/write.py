"""Writer of NCMEC XML that is valid against the schema: new documents, and received ones rewritten.

Values that came from an NCMEC document return to their own path. Values without a place in the format, or not
allowed there, are written line by line to `additionalInfo`, so that nothing is lost.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from fanal.formats.ncmec.instants import earliest_instant
from fanal.formats.ncmec.model import TYPES
from fanal.formats.ncmec.read import Node, read_file_details, read_report
from fanal.formats.ncmec.tree import (
    Outgoing,
    OutgoingElement,
    outgoing,
    put_left,
    serialized,
    writable,
)
from fanal.formats.report.records import Channel, File, Person, PersonRole, Report, ReportKind

# Writer of the `fileDetails` of one file, valid against the schema.

_HASHES: Final = (("md5", "MD5"), ("sha1", "SHA1"), ("sha256", "SHA256"), ("pdq", "PDQ"))


def write_file_details(sent: Outgoing, index: int, *, report_id: int, file_id: str) -> bytes:
    """Serialise the `fileDetails` of the file at `index` (from 0) of the report `sent`, valid by the schema.

    `report_id` and `file_id` are the ids that the receiving service assigned. Values without an element of
    their own become text in `additionalInfo`.
    """
    file = sent.report.files[index]
    prefix = f"fileDetails[{index + 1}]/"
    root, left = outgoing("fileDetails"), list[tuple[str, str]]()
    root.put("reportId", value=str(report_id))
    root.put("fileId", value=file_id)
    own = {path.removeprefix(prefix): v for path, v in sent.extra if path.startswith(prefix)}
    supplemental = own.get("fileRelevance") == "Supplemental Reported"
    _put_hashes(root, file, own=own)
    for path, value in own.items():
        if path in {"reportId", "fileId"} or path.startswith("originalFileHash["):
            continue
        if not root.put(path, value=value):
            left.append((path, value))
    left += _put_file_fields(root, file, supplemental=supplemental)
    left += root.prune()
    put_left(root, left, path=f"additionalInfo[{len(root.indices('additionalInfo')) + 1}]")
    return serialized(root)


def _put_hashes(root: OutgoingElement, file: File, *, own: Mapping[str, str]) -> None:
    pairs = [(label, getattr(file, name)) for name, label in _HASHES if getattr(file, name)]
    for path, value in own.items():
        if path.startswith("originalFileHash[") and "@" not in path:
            pairs.append((own.get(f"{path}/@hashType", "Unknown"), value))
    seen: set[tuple[str, str]] = set()
    kept: list[tuple[str, str]] = []
    for label, value in pairs:  # a hash kept in extra for its capitals is the same as the field's
        mark = (label.upper().replace("-", ""), value.strip().lower())
        if mark not in seen:
            seen.add(mark)
            kept.append((label, value))
    for number, (label, value) in enumerate(kept, start=1):
        root.put(f"originalFileHash[{number}]", value=value)
        root.put(f"originalFileHash[{number}]/@hashType", value=label)


def _put_file_fields(
    root: OutgoingElement, file: File, *, supplemental: bool
) -> list[tuple[str, str]]:
    left: list[tuple[str, str]] = []
    fields: list[tuple[str, str | None]] = [
        ("fileName", file.name),
        ("fileViewedByEsp", _word(file.seen_by_provider)),
        ("publiclyAvailable", _word(file.publicly_available)),
    ]
    given = file.classification
    if given is not None and given.scheme == "NCMEC" and not supplemental:
        fields.append(("industryClassification", given.code))
    elif given is not None:
        left.append(("classification", f"{given.scheme} {given.code}"))
    left += [(path, value) for path, value in fields if value and not root.put(path, value=value)]
    return left


def _word(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


_INCIDENTS: Final[Mapping[ReportKind, str]] = {
    ReportKind.TRAFFICKING: "Child Sex Trafficking",
    ReportKind.SEX_TOURISM: "Child Sex Tourism",
    ReportKind.GROOMING: "Online Enticement of Children for Sexual Acts",
    ReportKind.SEXTORTION: "Online Enticement of Children for Sexual Acts",
    ReportKind.SOLICITATION: "Online Enticement of Children for Sexual Acts",
}
_MATERIAL: Final = "Child Pornography (possession, manufacture, and distribution)"
_CONTAINERS: Final[Mapping[PersonRole, tuple[str, str]]] = {
    PersonRole.SUSPECT: ("personOrUserReported", "personOrUserReportedPerson"),
    PersonRole.RECIPIENT: ("intendedRecipient", "intendedRecipientPerson"),
    PersonRole.VICTIM: ("victim", "victimPerson"),
}
_TALKS: Final[Mapping[Channel, str]] = {
    Channel.EMAIL: "emailIncident",
    Channel.GAME: "onlineGamingIncident",
}


def write_report(sent: Outgoing) -> bytes:
    """Serialise a report as NCMEC's `report.xml`, valid against the schema.

    `sent` is the report with its values beyond the report format. Values without an element of their own
    become text in `additionalInfo`.
    """
    return _ReportWriter(sent).write()


class _ReportWriter:
    """Writer of `report.xml` from a report and its `extra`: values without a field in the report format.

    The values of `extra` are written first, at their own paths, then the fields. Values for which the schema
    has no place become text in `additionalInfo`.
    """

    def __init__(self, sent: Outgoing) -> None:
        self._sent = sent
        self._extra = dict(sent.extra)
        self._root = outgoing("report")
        self._left: list[tuple[str, str]] = []

    def write(self) -> bytes:
        """Return the document as XML."""
        report = self._sent.report
        for path, value in self._sent.extra:
            if path.startswith("report/"):
                self._put(path.removeprefix("report/"), value)
            elif not path.startswith("fileDetails["):
                self._left.append((path, value))
        self._summary(report)
        self._internet(report)
        self._persons(report)
        self._reporter(report)
        self._remaining(report)
        self._left += self._root.prune()
        self._description(report)
        return serialized(self._root)

    def _put(self, path: str, value: str | None) -> None:
        if value is not None and not self._root.put(path, value=value):
            self._left.append((path, value))

    def _summary(self, report: Report) -> None:
        incident = "incidentSummary/incidentType"
        if not self._root.has(incident):
            self._put(incident, _INCIDENTS.get(report.kind, _MATERIAL))
        told = {value for _, value in self._sent.extra}
        if report.platform is not None and report.platform not in told:
            self._put("incidentSummary/platform", report.platform)
        if report.emergency or self._sent.escalation_reason is not None:
            self._escalation((self._sent.escalation_reason or "").strip() or "CHILD_IN_DANGER")
        self._annotations(told)
        when = "incidentSummary/incidentDateTime"
        self._put(when, report.occurred_at)
        if not self._root.has(when):
            self._put(when, self._sent.received_at)

    def _escalation(self, reason: str) -> None:
        path = "incidentSummary/escalateToHighPriority"
        self._root.put(path, value=writable(reason)[:3000])
        if len(reason) > 3000:
            self._left.append((path, reason))

    def _annotations(self, told: set[str]) -> None:
        for name in self._sent.annotations:
            if name in TYPES["reportAnnotations"].elements:
                self._put(f"incidentSummary/reportAnnotations/{name}", "true")
            elif name not in told:
                self._left.append(("annotation", name))

    def _internet(self, report: Report) -> None:
        located = {value for path, value in self._sent.extra if path.endswith("/locationOfFile")}
        urls = [url for url in report.urls if url not in located]
        if urls:
            base = f"{self._incident('webPageIncident')}/webPageIncident"
            for number, url in enumerate(urls, start=1):
                self._put(f"{base}/url[{number}]", url)
        if report.conversation:
            talk = _TALKS.get(report.channel or Channel.MESSAGING, "chatImIncident")
            lines = [
                " ".join(part for part in (message.at, message.speaker, message.text) if part)
                for message in report.conversation
            ]
            self._put(f"{self._incident(talk)}/{talk}/content", "\n".join(lines))
        if report.place is not None:
            base = f"{self._incident('nonInternetIncident')}/nonInternetIncident/incidentAddress[1]"
            self._put(f"{base}/city", report.place.locality)
            self._put(f"{base}/zipCode", report.place.postcode)
            self._put(f"{base}/country", report.place.country)

    def _incident(self, name: str) -> str:
        """Return the path of an `internetDetails` element with an element `name` inside, or of a new one."""
        used = self._root.indices("internetDetails")
        for index in used:
            if self._root.has(f"internetDetails[{index}]/{name}"):
                return f"internetDetails[{index}]"
        return f"internetDetails[{max(used, default=0) + 1}]"

    def _persons(self, report: Report) -> None:
        counts: dict[PersonRole, int] = {}
        linked = [
            path.removeprefix("report/").removesuffix("/@type")
            for path, _ in self._sent.extra
            if path.startswith("report/")
            and path.endswith("]/@type")
            and "/associatedAccount[" in path
            and path.count("/") == 3
        ]
        for person in report.persons:
            count = counts[person.role] = counts.get(person.role, 0) + 1
            if person.role is PersonRole.ASSOCIATED:
                base = linked[count - 1] if count <= len(linked) else ""
                self._associated(person, base=base or self._new_associated())
            elif person.role in _CONTAINERS:
                outer, inner = _CONTAINERS[person.role]
                base = f"{outer}[{count}]"
                self._person(person, base=f"{base}/{inner}", account=base)
                self._ensure(f"{base}/{inner}")
            elif person.role is PersonRole.REPORTER and count <= 2:
                part = "reportingPerson" if count == 1 else "contactPerson"
                self._person(person, base=f"reporter/{part}", account="")
                self._ensure(f"reporter/{part}")
            else:
                self._tell(person)

    def _new_associated(self) -> str:
        first = self._root.children.get(("personOrUserReported", 1))
        number = max(first.indices("associatedAccount"), default=0) + 1 if first else 1
        return f"personOrUserReported[1]/associatedAccount[{number}]"

    def _associated(self, person: Person, *, base: str) -> None:
        if not self._root.put(f"{base}/@type", value=person.type or "Other"):
            self._put(f"{base}/@type", "Other")
            self._left.append((f"{base}/@type", person.type or "Other"))
        self._person(person, base=base, account=base, age="approximateAge")

    def _person(self, person: Person, *, base: str, account: str, age: str = "age") -> None:
        self._names(person.name or "", base=base)
        self._put(f"{base}/{age}", str(person.age) if person.age is not None else None)
        self._put(f"{base}/dateOfBirth", person.birth_date)
        for name, values in (("email", person.emails), ("phone", person.phones)):
            for number, value in enumerate(values, start=1):
                self._put(f"{base}/{name}[{number}]", value)
        estimated = {v for path, v in self._sent.extra if path.endswith("/countryCode")}
        if person.country not in estimated:
            self._put(f"{base}/address[1]/country", person.country)
        self._put(f"{base}/address[1]/zipCode", person.postcode)
        if account:
            self._account(person, account=account)

    def _names(self, name: str, *, base: str) -> None:
        """Write a person's name below the path `base`, without the parts that are already written.

        These are the parts in `_extra`, the report's values beyond the report format, which `write` puts
        first. If they include a first or last name, the rest of `name` is written as the other of the two.
        Otherwise its last word is the last name, and the words before are the first name; a single word is
        the first name.
        """
        told = {
            part: self._extra[f"report/{base}/{part}"]
            for part in ("firstName", "middleName", "lastName")
            if f"report/{base}/{part}" in self._extra
        }
        for value in told.values():
            name = name.replace(value, "", 1).strip()
        first, _, last = name.rpartition(" ")
        if "firstName" in told or "lastName" in told:
            part = "lastName" if "firstName" in told else "firstName"
            self._put(f"{base}/{part}", name or None)
            return
        self._put(f"{base}/firstName", first or last or None)
        self._put(f"{base}/lastName", last if first else None)

    def _account(self, person: Person, *, account: str) -> None:
        self._handles(person, account=account)
        for number, seen in enumerate(person.ips, start=1):
            event = f"{account}/ipCaptureEvent[{number}]"
            self._put(f"{event}/ipAddress", seen.value)
            self._put(f"{event}/dateTime", seen.at)
            self._put(f"{event}/port", str(seen.port) if seen.port is not None else None)
        for number, device in enumerate(person.devices, start=1):
            self._put(f"{account}/deviceId[{number}]/idValue", device)
            if not self._root.has(f"{account}/deviceId[{number}]/idType"):
                self._put(f"{account}/deviceId[{number}]/idType", "Unknown")
        for money in person.accounts:
            self._left.append((f"{account}/account", f"{money.kind} {money.value}"))

    def _handles(self, person: Person, *, account: str) -> None:
        named = self._extra.get(f"report/{account}/espIdentifier")
        handles = list(person.handles)
        known = next((handle for handle in handles if handle.value == named), None)
        if known is not None:
            handles.remove(known)
        for number, handle in enumerate(handles):
            told = f"{handle.platform or ''} {handle.value}".strip()
            if number == 0:
                self._put(f"{account}/screenName", handle.value)
            else:
                self._left.append((f"{account}/screenName", told))
            service = f"{account}/espService"
            if handle.platform and not self._root.has(service):
                self._put(service, handle.platform)

    def _tell(self, person: Person) -> None:
        """Add a person for whom the format has no element to the values for `additionalInfo`, as one line."""
        parts = [person.name, person.birth_date, str(person.age or ""), *person.emails]
        parts += [*person.phones, *(handle.value for handle in person.handles)]
        parts += [*(seen.value for seen in person.ips), *person.devices]
        parts += [f"{money.kind} {money.value}" for money in person.accounts]
        self._left.append((person.role.value, " ".join(part for part in parts if part)))

    def _reporter(self, report: Report) -> None:
        """Name the desk as reporter if there is none, and give the desk's e-mail if the reporter has none.

        NCMEC refuses a report without a reporter's e-mail address.
        """
        base = "reporter/reportingPerson"
        if not any(person.role is PersonRole.REPORTER for person in report.persons):
            self._put(f"{base}/firstName", self._sent.desk_name)
        if not self._root.has(f"{base}/email"):
            self._put(f"{base}/email[1]", self._sent.desk_email)

    def _remaining(self, report: Report) -> None:
        self._left += [
            (name, value)
            for name, value in (
                ("occurred_until", report.occurred_until),
                ("language", report.language),
            )
            if value
        ]
        for number, place in enumerate(report.places, start=1):
            stated = (place.at, place.postcode, place.locality, place.country)
            line = " ".join(part for part in (place.role.value, *stated) if part)
            self._left.append((f"places[{number}]", line))
        for number, payment in enumerate(report.payments, start=1):
            parts = [getattr(payment, name) for name in payment.__struct_fields__]
            line = " ".join(part for part in parts if part)
            self._left.append((f"payments[{number}]", line))

    def _description(self, report: Report) -> None:
        """Write `additionalInfo`: the description, and the values without an element of their own.

        Paragraphs of the description that came from another element are left out.
        """
        told = {value for _, value in self._sent.extra}
        paragraphs = [part for part in (report.description or "").split("\n\n") if part not in told]
        lines = [f"{path}: {value}" for path, value in self._left]
        text = "\n\n".join(part for part in (*paragraphs, "\n".join(lines)) if part)
        if text:
            self._root.put("additionalInfo", value=writable(text))

    def _ensure(self, path: str) -> None:
        """Create the element at `path`, which may be empty."""
        self._root.make(path)


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
