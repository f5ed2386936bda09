"""Records of cross-check for other packages: links with their reasons, judgements, and dossiers for pages.

The module also encodes and decodes the stored reasons of a link. In records for a page, a report of another
desk shows only that it exists and its desk.
"""

import zlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from msgspec import Struct


class JudgementAct(StrEnum):
    """The kinds of judgement by people on links and dossiers (groups of linked reports).

    LINK: two sets of reports belong together. UNLINK: the links between them no longer count. MERGE: two
    dossiers are one. SPLIT: two sets of reports are never in one dossier. REJECT: the reports form no
    dossier. OPEN, CLOSE: work on a dossier begins, ends. UNDO revokes another judgement.
    """

    LINK = "LINK"  # each report of `left` belongs together with each report of `right`
    UNLINK = "UNLINK"  # the links between `left` and `right` no longer count
    MERGE = "MERGE"  # the dossiers of `left` and of `right` are one
    SPLIT = "SPLIT"  # `left` and `right` are never in the same dossier
    REJECT = "REJECT"  # the reports of `left` do not belong together
    OPEN = "OPEN"  # somebody works on the dossier of `left`, for the first time or again
    CLOSE = "CLOSE"  # the work on the dossier of `left` is finished
    UNDO = "UNDO"  # the judgement `undoes` is no longer in force


class DossierState(StrEnum):
    """State of a dossier (a group of linked reports).

    PROPOSED: it exists by certain links, and no person has opened it. OPEN, CLOSED: by a person, with a
    reason. A rejected proposal is no dossier and has no state.
    """

    PROPOSED = "PROPOSED"
    OPEN = "OPEN"
    CLOSED = "CLOSED"


SAME, CROSS, OTHER = 0, 1, 2
"""Sides of a shared value: suspects in both reports (or no person's value); suspect and text; other roles."""


