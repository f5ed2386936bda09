"""The decision proposed by the rules for a report, and the form of the person's own decision."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import get_language
from msgspec import Struct

from fanal import reference
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Basis, Case, Proposal, Track
from fanal.reference import Body, Offence
from fanal.web.forms import Parsed, PostedForm, Several, text

WAYS: Mapping[str, tuple[Track, ...]] = {
    "JUDICIAL": (Track.JUDICIAL,),
    "MEASURES": (Track.MEASURES,),
    "BOTH": (Track.JUDICIAL, Track.MEASURES),
    "NOTICE": (Track.NOTICE,),
    "JUDICIAL_NOTICE": (Track.JUDICIAL, Track.NOTICE),
    "ELSEWHERE": (Track.ELSEWHERE,),
    "NONE": (Track.NONE,),
}
"""Options of the decision form, with the tracks (judicial, measures, notice …) that each selects."""


REASONS = (
    "PROPOSAL_FITS", "CONTENT_ONLINE", "PERSON_TRACEABLE", "TOO_LITTLE", "NO_OFFENCE", "DEALT_WITH",
)  # fmt: skip
"""Codes of the templates of a reason; the first goes with the proposal."""


class ChoiceForm(PostedForm):
    """Form of a person's decision: the option, legal bases (entry ids), authority (code), written reason.

    The option (`way`, a key of `WAYS`) gives the actions that follow (`tracks`). `body` may be empty.
    """

    tracks = Parsed(lambda way: WAYS.get(way, ()), posted="way")
    bases = Several(posted="basis")
    body = Parsed(required=False)
    reason = text()

    def clean_bases(self) -> tuple[str, ...]:
        """Return the selected legal bases, in the order posted."""
        return tuple(self.cleaned_data["bases"])


class FoldedForm(PostedForm):
    """Form with the report ids of the duplicates to which a decision extends."""

    folded = Several(UUID)


class OfferedChoice(Struct, frozen=True, kw_only=True):
    """The proposed decision and the decision form of a report's page.

    `revision`: that of the proposal, 0 without one; `proposed_way`: the option of the form that it selects (a
    key of `WAYS`); `ways`: all options; `bases`: the legal bases proposed, in words; `other_bases`: further
    ones as (entry id, text); `bodies`: authorities as (code, preselected); `targets`: addresses that a
    measure may target; `typed`: the posted fields of a form that was refused for the reason `refused`;
    `reasons`: codes of the templates of a reason.
    """

    proposal: Proposal | None
    revision: int
    proposed_way: str
    bases: list[dict[str, object]]
    other_bases: list[tuple[str, str]]
    bodies: list[tuple[str, bool]]
    targets: list[str]
    typed: Mapping[str, object]
    refused: str
    ways: tuple[str, ...] = tuple(WAYS)
    reasons: tuple[str, ...] = REASONS


def proposal_of(
    case: Case, record: HarmonisedReport, *, request: HttpRequest, refused: str, actor: Actor
) -> OfferedChoice:
    """Return the decision that the legal rules propose for a report, and the decision form, for its page.

    `refused`: the reason why the form in `request` was refused, to show it again; "" for a fresh form.
    `record` is the harmonised report of the case.
    """
    ids = [case.report_id]
    stored = oriented.get_proposals(actor=actor, report_ids=ids).get(case.report_id)
    proposal = stored.proposal if stored else None
    day = paris_day(case.received_at)
    offered = list(proposal.bases) if proposal else []
    return OfferedChoice(
        proposal=proposal,
        revision=stored.revision if stored else 0,
        proposed_way=_way_of(proposal),
        bases=[basis_words(basis) for basis in offered],
        other_bases=_other_bases(offered, day),
        bodies=_bodies(proposal, day),
        targets=[url.canonical for url in record.urls if url.canonical and url.host],
        typed={**ChoiceForm(request).typed, **FoldedForm(request).typed},
        refused=refused,
    )


def basis_words(basis: Basis) -> dict[str, object]:
    """Return a legal basis with its reference entry's text, start of validity and sources.

    Keys: `basis`, `words` (its text), `since`, `sources`; the last three are "", None and () for an unknown
    entry.
    """
    entry = reference.load().by_entry_id(basis.entry_id)
    lang = get_language() or "fr"
    return {
        "basis": basis,
        "words": entry.label.of(lang) if entry else "",
        "since": entry.in_force_from if entry else None,
        "sources": entry.source if entry else (),
    }


def _way_of(proposal: Proposal | None) -> str:
    wanted = set(proposal.tracks) if proposal else set()
    return next((way for way, tracks in WAYS.items() if set(tracks) == wanted), "")


def _other_bases(offered: list[Basis], on: date) -> list[tuple[str, str]]:
    """Return the offences in force on a day that are not `offered`, as (entry id, text)."""
    lang = get_language() or "fr"
    named = {basis.entry_id for basis in offered}
    return [
        (entry.entry_id, f"{entry.code} – {entry.label.of(lang)}")
        for entry in reference.load().in_force(Offence, on)
        if entry.entry_id not in named
    ]


def _bodies(proposal: Proposal | None, on: date) -> list[tuple[str, bool]]:
    """Return the authorities in force on the day `on` as (code, preselected), proposed ones first.

    Emergency services are left out: they are telephoned. Preselected is the competent authority of the
    proposal or, if it is an emergency service, the first other one proposed; without a proposal, none.
    """
    proposed = list(proposal.bodies) if proposal else []
    if proposal and proposal.competent and proposal.competent not in proposed:
        proposed.insert(0, proposal.competent)
    in_force = reference.load().in_force(Body, on)
    called = {body.code for body in in_force if body.value.role == "EMERGENCY"}
    others = [body.code for body in in_force if body.code not in proposed]
    offered = [code for code in [*proposed, *others] if code not in called]
    competent = proposal.competent if proposal else None
    if competent in called:  # of a proposal made when the 17 was an authority like others
        competent = next((code for code in proposed if code not in called), None)
    return [(code, code == competent) for code in offered]
