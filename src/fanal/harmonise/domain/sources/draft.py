"""What a source becomes before canonicalisation: its own values, sorted into the shape's fields.

Values are the source's, byte for byte (hashes in lower case): canonical URLs, E.164, UTC times and
selectors are drawn from a `Draft` by the harmonising rules, which no source format knows.
"""

from msgspec import Struct

from fanal.formats.report.records import (
    Channel,
    File,
    Message,
    Payment,
    Person,
    Place,
    ReportKind,
    Stated,
)
from fanal.harmonise.domain.records import ComputedFile, Extra, Selector, Warning as SourceWarning


class CategoryHint(Struct, frozen=True, kw_only=True, gc=False):
    """A class that the source gives, for the vocabulary bridge: its scheme, code and path.

    Schemes: `NCMEC_INCIDENT`, `NCMEC_ANNOTATION`, `NCMEC_FILE_ANNOTATION`, `NCMEC_TAG`, and the
    ones of `Classification` (`NCMEC`, `COPINE`, `INTERPOL`, `VICS-FR` …).
    """

    scheme: str
    code: str
    path: str


class Draft(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A report in the fields of the one shape, not yet canonical.

    `extra` holds every leaf that no field takes, with its path in the source, and those leaves that
    a field takes only in part. `loose` holds identifiers that belong to no person or that `Person`
    has no field for (an upload's address, a profile's URL, a game), as raw `Selector` values: they
    are also in `extra` or in a field, so `loose` is for selectors only. No value of a REPORTER is
    ever in `loose`.
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