class LinkReason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reason of a link between two reports: a shared value or other evidence, with its points.

    `kind` is the kind of a shared identifier (EMAIL …); TOGETHER, what other links between the same two
    dossiers add; LIKE, an agreement of the linkage model (its code in `value`); IP, NAME, BIRTH with an empty
    value (negative where the two differ); a kind of similarity (`SIMILAR`); or, with negative points, APART
    (incidents far apart in time), ALONE (both suspects have several identifiers, a single kind is shared) or
    CONFLICT: both have values of the weight class (`Mark`) in `value`, none in common. `weight` is the number
    of points.

    `kept` is the share (0..1) of the points left after the discount for frequent values, `roles` the role of
    the value (SUSPECT, VICTIM …) in the later and in the earlier report. `side` is SAME (the suspect's value
    in both reports), CROSS (suspect's in one, in the text of the other) or OTHER. `seen` (number of reports
    that hold the value) is filled in when links are read. For similarity, `value` is the picture or the
    address, and `measure` the differing bits or the percentage of shared text passages. For similar
    identifiers `value` holds digests that show neither identifier; `between` holds both, the later report's
    first, once suggestions are read, else None.
    """

    kind: str
    value: str
    weight: float
    seen: int = 0
    roles: tuple[str, str] = ("CONTENT", "CONTENT")
    kept: float = 1.0
    side: int = 0
    measure: int = 0
    between: tuple[str, str] | None = None


class Link(Struct, frozen=True, kw_only=True):
    """A link from the later report (`report_id`) to an earlier one (`other_id`).

    `score` is 0 to 1; from 0.9 the link is certain. `reasons` come strongest first. `rule_version` is the
    version of the linkage rule that found it.
    """

    report_id: UUID
    other_id: UUID
    score: float
    reasons: tuple[LinkReason, ...]
    rule_version: str


# Binary encoding of a link's reasons: a version byte, then MessagePack lists without field names.
#
# A reason is `[kind, value, weight, seen, roles, marks]`: kinds and roles by their number in the lists
# below, weights in ten thousandths; marks are 1 when the value is hexadecimal (kept as bytes), plus twice
# the hundredths of its weight that a frequent value lost, plus 256 times the number of its side, plus 1024
# times its measure.
# Older rows hold zlib-compressed JSON, recognised by its first byte; both are read.

# Stored as numbers: append at the end, never reorder. A kind not listed is stored as text.
_KINDS = (
    *("URL", "HOST", "DOMAIN", "ONION", "IP", "EMAIL", "PHONE", "HANDLE", "DEVICE", "ACCOUNT"),
    *("SHA256", "SHA1", "MD5", "PDQ", "GAME", "NAME", "BIRTH", "CONFLICT", "NEAR_TEXT"),
    *("NEAR_PICTURE", "NEAR_MIRROR", "NEAR_FAMILY", "NEAR_ADDRESS", "NEAR_NAME"),
    *("NEAR_HANDLE", "NEAR_HANDLE_LETTER", "NEAR_HANDLE_DIGIT", "NEAR_EMAIL", "NEAR_EMAIL_LETTER"),
    *("NEAR_EMAIL_DIGIT", "NEAR_PHONE", "APART", "NEAR_HANDLE_MENTION", "NEAR_PHONE_MENTION"),
    *("NEAR_ACCOUNT_MENTION", "NEAR_LINE", "ALONE", "TOGETHER"),
)
SIMILAR = tuple(kind for kind in _KINDS if kind.startswith("NEAR_"))
"""The kinds of similarity without equality."""
SPELLED = tuple(
    kind
    for kind in SIMILAR
    if kind.startswith(("NEAR_HANDLE", "NEAR_EMAIL", "NEAR_PHONE", "NEAR_ACCOUNT"))
)
"""Those between identifiers."""
_ROLES = ("SUSPECT", "VICTIM", "WITNESS", "RECIPIENT", "ASSOCIATED", "CONTENT")
_KIND_NUMBERS = {name: number for number, name in enumerate(_KINDS)}
_ROLE_NUMBERS = {name: number for number, name in enumerate(_ROLES)}
_FINGERPRINTS = frozenset({"SHA256", "SHA1", "MD5", "PDQ", "NEAR_PICTURE", *SPELLED})
_VERSION = b"\x02"
_UNIT = 10_000
_HEXADECIMAL = 1
_Row = tuple[int | str, bytes, int, int, tuple[int | str, int | str], int]
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(tuple[_Row, ...])
_FIRST_DECODER = msgspec.json.Decoder(tuple[LinkReason, ...])


def pack_reasons(reasons: Sequence[LinkReason]) -> bytes:
    """Encode the reasons of a link as a version byte and MessagePack; weights keep four decimals."""
    return _VERSION + _ENCODER.encode([_row(reason) for reason in reasons])


def unpack_reasons(content: bytes | memoryview) -> tuple[LinkReason, ...]:
    """Decode the reasons that `pack_reasons` encoded; return them in the order in which they were stored.

    Raises:
        zlib.error, msgspec.MsgspecError: the content is damaged.
    """
    stored = bytes(content)
    if stored[:1] != _VERSION:
        return _FIRST_DECODER.decode(zlib.decompress(stored))
    return tuple(_reason(row) for row in _DECODER.decode(stored[1:]))


def _row(reason: LinkReason) -> _Row:
    kind, (one, two) = reason.kind, reason.roles
    octets = _octets(reason.value) if kind in _FINGERPRINTS else None
    marks = 2 * (100 - round(reason.kept * 100)) + 256 * reason.side + 1024 * reason.measure
    return (
        _KIND_NUMBERS.get(kind, kind),
        reason.value.encode() if octets is None else octets,
        round(reason.weight * _UNIT),
        reason.seen,
        (_ROLE_NUMBERS.get(one, one), _ROLE_NUMBERS.get(two, two)),
        marks if octets is None else marks | _HEXADECIMAL,
    )


def _octets(value: str) -> bytes | None:
    try:
        octets = bytes.fromhex(value)
    except ValueError:
        return None
    return octets if octets.hex() == value else None


def _reason(row: _Row) -> LinkReason:
    kind, value, weight, seen, (one, two), marks = row
    return LinkReason(
        kind=_KINDS[kind] if isinstance(kind, int) else kind,
        value=value.hex() if marks & _HEXADECIMAL else value.decode(),
        weight=weight / _UNIT,
        seen=seen,
        roles=(_role(one), _role(two)),
        kept=(100 - (marks >> 1 & 127)) / 100,
        side=marks >> 8 & 3,
        measure=marks >> 10,
    )


def _role(stored: int | str) -> str:
    return _ROLES[stored] if isinstance(stored, int) else stored


class KinLink(Struct, frozen=True, kw_only=True):
    """A link from a given report to a related one (`other_id`), as a reader sees it.

    `desk_id` is the desk of the other report. If the reader has no access to that desk, `other_id`, score and
    reasons are None or empty. `earlier`: whether the other report is the earlier one. `score` is 0 to 1.
    `rule_version` is that of the linkage rule.
    """

    desk_id: int
    other_id: UUID | None = None
    earlier: bool | None = None
    score: float | None = None
    reasons: tuple[LinkReason, ...] = ()
    rule_version: str = ""


class DossierNode(Struct, frozen=True, kw_only=True):
    """A report of a dossier, as a node of its graph.

    `desk_id` is the report's desk; `report_id` is None if that desk is not the actor's.
    """

    desk_id: int
    report_id: UUID | None = None


class DossierEdge(Struct, frozen=True, kw_only=True):
    """A link between two reports of a dossier, both at the actor's desks, with its score (0..1) and reasons.

    `report_id` is the later report, `other_id` the earlier.
    """

    report_id: UUID
    other_id: UUID
    score: float
    reasons: tuple[LinkReason, ...]


class JudgementLine(Struct, frozen=True, kw_only=True):
    """A person's judgement on links or dossiers, for display; `reason` is empty once it has expired.

    `left` and `right` are the reports on its two sides at the actor's desks; what the sides mean depends on
    `act` (`JudgementAct`). `author_id` is the person. `undoes` is the judgement that an UNDO revokes (None
    for another act), `undone` whether this one is revoked.
    """

    id: UUID
    act: JudgementAct
    left: tuple[UUID, ...]
    right: tuple[UUID, ...]
    undoes: UUID | None
    undone: bool
    author_id: UUID
    made_at: datetime
    reason: str


class DossierView(Struct, frozen=True, kw_only=True):
    """A dossier as a graph, with people's judgements, newest first; `desk_id` is that of its earliest report.

    `nodes` are reports, `edges` the strongest links between them, `links` the number of all links.
    `opened_at` is when the dossier was created. `arrived_since` is the number of its reports, at the actor's
    desks, that joined it after it was closed; 0 for an open dossier.
    """

    id: UUID
    desk_id: int
    opened_at: datetime
    nodes: tuple[DossierNode, ...]
    edges: tuple[DossierEdge, ...]
    """The strongest links; `links` is the number of all."""
    links: int
    judgements: tuple[JudgementLine, ...]
    state: DossierState = DossierState.PROPOSED
    arrived_since: int = 0
    """Reports of the actor's desks that joined a closed dossier after its closure; else 0."""
    number: str = ""
    """Such as `D-2026-0143`."""
    split_off: tuple[UUID, ...] = ()
    """Reports of the actor's desks that a SPLIT in force separated from these."""


class Dissolved(Struct, frozen=True, kw_only=True):
    """A former dossier: a judgement separated its reports, and none is in it any more.

    `number` is its number (`D-2026-0143`). `reports` are those that the judgement names, at the actor's
    desks.
    """

    id: UUID
    number: str
    reports: tuple[UUID, ...]
    judgement: JudgementLine


class DossierLine(Struct, frozen=True, kw_only=True):
    """A dossier in a list.

    `reports` is its number of reports, `own` that of its reports at the actor's desks. `desk_id` is the desk
    of its earliest report, `opened_at` when it was created, `number` such as `D-2026-0143`, "" without one.
    """

    id: UUID
    desk_id: int
    opened_at: datetime
    reports: int
    own: int
    state: DossierState = DossierState.PROPOSED
    number: str = ""


class DossierReports(Struct, frozen=True, kw_only=True):
    """A dossier (`id`, `state`) with the ids of its reports at the actor's desks, oldest first."""

    id: UUID
    state: DossierState
    reports: tuple[UUID, ...]
