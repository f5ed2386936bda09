"""Duplicate detection: grouping (folding) of equivalent reports by a key at each level of sameness. Pure.

The fold is a function of the set of reports, so that the order of arrival changes nothing. At each level,
reports with the same key are folded into the first of them (a claimed report if there is one, else the
smallest id); folded reports take no part in the later levels. Rules: `orient/data/folding.toml`. `item` is a
report with its findings and priority.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from hashlib import blake2b
from importlib import resources
from typing import Final
from uuid import UUID

import msgspec
import numpy as np
from msgspec import Struct

from fanal.analyse.material.domain.hash_index import HashIndex, pack_labels
from fanal.analyse.material.domain.known import tells_pictures_apart
from fanal.formats.report.records import File, PersonRole
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake.domain.records import PUBLIC_SENDER
from fanal.orient.domain.records import OrientItem

MOST_FILES: Final = 64
"""Reports with more files than this are not compared by their pictures."""
_HASH: Final = 32
_DAY_MS: Final = 86_400_000
_FIRST_MONDAY: Final = 4  # 5 January 1970
_IDENTITIES = frozenset({"EMAIL", "PHONE", "HANDLE", "DEVICE", "ACCOUNT"})
_WHO = frozenset({"SUSPECT", "ASSOCIATED", "RECIPIENT", "WITNESS"})
_TELLING = frozenset({"GROOMING", "SEXTORTION", "LIVESTREAM", "IMMINENCE"})
_ENCODER = msgspec.msgpack.Encoder()


class Sameness(StrEnum):
    """Levels of sameness of two reports, from the strongest to the weakest; periods: `folding.toml`.

    SAME_FILE: the same files about the same people. NEAR_FILE: nearly the same pictures, by PDQ hash.
    SAME_ACCOUNT: on one account, by one provider. SAME_EVENT: the same people on the same day, reported by
    several providers. VIRAL_BUNDLE: a widely shared picture, reported many times by one provider.
    """

    SAME_FILE = "SAME_FILE"
    NEAR_FILE = "NEAR_FILE"
    SAME_ACCOUNT = "SAME_ACCOUNT"
    SAME_EVENT = "SAME_EVENT"
    VIRAL_BUNDLE = "VIRAL_BUNDLE"


LEVELS: Final = tuple(Sameness)
DUPLICATES: Final = frozenset({Sameness.SAME_FILE, Sameness.SAME_EVENT})
"""The levels at which a report adds no information; SAME_ACCOUNT and NEAR_FILE (similar pictures) may add
some.
"""


class FoldLevel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Duplicate-detection rule of one level of sameness (`code`), as in the rule file `folding.toml`.

    `days`: length in days of the periods of receipt within which reports are compared; `at_least`: least
    number of equal reports to fold; `distance`: largest Hamming distance in bits of similar pictures, 0 for
    equal ones. `source` is the reason for the rule, `checked_by` who checked it.
    """

    code: Sameness
    days: int
    source: str
    checked_by: str
    at_least: int = 2
    distance: int = 0


class FoldRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The duplicate-detection rules in force.

    `schema` is the version of the file format, `version` that of the rules, as recorded with each fold;
    `level` has one rule for each level of sameness, in the order of `LEVELS`.
    """

    schema: int
    version: str
    level: tuple[FoldLevel, ...]

    def of(self, code: Sameness) -> FoldLevel:
        """Return the folding rule for a level of sameness of reports, such as those with the same files."""
        return self.level[LEVELS.index(code)]


class Foldable(Struct, frozen=True, kw_only=True):
    """A report for duplicate detection, with its key at each level of sameness (16 bytes or None).

    `keys` are in the order of `LEVELS`; reports with the same key at a level are equivalent. `pictures` holds
    the PDQ hashes of its pictures, 32 bytes each, sorted and concatenated. `taken`: somebody has claimed the
    report, so that it is never folded into another.
    """

    report_id: UUID
    keys: tuple[bytes | None, ...]
    pictures: bytes = b""
    taken: bool = False


class Folded(Struct, frozen=True, kw_only=True):
    """The fold of one report: the equivalent report into which it is folded (`parent`), and at which level.

    The parent is shown in the queue in its place, unless it is itself folded (`root_of`).
    """

    parent: UUID
    level: Sameness


def is_duplicate(found: Folded | None) -> bool:
    """Return whether a report is folded (grouped) at a duplicate level: the same file or the same event.

    `found` is its fold; None, for a report that is not folded, gives False.
    """
    return found is not None and found.level in DUPLICATES


@cache
def load_rules() -> FoldRules:
    """Load the folding (duplicate-detection) rules of the package, `data/folding.toml`.

    Raises:
        ValueError: the levels of the file are not exactly `LEVELS`, in that order.
    """
    text = resources.files("fanal.orient").joinpath("data", "folding.toml").read_text("utf-8")
    rules = msgspec.toml.decode(text.encode(), type=FoldRules)
    if tuple(level.code for level in rules.level) != LEVELS:
        raise ValueError("folding.toml names each level once, from the strongest")
    return rules


def never_folds(item: OrientItem) -> bool:
    """Return whether a report is never folded into another (grouped as a duplicate).

    True for an emergency, a report with a priority floor (minimum score) or of level DANGER, one escalated by
    its sender, one from the public, and one with answers that only the public form asks for (`stated`).
    """
    report, priority = item.report, item.priority
    return bool(
        report.emergency
        or report.escalation_reason
        or report.stated
        or priority.floor
        or priority.level == "DANGER"
        or item.sender_id == PUBLIC_SENDER
    )


def standing_of(item: OrientItem, rules: FoldRules) -> Foldable | None:
    """Return the duplicate-detection keys of a report; None if it never folds or has nothing to compare.

    To fold: to group with equivalent reports, under one of them. `rules` gives the periods, in days, within
    which reports are compared at each level of sameness.
    """
    if never_folds(item):
        return None
    report = item.report
    who, files = _who(report), _file_set(report.files)
    if not files and not who:
        return None
    told = _digest((item.desk_id, item.is_test, report.kind, _said(report)))
    pictures = _pictures(report)
    whom = told + _digest(who)
    sender, which = item.sender_id.bytes, _digest(files)
    parts = (
        whom + which if files else None,
        whom if pictures else None,
        whom + sender if who else None,
        whom + report.occurred.earliest[:10].encode() if who and report.occurred else None,
        told + sender + which if files and _is_bare(item) else None,
    )
    day = (report.report_id.int >> 80) // _DAY_MS - _FIRST_MONDAY
    return Foldable(
        report_id=report.report_id,
        keys=tuple(
            None if part is None else _key(part, place, day // rule.days)
            for place, (part, rule) in enumerate(zip(parts, rules.level, strict=True))
        ),
        pictures=pictures,
    )


def fold(standings: Iterable[Foldable], rules: FoldRules) -> dict[UUID, Folded]:
    """Group equivalent reports: return parent and level of sameness of each folded one, by id.

    `standings` are the reports with their keys (`standing_of`), `rules` the folding rules of the levels. A
    parent may itself be folded, at a weaker level: `root_of` follows the chain.
    """
    folded: dict[UUID, Folded] = {}
    alive = sorted(standings, key=lambda s: (not s.taken, s.report_id))
    for place, rule in enumerate(rules.level):
        classes: dict[bytes, list[Foldable]] = {}
        for standing in alive:
            if (key := standing.keys[place]) is not None:
                classes.setdefault(key, []).append(standing)
        for members in classes.values():
            if len(members) >= rule.at_least:
                pairs = _near(members, rule) if rule.distance else _all(members)
                folded.update((one, Folded(parent=first, level=rule.code)) for one, first in pairs)
        if classes:
            alive = [standing for standing in alive if standing.report_id not in folded]
    return folded


def root_of(report_id: UUID, folded: Mapping[UUID, Folded]) -> UUID:
    """Return the head of the fold: the report that is shown in place of `report_id`, or itself.

    `folded`: the parent of each folded report, from `fold`. To fold is to group a report as a duplicate under
    another.
    """
    while (found := folded.get(report_id)) is not None:
        report_id = found.parent
    return report_id


def _all(members: Sequence[Foldable]) -> list[tuple[UUID, UUID]]:
    """Return (folded, parent) pairs of report ids that fold every member of a group into its first member.

    `members` (the group's reports): those claimed by somebody (`taken`) first, then by id; a claimed member
    is not folded. To fold is to group a report as a duplicate under another.
    """
    first = members[0].report_id
    return [(member.report_id, first) for member in members[1:] if not member.taken]


def _near(members: Sequence[Foldable], rule: FoldLevel) -> list[tuple[UUID, UUID]]:
    """Return (folded, parent) pairs of ids: each member folds into the first similar, unfolded one before it.

    `members` (the group's reports): those claimed by somebody (`taken`) first, then by id; a claimed member
    is not folded, but others may fold into it. `rule` gives the Hamming distance of similar pictures.
    Similarity is not transitive: a member must be similar to its parent, the report that is shown, and not
    merely to another member folded there. To fold is to group a report as a duplicate under another.
    """
    neighbours = _neighbours(members, rule.distance)
    pairs: list[tuple[UUID, UUID]] = []
    away: set[int] = set()
    for place, member in enumerate(members):
        before = (n for n in neighbours.get(place, ()) if n < place and n not in away)
        first = next((n for n in before if _alike(members[n], member, rule.distance)), None)
        if first is not None and not member.taken:
            away.add(place)
            pairs.append((member.report_id, members[first].report_id))
    return pairs


def _neighbours(members: Sequence[Foldable], distance: int) -> dict[int, list[int]]:
    """Return for each report the sorted positions of reports with a picture similar to its first one.

    A position is an index in `members` (the reports), its own included; similar: within `distance` bits of
    the PDQ hash. A report without pictures is absent.
    """
    labels = [n for n, m in enumerate(members) for _ in range(len(m.pictures) // _HASH)]
    index = HashIndex()
    index.add(_hashes(m.pictures for m in members), pack_labels(n.to_bytes(16) for n in labels))
    hits = index.search(_hashes(m.pictures[:_HASH] for m in members), radius=distance)
    found: dict[int, set[int]] = {}
    others = hits.labels[:, 8:].copy().view(">u8").reshape(-1)
    for query, other in zip(hits.queries.tolist(), others.tolist(), strict=True):
        found.setdefault(query, set()).add(other)
    return {query: sorted(others) for query, others in found.items()}


def _alike(one: Foldable, two: Foldable, distance: int) -> bool:
    """Return whether each picture of either report is within `distance` bits of a picture of the other."""
    left, right = (_hashes([s.pictures]) for s in (one, two))
    bits = np.unpackbits(left[:, None, :] ^ right[None, :, :], axis=2).sum(axis=2)
    near = bits <= distance
    return bool(near.any(axis=1).all() and near.any(axis=0).all())


def _hashes(pictures: Iterable[bytes]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(pictures), np.uint8).reshape(-1, _HASH)


def _who(report: HarmonisedReport) -> list[tuple[str, ...]]:
    """Return the persons that a report names, except victims and reporter, for its duplicate-detection keys.

    Each is an identifier (kind, value), or (name, birth date, age) with "" for unknown parts; sorted.
    """
    found: set[tuple[str, ...]] = {
        (s.kind, s.value) for s in report.selectors if s.kind in _IDENTITIES and s.role in _WHO
    }
    for person in report.persons:
        if person.role in _WHO and (person.name or person.birth_date or person.age):
            found.add((person.name or "", person.birth_date or "", str(person.age or "")))
    return sorted(found)


def _said(report: HarmonisedReport) -> tuple[object, ...]:
    """Return the content that folding (grouping of duplicates) must never hide.

    That is (victims, conversation, payments, page addresses), and the places with their role if it states
    any. A digest of it is part of every key, so that only reports with equal content are grouped.
    """
    victims = [person for person in report.persons if person.role is PersonRole.VICTIM]
    addresses = sorted({url.key or url.reported for url in report.urls})
    places = (report.places,) if report.places else ()  # keys of before they were read stay valid
    return (victims, report.conversation, report.payments, addresses, *places)


def _is_bare(item: OrientItem) -> bool:
    """Return whether a report states nothing but the files of an account, as reports of viral content do."""
    return not any(_said(item.report)) and not any(
        finding.category in _TELLING for finding in item.analysis.findings
    )


def _file_set(files: Sequence[File]) -> list[str]:
    """Return the distinct SHA-256 hashes of all files, sorted; if any file has none, their SHA-1 hashes.

    Empty if neither hash is known for every file; the two are never mixed.
    """
    for values in ({file.sha256 for file in files}, {file.sha1 for file in files}):
        if values and None not in values:
            return sorted(value for value in values if value)
    return []


def _pictures(report: HarmonisedReport) -> bytes:
    """Return the distinct PDQ hashes of a report's files, sorted and concatenated.

    Empty unless each file has a hash of sufficient quality, or if there are more than `MOST_FILES` files.
    """
    if len(report.files) > MOST_FILES:
        return b""
    values = {file.pdq or "" for file in report.files}
    if report.computed:
        if any(found.pdq and not found.is_comparable() for found in report.computed):
            return b""
        ours = {found.file: found.pdq for found in report.computed if found.pdq}
        values = {ours.get(n) or file.pdq or "" for n, file in enumerate(report.files)}
    if not all(tells_pictures_apart(value) for value in values):
        return b""
    return bytes.fromhex("".join(sorted(values)))


def _digest(parts: object) -> bytes:
    return blake2b(_ENCODER.encode(parts), digest_size=16).digest()


def _key(part: bytes, place: int, period: int) -> bytes:
    return blake2b(part, digest_size=16, salt=struct.pack(">Bi", place, period)).digest()
