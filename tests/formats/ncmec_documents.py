"""Documents for the tests of the NCMEC format: a minimal one, full ones, and random valid ones."""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

from lxml import etree

from fanal.formats.ncmec.model import ROOTS, SCHEMA_PATH, ElementModel

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SCHEMA = etree.XMLSchema(file=str(SCHEMA_PATH))
VALUES = {
    "incidentType": "Child Sex Tourism",
    "type": "Other",
    "eventName": "Login",
    "port": "40122",
    "age": "13",
    "countryCallingCode": "+33",
    "extension": "12",
    "reason": "VIRAL_POTENTIAL_MEME",
    "fileRelevance": "Reported",
    "industryClassification": "A1",
}
DAYS = {"dateOfBirth"}
INSTANTS = {
    "incidentDateTime",
    "dateTime",
    "verificationDate",
    "timestamp",
    "disabledDate",
    "userNotifiedDate",
    "reenabledDate",
    "uploadedToEspTimestamp",
}
KINDS = {"email/@type": "Home", "phone/@type": "Mobile", "address/@type": "Home"}
KINDS |= {"associatedAccount/@type": "Linked", "details/@type": "EXIF"}


def minimal(inside: str = "", *, summary: str = "", tail: str = "") -> bytes:
    return (
        "<report><incidentSummary><incidentType>Child Sex Tourism</incidentType>"
        f"{summary}<incidentDateTime>2026-11-20T21:14:00Z</incidentDateTime></incidentSummary>"
        f"{inside}<reporter><reportingPerson/></reporter>{tail}</report>"
    ).encode()


class Filling:
    """Fills the schema: every leaf with a value of its own, so that each can be found again."""

    def __init__(self, chance: Random, *, share: float, branch: int = 0) -> None:
        self._chance, self._share, self.branch, self._count = chance, share, branch, 0

    def element(self, model: ElementModel) -> etree._Element:
        made = etree.Element(model.name)
        kind = model.type
        if kind is None or kind.holds_text:
            made.text = "true" if model.flag else self._value(model.name, key=model.key)
        if kind is None:
            return made
        for name, attribute in kind.attributes.items():
            if attribute.required or self._wanted():
                made.set(name, self._value(name, key=attribute.key))
        for child in self._chosen(model):
            for _ in range(2 if child.repeatable and self._wanted() else 1):
                made.append(self.element(child))
        return made

    def _chosen(self, model: ElementModel) -> Iterator[ElementModel]:
        assert model.type is not None
        kept = {
            name: group[self.branch % len(group)] for group in model.type.groups for name in group
        }
        for name, child in model.type.elements.items():
            if kept.get(name, name) == name and (
                child.required or model.type.is_choice or self._wanted()
            ):
                yield child

    def _wanted(self) -> bool:
        return self._chance.random() < self._share

    def _value(self, name: str, *, key: str) -> str:
        self._count += 1
        if key in KINDS:
            return KINDS[key]
        if name in INSTANTS:
            return f"2026-10-{1 + self._count % 28:02d}T{self._count % 24:02d}:14:00Z"
        if name in DAYS:
            return f"19{50 + self._count % 50}-01-02"
        if name in {"country", "countryCode"}:
            return "FR"
        if name in {"priorCTReports", "priorCTReport", "reportId"}:
            return str(10**9 + self._count)
        return VALUES.get(name, f"{name} n{self._count} é")


def filled(root: str, *, seed: int = 0, share: float = 1.0, branch: int = 0) -> bytes:
    """Return a valid document: with `share` 1 every optional part is there."""
    element = Filling(Random(seed), share=share, branch=branch).element(ROOTS[root])
    return etree.tostring(element, encoding="UTF-8", xml_declaration=True)


def leaves(document: bytes) -> list[str]:
    """Return every text and attribute value that is not blank."""
    return [
        value
        for element in etree.fromstring(document).iter()
        for value in (element.text or "", *element.attrib.values())
        if value.strip()
    ]
