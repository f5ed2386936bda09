"""Known-material matches of a report's files, for its page: list entry, confidence, legal basis, votes.

Votes and suspensions are those of now, not of the analysis.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from django.utils.translation import get_language

from fanal import reference
from fanal.accounts.queries.people import partner_names, person_names
from fanal.analyse.domain.records import Finding
from fanal.analyse.material.domain.lists import CastVote, EntryStanding, Voter
from fanal.analyse.material.queries.entries import get_items, get_standings
from fanal.kernel.actors import SYSTEM_PERSON
from fanal.reference.records import ListBasis

Item = dict[str, object]


def verdicts_of(findings: Sequence[Finding], *, on: date) -> dict[str, list[Item]]:
    """Return the list entries that match each file of a report, by file (`files[0]`), each once.

    They come from the findings of the analysis. Votes, suspension and withdrawal of an entry are the current
    ones, its legal basis (`basis`, as `basis_of`) that of the day `on`. Keys: `reason` of the finding;
    `counts` (the match counts: neither suspended nor withdrawn), `cleared` (known false positive),
    `withdrawn_at`; `entry_id`, `owner`, `scheme` and `confidence` of the entry; `standing` (votes and
    suspension); `since` (its suspension, if later than the analysis).
    """
    known = [f for f in findings if f.category == "KNOWN" and "entry" in f.because.parameters]
    ids = {UUID(str(f.because.parameters["entry"])) for f in known}
    standings = get_standings(item_ids=ids) if ids else {}
    items = get_items(item_ids=ids)
    gone = {i: item.withdrawn_at for i, item in items.items() if item.withdrawn_at is not None}
    places: dict[str, dict[str, Item]] = {}
    for finding in known:
        told = places.setdefault(finding.source.partition(".")[0], {})
        told.setdefault(str(finding.because), _verdict(finding, standings, gone, on=on))
    return {place: list(told.values()) for place, told in places.items()}


def basis_of(code: str, *, on: date) -> Item | None:
    """Return the text of a list's legal basis on a day, whether it is unchecked, and when it ended.

    Of the versions of the reference entry that began by that day, the newest counts, ended or not. Keys:
    `words`, `unchecked`, `ended` (None if in force). None without a code. A code without reference entry is
    returned as its text, unchecked.
    """
    if not code:
        return None
    versions = reference.load().versions(ListBasis, code, first=date.min, last=on)
    if not versions:
        return {"words": code, "unchecked": True, "ended": None}
    newest = versions[-1]
    return {
        "words": newest.label.of(get_language() or "fr"),
        "unchecked": newest.unchecked(on),
        "ended": None if newest.in_force(on) else newest.in_force_to,
    }


def votes_shown(votes: Sequence[CastVote]) -> list[Item]:
    """Return a dict for each vote on a list entry: `vote`, and the voter's `name` (person or partner)."""
    members = {v.voter_id for v in votes if v.voter is Voter.MEMBER}
    people = {v.voter_id for v in votes} - members - {SYSTEM_PERSON}
    names = partner_names(partner_ids=members) | person_names(person_ids=people)
    return [{"vote": vote, "name": names.get(vote.voter_id, "")} for vote in votes]


def _verdict(
    finding: Finding,
    standings: Mapping[UUID, EntryStanding],
    gone: Mapping[UUID, datetime],
    *,
    on: date,
) -> Item:
    said = finding.because.parameters
    entry_id = UUID(str(said["entry"]))
    standing = standings.get(entry_id, EntryStanding())
    return {
        "reason": finding.because,
        "counts": finding.score > 0 and standing.aside is None and entry_id not in gone,
        "cleared": finding.code == "KNOWN_CLEAR" and entry_id not in gone,
        "withdrawn_at": gone.get(entry_id),
        "entry_id": entry_id,
        "owner": said.get("owner", ""),
        "scheme": said.get("scheme", ""),
        "confidence": said.get("confidence"),
        "basis": basis_of(str(said.get("basis", "")), on=on),
        "standing": standing,
        # Suspended after the analysis of this report, whose reason therefore does not say so.
        "since": standing.aside if finding.code != "KNOWN_SET_ASIDE" else None,
    }
