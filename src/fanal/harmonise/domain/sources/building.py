"""The draft of a report, and the mutable builders of its parts that the source formats share."""

import re
from functools import lru_cache
from typing import Final

from msgspec import Struct, field

from fanal.formats.report.records import (
    Channel,
    Classification,
    File,
    Handle,
    IpSighting,
    Message,
    Payment,
    Person,
    PersonRole,
    Place,
    ReportKind,
    Stated,
    StatedPlace,
)
from fanal.harmonise.domain.records import (
    ComputedFile,
    Extra,
    Selector,
    SelectorKind,
    SelectorRole,
    Warning as SourceWarning,
)

# A draft: the source's own values in the fields of the common shape, before canonicalisation.
#
# Values are the source's, byte for byte (hashes in lower case). Canonical URLs, E.164 numbers, UTC times and
# selectors are derived from a `Draft` by harmonisation, independently of the source format.


class CategoryHint(Struct, frozen=True, kw_only=True, gc=False):
    """A classification of the incident or a file, stated by the source: its scheme, code and path there.

    `domain/vocabulary.py` maps it to the schemes of the record.

    Schemes: `NCMEC_INCIDENT`, `NCMEC_ANNOTATION`, `NCMEC_FILE_ANNOTATION`, `NCMEC_TAG`, `XARF_CSAM`,
    `XARF_CSEM`, and those of `Classification` (`NCMEC`, `COPINE`, `INTERPOL`, `VICS-FR` …).
    """

    scheme: str
    code: str
    path: str


