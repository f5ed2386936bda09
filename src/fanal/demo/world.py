"""The framework of the demo: events with their dates, and the operations in the order of a desk's work.

`at` is the date of an event, timezone-aware.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.operations.instructions import propose_instruction, second_instruction
from fanal.accounts.operations.partners import ensure_partner
from fanal.accounts.queries.people import actor_for, find_user
from fanal.casework.domain.records import Addressee, RecordedDecision
from fanal.casework.operations.deciding import record_decision
from fanal.demo.content import NO_FURTHER, REASONS, Json, chance, encoded
from fanal.formats.report.read import canonical_bytes, read_report
from fanal.harmonise import queries as harmonised
from fanal.intake.domain.records import (
    PUBLIC_SENDER,
    Acknowledgement,
    Arrival,
    Format,
    KeyKind,
    Stage,
    Submission,
)
from fanal.intake.operations.lifecycle import finish_report
from fanal.intake.operations.queue import advance_claims, claim_batch, put_back
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import find_key
from fanal.kernel.actors import SYSTEM_PERSON, Actor, Role, public_actor, system_actor
from fanal.kernel.calendar import paris_day
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Choice, Track
from fanal.orient.folding.operations.unfolding import unfold
from fanal.orient.queue.operations import claim_case
from fanal.pipeline import STEPS, Batch
from fanal.web.public.draft import encode_report, identity_of, report_of

SYSTEM = system_actor("demo")
HOTLINE = "Ligne Exemple"
PLATFORM = "plateforme-exemple"
OPERATOR = "Transferts Exemple"
_LEASE = timedelta(minutes=10)
_STAGES_TAKE = timedelta(seconds=4)
_MOTIVE = "Traitement du signalement"
_APART = "Les faits sont proches, l’affaire est distincte : elle se traite à part."


class DemoBroken(RuntimeError):
    """Error: a report of the demo was not processed as expected."""


@dataclass(slots=True, kw_only=True)
class World:
    """The demo desk at moments of the past: each method performs an operation at a given instant.

    `now` is the date of the loading, the end of the demo's year. `partners` caches the ids of partners by
    name.
    """

    now: datetime
    partners: dict[str, UUID] = field(default_factory=dict)

    def person(self, username: str, at: datetime) -> Actor:
        """Return the actor of the demo account `username`, with the roles valid at `at`.

        Raises:
            DemoBroken: there is no such account.
        """
        user = find_user(username=username)
        if user is None:
            raise DemoBroken(f"no account {username}")
        return actor_for(user=user, now=at, motive=_MOTIVE)

    def partner(self, name: str) -> Actor:
        """Return the actor for a partner's programs; the partner is registered if missing.

        `name` is that of the organisation.
        """
        if name not in self.partners:
            self.partners[name] = ensure_partner(actor=SYSTEM, name=name, now=self.now)
        return Actor(
            person_id=SYSTEM_PERSON,
            roles=frozenset({Role.PARTNER}),
            partner_id=self.partners[name],
        )

    def permit(
        self,
        kind: InstructionKind,
        names: tuple[str, ...],
        grounds: str,
        at: datetime,
        *,
        seconded: datetime,
    ) -> None:
        """Approve a standing instruction for 300 days by two supervisors, the second at `seconded`.

        A standing instruction is a dated permission for a kind of automatic step. `names` are the names of
        the recipients or lists that it covers, `grounds` its reasons.
        """
        made = propose_instruction(
            actor=self.person("claire", at),
            instruction=NewInstruction(
                kind=kind,
                names=names,
                grounds=grounds,
                basis="DÉMO, à valider par un juriste",
                valid_from=at,
                expires_at=at + timedelta(days=300),
            ),
            now=at,
        )
        second_instruction(actor=self.person("helene", seconded), instruction_id=made, now=seconded)

    def from_partner(
        self, name: str, body: Json, at: datetime, *, partner: str = HOTLINE, desk_id: int = 1
    ) -> UUID:
        """Receive a partner's JSON report at `at` and process it through all stages; return its id.

        `name` is its reference, by which `find` returns it later. `body` is the report in the report format,
        `partner` the name of the sender, `desk_id` the receiving desk.
        """
        content = encoded({"reference": name, **body})
        return self.receive(
            Submission(
                arrival=Arrival.API,
                format=Format.REPORT,
                body=content,
                canonical=canonical_bytes(read_report(content)),
                keys=((KeyKind.REFERENCE, name), submission_key(name)),
                reference=name,
                desk_id=desk_id,
                language=str(body.get("language", "")),
                urgent=bool(body.get("emergency")),
            ),
            at=at,
            sender=partner,
        )

    def from_form(
        self,
        name: str,
        answers: Mapping[str, str],
        at: datetime,
        *,
        code: str = "",
        language: str = "fr",
    ) -> UUID:
        """Receive a report as the public form would send it for `answers`; return its id.

        `answers` maps the form's fields to their values; `code` is the receipt code, "" for a random one;
        `language` that of the pages. `name` is the event's name, by which `find` returns it.
        """
        made = report_of(answers, language=language, today=paris_day(at))
        body, identity = encode_report(made), identity_of(answers, address=None)
        submission = Submission(
            arrival=Arrival.FORM,
            format=Format.FORM,
            body=body,
            canonical=body + b"\n" + (identity or b""),
            keys=(submission_key(name),),
            language=language,
            urgent=made.emergency,
            identity=identity,
            code=code,
        )
        return self.receive(submission, at=at)

    def from_wire(
        self, name: str, document: tuple[bytes, Sequence[bytes]], at: datetime, *, provider: str
    ) -> UUID:
        """Receive a report over the provider API at `at`, process it, and return its id.

        It is opened, and finished shortly afterwards. `document` is the report as XML and the details of its
        files. `name` is the event's name, by which `find` returns it. `provider` is the sending organisation.
        """
        xml, details = document
        answer = self.deposit(
            Submission(
                arrival=Arrival.WIRE,
                format=Format.NCMEC_XML,
                body=xml,
                canonical=xml,
                keys=(submission_key(name),),
                details=tuple(details),
                urgent=b"<escalateToHighPriority" in xml,
                finish=False,
            ),
            at=at,
            sender=provider,
        )
        report_id = _id_of(answer)
        later = at + timedelta(seconds=3)
        finish_report(actor=self.partner(provider), report_id=report_id, now=later)
        carry([report_id], now=later + _STAGES_TAKE)
        return report_id

    def deposit(self, submission: Submission, *, at: datetime, sender: str = "") -> Acknowledgement:
        """Receive a submission at `at` without processing it; return the acknowledgement.

        `sender` is the name of the partner, "" for the public. A finished report then waits at the first
        stage.
        """
        actor = self.partner(sender) if sender else public_actor()
        whole = msgspec.structs.replace(submission, sender_id=actor.partner_id or PUBLIC_SENDER)
        return receive_reports(actor=actor, submissions=[whole], now=at)[0]

    def receive(self, submission: Submission, *, at: datetime, sender: str = "") -> UUID:
        """Receive a submission and process it through all stages; return the report's id.

        `sender` is the name of the partner, "" for the public.
        """
        report_id = _id_of(self.deposit(submission, at=at, sender=sender))
        carry([report_id], now=at + _STAGES_TAKE)
        return report_id

    def find(self, name: str, *, sender: str = HOTLINE) -> UUID:
        """Return the id of a report received earlier under `name` from the partner `sender` ("": the public).

        Raises:
            DemoBroken: there is no such report.
        """
        sender_id = self.partner(sender).partner_id if sender else PUBLIC_SENDER
        found = find_key(
            sender_id=sender_id or PUBLIC_SENDER,
            kind=KeyKind.SUBMISSION,
            key=submission_key(name)[1],
        )
        if found is None:
            raise DemoBroken(f"no report {name}")
        return found

    def claim(self, report_id: UUID, at: datetime, *, by: str = "ana") -> int:
        """Claim a report at `at` for the person `by` (login), and return the claim's fencing token.

        A folded report (another report of its group represents it in the queue) is unfolded first, with a
        reason.
        """
        actor = self.person(by, at)
        case = oriented.get_case(actor=SYSTEM, report_id=report_id)
        if case is not None and case.head_id is not None:
            unfold(actor=actor, report_id=report_id, reason=_APART, now=at)
        return claim_case(actor=actor, report_id=report_id, now=at).token

    def decide(
        self,
        report_id: UUID,
        at: datetime,
        *,
        by: str = "ana",
        tracks: Sequence[Track] | None = None,
        addressees: Mapping[str, Addressee] | None = None,
    ) -> RecordedDecision:
        """Claim a report and decide on it seven minutes later, on `tracks` or on the proposed tracks.

        A track is an action such as a referral or a removal request. `addressees` are providers for removal
        requests, by host name. `by` is the login of the person.
        """
        token = self.claim(report_id, at, by=by)
        proposal = oriented.get_proposals(actor=SYSTEM, report_ids=[report_id])[report_id].proposal
        chosen = tuple(tracks) if tracks is not None else proposal.tracks
        luck = chance(f"reason/{(self.now - at).total_seconds():.0f}/{by}")
        acts = bool({Track.JUDICIAL, Track.MEASURES, Track.NOTICE} & set(chosen))
        return record_decision(
            actor=self.person(by, at),
            report=harmonised.get_records(actor=SYSTEM, report_ids=[report_id])[report_id],
            choice=Choice(
                tracks=chosen,
                bases=tuple(basis.entry_id for basis in proposal.bases) if acts else (),
                reason=luck.choice(REASONS if acts else NO_FURTHER),
                body=proposal.competent if Track.JUDICIAL in chosen else None,
            ),
            claim_token=token,
            now=at + timedelta(minutes=7),
            addressees=addressees,
        )

    def proposes(self, report_id: UUID) -> tuple[Track, ...]:
        """Return the tracks (actions such as a removal request) that the legal rules propose for a report."""
        found = oriented.get_proposals(actor=SYSTEM, report_ids=[report_id])
        return found[report_id].proposal.tracks


def submission_key(name: str) -> tuple[KeyKind, str]:
    """Return the idempotency key (kind, text) under which the report of the event `name` is stored.

    `World.find` finds the report again by it.
    """
    return KeyKind.SUBMISSION, hashlib.sha256(f"demo/{name}".encode()).hexdigest()[:32]


def carry(report_ids: Sequence[UUID], *, now: datetime) -> None:
    """Process reports from the first stage through all stages, as the worker does, at the instant `now`.

    Other reports claimed with them are released at once, since their date differs.

    Raises:
        DemoBroken: a report failed, or another process holds it.
    """
    mine, token = set(report_ids), uuid4()
    claims = claim_batch(actor=SYSTEM, stage=Stage.HARMONISE, size=500, token=token, lease=_LEASE)
    others = [claim.report_id for claim in claims if claim.report_id not in mine]
    put_back(actor=SYSTEM, token=token, report_ids=others)
    batch = Batch(actor=SYSTEM, now=now, report_ids=sorted(mine))
    stage: Stage | None = Stage.HARMONISE
    while stage is not None:
        step = STEPS[stage]
        step.apply(batch)
        if batch.failed:
            raise DemoBroken(f"{stage}: {batch.failed}")
        advance_claims(
            actor=SYSTEM, token=token, report_ids=batch.report_ids, to=step.then, lease=_LEASE
        )
        stage = step.then


def _id_of(answer: Acknowledgement) -> UUID:
    if answer.report_id is None:
        raise DemoBroken(f"a deposit answered {answer.outcome}")
    return answer.report_id


# The agenda: events dated backwards from the instant of loading, oldest first.

Play = Callable[["World", datetime], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEvent:
    """An event of the demo, to be played at a date relative to the loading.

    `before` is how long before the loading it happens. `play` receives the world (`World`) and the event's
    instant. `story` and `report` name the story and the report that it belongs to, "" for none.
    """

    before: timedelta
    play: Play
    story: str = ""
    report: str = ""


def story_event(story: str, name: str, days: float, *, play: Play) -> DemoEvent:
    """Return the demo event of the report `name` of a story, `days` before the demo is loaded.

    Up to twelve hours, derived from `name`, are added. `play` is called with the world and the event's time.
    """
    minutes = chance(f"{name}/hour").randrange(700)
    return DemoEvent(
        before=timedelta(days=days, minutes=minutes), play=play, story=story, report=name
    )


def ordered(events: Iterable[DemoEvent]) -> list[DemoEvent]:
    """Sort demo events by date, oldest first (stable)."""
    return sorted(events, key=lambda event: -event.before)


def chapters(events: list[DemoEvent], *, size: int) -> list[list[DemoEvent]]:
    """Split the demo events into lists of at most `size`, in order."""
    return [events[first : first + size] for first in range(0, len(events), size)]
