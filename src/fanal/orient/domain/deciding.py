"""Rules that a person's decision on a report must satisfy before it is stored."""

import hashlib
import re
from datetime import date
from uuid import UUID

import msgspec

from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.orient.domain.qualify import measure_basis
from fanal.orient.domain.records import Basis, Choice, Track
from fanal.reference import Body, Catalogue, Offence

MAX_REASON = 20_000
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def check_decision(choice: Choice, *, catalogue: Catalogue, on: date) -> tuple[Basis, ...]:
    """Check a decision and return its legal bases, resolved to entries of the law.

    `choice`: the person's input. A basis is named by entry id (`FR_CP_227_23@2021-04-23`) or by code; a
    code means the wording in force on `on`. The result has the order of `choice.bases`, without repeats.

    Raises:
        Refusal: NO_TRACK; NONE_STANDS_ALONE (NONE with another track); a code of `check_reason`;
            UNKNOWN_BODY (no such authority), EMERGENCY_BODY (an emergency service as authority);
            UNKNOWN_BASIS; NO_BASIS (a track that requires one); MEASURES_CLOSED (no basis opens measures),
            NOTICE_NEEDLESS (NOTICE although every basis opens measures).
    """
    chosen = set(choice.tracks)
    _check_form(choice, chosen)
    if choice.body is not None:
        body = catalogue.by_code(Body, choice.body, on)
        if body is None or body.value.role == "EMERGENCY":
            raise Refusal("decision", "UNKNOWN_BODY" if body is None else "EMERGENCY_BODY")
    resolved = tuple(_resolve(basis, catalogue, on) for basis in dict.fromkeys(choice.bases))
    if chosen & {Track.JUDICIAL, Track.MEASURES, Track.NOTICE} and not resolved:
        raise Refusal("decision", "NO_BASIS")
    if Track.MEASURES in chosen and not any(basis.opens_measures for basis in resolved):
        raise Refusal(
            "decision", "MEASURES_CLOSED", articles=tuple(basis.code for basis in resolved)
        )
    if Track.NOTICE in chosen and all(basis.opens_measures for basis in resolved):
        raise Refusal(
            "decision", "NOTICE_NEEDLESS", articles=tuple(basis.code for basis in resolved)
        )
    return resolved


def _check_form(choice: Choice, chosen: set[Track]) -> None:
    if not chosen:
        raise Refusal("decision", "NO_TRACK")
    if Track.NONE in chosen and len(chosen) > 1:
        raise Refusal("decision", "NONE_STANDS_ALONE")
    check_reason(choice.reason)


def check_reason(reason: str) -> None:
    """Check the written reason of a decision.

    Raises:
        Refusal: NO_REASON (blank), REASON_TOO_LONG (over `MAX_REASON` characters), REASON_UNREADABLE (a NUL
            or lone surrogate).
    """
    if not stripped(reason):
        raise Refusal("decision", "NO_REASON")
    if len(reason) > MAX_REASON:
        raise Refusal("decision", "REASON_TOO_LONG")
    if UNSTORABLE.search(reason):
        raise Refusal("decision", "REASON_UNREADABLE")


def _resolve(name: str, catalogue: Catalogue, on: date) -> Basis:
    entry = catalogue.by_entry_id(name) or catalogue.by_code(Offence, name, on)
    if not isinstance(entry, Offence):
        raise Refusal("decision", "UNKNOWN_BASIS", articles=(name,))
    current = entry.in_force(on)
    opens = current and measure_basis(entry, catalogue=catalogue, on=on) is not None
    return Basis(
        code=entry.code,
        entry_id=entry.entry_id,
        opens_measures=opens,
        unchecked=entry.unchecked(on),
    )


def reason_digest(*, salt: bytes, decision_id: UUID, reason: str) -> bytes:
    """Return the keyed BLAKE2b digest of a decision's written reason.

    The key is `salt`, which is erased with the text: then nobody can test a guessed text against the digest.
    """
    return hashlib.blake2b(
        msgspec.json.encode([str(decision_id), reason]), key=salt, digest_size=32
    ).digest()