class Draft(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A report in the fields of the common shape, with the source's own values, not yet canonical.

    Fields have the meaning of those of `HarmonisedReport`. `extra` holds every value without a field, or only
    partly used by a field, with its path in the source. `loose` holds identifiers without a person, or
    without a field in `Person` (an upload's address, a profile's URL, a game), as raw `Selector` values. They
    are also in `extra` or in a field: `loose` only yields selectors. It never holds a value of a REPORTER.
    `hints` are the classes that the source states, `warnings` its values that could not be read as intended.
    """

    reference: str
    kind: ReportKind
    emergency: bool = False
    escalation_reason: str | None = None
    annotations: tuple[str, ...] = ()
    stated: tuple[Stated, ...] = ()
    occurred_at: str | None = None
    occurred_until: str | None = None
    language: str | None = None
    channel: Channel | None = None
    platform: str | None = None
    place: Place | None = None
    places: tuple[StatedPlace, ...] = ()
    urls: tuple[str, ...] = ()
    description: str | None = None
    conversation: tuple[Message, ...] = ()
    persons: tuple[Person, ...] = ()
    files: tuple[File, ...] = ()
    computed: tuple[ComputedFile, ...] = ()
    payments: tuple[Payment, ...] = ()
    hints: tuple[CategoryHint, ...] = ()
    loose: tuple[Selector, ...] = ()
    extra: tuple[Extra, ...] = ()
    warnings: tuple[SourceWarning, ...] = ()


_HASH_LENGTHS: Final = {"md5": 32, "sha1": 40, "sha256": 64, "pdq": 64}
_HASH_KINDS: Final = {
    "md5": SelectorKind.MD5,
    "sha1": SelectorKind.SHA1,
    "sha256": SelectorKind.SHA256,
    "pdq": SelectorKind.PDQ,
}
_NOT_ALPHANUMERIC: Final = re.compile(r"[^a-z0-9]+")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]+")
_SMALL_INTEGER: Final = re.compile(r"[0-9]{1,5}")
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}


@lru_cache(maxsize=256)
def hash_field(name: str) -> str | None:
    """Return the field of `File` for the name of a hash as written (`SHA-256` gives `sha256`), else None."""
    plain = _NOT_ALPHANUMERIC.sub("", name.lower())
    return plain if plain in _HASH_LENGTHS else None


def small_integer(text: str) -> int | None:
    """Parse a number of at most five digits; return None for other text."""
    if len(text) < 6 and text.isascii() and text.isdigit():
        return int(text)
    stripped = text.strip()
    return int(stripped) if _SMALL_INTEGER.fullmatch(stripped) else None


def truth(text: str) -> bool | None:
    """Parse a boolean of XML Schema or JSON (`true`, `1`, `false`, `0`); return None for other text."""
    return _TRUTHS.get(text.strip().lower())


class PersonBuilding(Struct):
    """Mutable builder of a person of the report's draft, with the fields of `Person`.

    `path` is the person's path in the source; `service` the service of the person's user names. `names` are
    parts of the name by `first`, `middle`, `last`; `country_estimate` counts only without a `country`.
    """

    role: PersonRole
    path: str
    names: dict[str, str] = field(default_factory=dict)
    birth_date: str | None = None
    age: int | None = None
    country: str | None = None
    country_estimate: str | None = None
    postcode: str | None = None
    service: str | None = None
    type: str | None = None
    handles: list[Handle] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    phones: list[str] = field(default_factory=list)
    ips: list[IpSighting] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)

    def selector_role(self) -> SelectorRole | None:
        """Return the role of the person's selectors (identifiers); None for a REPORTER, who has none."""
        return None if self.role is PersonRole.REPORTER else SelectorRole(self.role.value)

    def build(self, *, platform: str | None) -> Person:
        """Return the person; `platform`: the service of user names if the person's own is unknown."""
        name = " ".join(
            self.names[part] for part in ("first", "middle", "last") if self.names.get(part)
        )
        service = self.service or platform
        return Person(
            role=self.role,
            name=name or None,
            birth_date=self.birth_date,
            age=self.age,
            country=self.country or self.country_estimate,
            postcode=self.postcode,
            handles=tuple(
                handle if handle.platform else Handle(value=handle.value, platform=service)
                for handle in self.handles
            ),
            emails=tuple(self.emails),
            phones=tuple(self.phones),
            ips=tuple(self.ips),
            devices=tuple(self.devices),
            type=self.type,
        )


class FileBuilding(Struct):
    """Mutable builder of a file of the report's draft, with the fields of `File`.

    `path` is the file's path in the source; `hashes` are by field name of `File`. `original_name` is the name
    that the file had with the person who uploaded it.
    """

    path: str
    name: str | None = None
    original_name: str | None = None
    hashes: dict[str, str] = field(default_factory=dict)
    classification: Classification | None = None
    seen_by_provider: bool | None = None
    publicly_available: bool | None = None

    def build(self) -> File:
        """Return the finished record of the file; its original name serves if it has no other."""
        return File(
            name=self.name if self.name is not None else self.original_name,
            classification=self.classification,
            seen_by_provider=self.seen_by_provider,
            publicly_available=self.publicly_available,
            **self.hashes,
        )


class ReportBuilding(Struct):
    """Mutable builder of a report's draft (`Draft`), filled by the reader of a source format.

    Fields have the names of the draft's; place and description are in parts. `loose` are the identifiers of
    no person, `hints` the categories stated by the source, `extra` its values without a field.
    `platform_fallback` is the service if the source names no other; the description consists of the
    paragraphs in `description_first`, then of those in `description_rest`.
    """

    reference: str
    kind: ReportKind = ReportKind.OTHER
    emergency: bool = False
    escalation_reason: str | None = None
    annotations: list[str] = field(default_factory=list)
    occurred_at: str | None = None
    channel: Channel | None = None
    platform: str | None = None
    platform_fallback: str | None = None
    country: str | None = None
    locality: str | None = None
    postcode: str | None = None
    urls: list[str] = field(default_factory=list)
    description_first: list[str] = field(default_factory=list)
    description_rest: list[str] = field(default_factory=list)
    conversation: list[Message] = field(default_factory=list)
    persons: list[PersonBuilding] = field(default_factory=list)
    files: list[FileBuilding] = field(default_factory=list)
    hints: list[CategoryHint] = field(default_factory=list)
    loose: list[Selector] = field(default_factory=list)
    extra: list[Extra] = field(default_factory=list)
    warnings: list[SourceWarning] = field(default_factory=list)

    def add_extra(self, path: str, *, value: str) -> None:
        """Keep a value of the source that has no common field, with its path in the source."""
        self.extra.append(Extra(path=path, value=value))

    def warn(self, path: str, *, code: str, value: str = "") -> None:
        """Add a warning that a value could not be read as intended: path, reason code, value as written.

        The value is truncated to 200 characters.
        """
        self.warnings.append(SourceWarning(path=path, code=code, value=value[:200]))

    def add_person(self, role: PersonRole, *, path: str) -> PersonBuilding:
        """Append a person with this role and path, and return the builder to fill."""
        person = PersonBuilding(role=role, path=path)
        self.persons.append(person)
        return person

    def add_loose(
        self,
        kind: SelectorKind,
        *,
        value: str,
        path: str,
        role: SelectorRole = SelectorRole.CONTENT,
        at: str | None = None,
        port: int | None = None,
    ) -> None:
        """Add an identifier that belongs to no person of the report; a blank value is skipped.

        `value` is as written, `path` its place in the source; `at` and `port`: time and port of its use, if
        known. `role` says whose value it is, by default the content's.
        """
        if value.strip():
            selector = Selector(kind=kind, value=value, role=role, at=at, port=port, source=path)
            self.loose.append(selector)

    def set_hash(self, file: FileBuilding, *, name: str, value: str, path: str) -> bool:
        """Set a file's hash field from a hash name and value; return whether the file now holds the value.

        A second, different hash of the same kind becomes an identifier of no person (`loose`). A malformed
        one gives a warning, one of an unknown name nothing. `path` is the place of the hash in the source.
        """
        kind = hash_field(name)
        plain = value.strip().lower()
        if kind is None:
            return False
        if len(plain) != _HASH_LENGTHS[kind] or _HEXADECIMAL.fullmatch(plain) is None:
            self.warn(path, code="INVALID_HASH", value=value)
            return False
        held = file.hashes.setdefault(kind, plain)
        if held != plain:
            self.add_loose(_HASH_KINDS[kind], value=plain, path=path)
            return False
        return True

    def build(self, *, language: str | None = None) -> Draft:
        """Return the draft; `language` is the language of the report, if the source states one.

        Its platform is the report's, else the fallback, else the service of the first suspect with one.
        """
        platform = self.platform or self.platform_fallback
        place = Place(country=self.country, locality=self.locality, postcode=self.postcode)
        texts = [text for text in (*self.description_first, *self.description_rest) if text.strip()]
        return Draft(
            reference=self.reference,
            kind=self.kind,
            emergency=self.emergency,
            escalation_reason=self.escalation_reason,
            annotations=tuple(dict.fromkeys(self.annotations)),
            occurred_at=self.occurred_at,
            language=language,
            channel=self.channel,
            platform=platform or self._suspect_service(),
            place=place if place != Place() else None,
            urls=tuple(self.urls),
            description="\n\n".join(texts) or None,
            conversation=tuple(self.conversation),
            persons=tuple(person.build(platform=platform) for person in self.persons),
            files=tuple(file.build() for file in self.files),
            hints=tuple(self.hints),
            loose=tuple(self.loose),
            extra=tuple(self.extra),
            warnings=tuple(self.warnings),
        )

    def _suspect_service(self) -> str | None:
        for person in self.persons:
            if person.role is PersonRole.SUSPECT and person.service:
                return person.service
        return None
