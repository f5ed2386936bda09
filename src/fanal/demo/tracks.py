"""Demo events of removal requests, notices to providers, and referrals to the justice system.

They are in each state, from the decision to the outcome. `world` performs the operations of the demo at past
dates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from fanal.casework import queries as cases
from fanal.casework.domain.proofs import ProofFile
from fanal.casework.domain.records import Addressee, Event as Followed, Event as Recorded
from fanal.casework.operations.acts import take_step
from fanal.casework.operations.approvals import approve_act
from fanal.casework.operations.doubts import reopen_report
from fanal.demo.content import contact, material
from fanal.demo.world import DemoEvent, Play, World
from fanal.judicial import operations as judicial, queries as referred
from fanal.judicial.domain.kinds import REFERRAL
from fanal.judicial.domain.records import ReferralOutcome
from fanal.measures import queries as measured
from fanal.measures.domain.records import Measure, SuspensionCause
from fanal.measures.domain.warnings import Asked
from fanal.measures.notice import acts as notices
from fanal.measures.notice.document import read_notice
from fanal.measures.notice.kind import NOTICE
from fanal.measures.operations import drafts, milestones
from fanal.orient.domain.records import Track

_BOTH = (Track.JUDICIAL, Track.MEASURES)
_HOUR = timedelta(hours=1)
_ACCOUNT = (
    "Les faits signalés sont rappelés ci-dessus. Les adresses étaient accessibles lors de la"
    " vérification ; les identifiants joints proviennent du signalement et de ses recoupements."
)
_REASONS = (
    "Le compte signalé prend contact avec des enfants et propose de poursuivre l’échange ailleurs."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _MeasureWay:
    """The course of one removal request in the demo.

    `host` is the host name of the content. `hours` is how long before the loading of the demo its report
    arrives. `steps` are the names of its transitions, such as `approve`. `addressed`: the decision names the
    provider to which it is sent.
    """

    host: str
    hours: float
    steps: tuple[str, ...] = ()
    addressed: bool = True


WAYS: tuple[_MeasureWay, ...] = (
    _MeasureWay(host="galerie-ouest.example", hours=2600, steps=("approve", "send", "receive", "execute")),
    _MeasureWay(host="album-bleu.example", hours=2100,
         steps=("approve", "send", "receive", "execute", "lift")),
    _MeasureWay(host="archive-sud.test", hours=1700, steps=("approve", "send", "receive", "expire")),
    _MeasureWay(host="vitrine.example", hours=1500,
         steps=("approve", "send", "receive", "execute", "annul")),
    _MeasureWay(host="photos-lac.test", hours=900, steps=("approve", "send", "receive", "execute")),
    _MeasureWay(host="depot-nord.example", hours=620, steps=("approve", "send", "withdraw")),
    _MeasureWay(host="partage.test", hours=180, steps=("approve", "send", "receive", "suspend")),
    _MeasureWay(host="nuage-gris.example", hours=72, steps=("approve", "send", "receive")),  # late
    _MeasureWay(host="stockage.example", hours=38, steps=("approve", "send", "receive")),  # due soon
    _MeasureWay(host="pages-libres.test", hours=30, steps=("approve", "send")),
    _MeasureWay(host="miroir-est.example", hours=9, steps=("approve",)),
    _MeasureWay(host="fonds-decran.test", hours=7, steps=("refuse",)),
    _MeasureWay(host="images-vent.example", hours=5),
    _MeasureWay(host="album-vert.test", hours=3, addressed=False),
)  # fmt: skip
REFERRALS: tuple[tuple[str, float, tuple[str, ...], ReferralOutcome | None], ...] = (
    # name, hours before loading, transitions, outcome if closed
    (
        "RF-prosecuted",
        6000,
        ("prepare", "send", "acknowledge", "take_up", "close"),
        ReferralOutcome.PROSECUTED,
    ),
    ("RF-convicted", 8200, ("prepare", "send", "take_up", "close"), ReferralOutcome.CONVICTED),
    ("RF-dismissed", 4000, ("prepare", "send", "acknowledge", "close"), ReferralOutcome.DISMISSED),
    ("RF-joined", 3000, ("prepare", "send", "close"), ReferralOutcome.JOINED),
    ("RF-taken", 1400, ("prepare", "send", "acknowledge", "take_up"), None),
    ("RF-returned", 800, ("prepare", "send", "return"), None),
    ("RF-redirected", 700, ("prepare", "send", "return", "redirect"), None),
    ("RF-acknowledged", 500, ("prepare", "send", "acknowledge"), None),
    ("RF-withdrawn", 400, ("prepare", "withdraw"), None),
    ("RF-sent", 120, ("prepare", "send"), None),
    ("RF-ready", 60, ("prepare",), None),
)


NOTICES: tuple[tuple[str, float, tuple[str, ...], str], ...] = (
    # host, hours before loading, transitions, the provider's decision
    ("salon-vert.example", 1900, ("submit", "approve", "send", "acknowledge", "answer"), "REMOVED"),
    ("discussion.test", 1400, ("submit", "approve", "send", "remind", "answer"), "KEPT"),
    ("forum-lac.example", 700, ("submit", "approve", "send", "retract"), ""),
    ("tchat-nord.test", 400, ("submit", "approve", "send"), ""),  # to remind
    ("salle-bleue.test", 300, ("submit", "approve", "send", "remind"), ""),
    ("entretien.example", 90, ("submit", "approve", "withdraw"), ""),
    ("causerie.example", 60, ("submit", "approve", "send", "acknowledge"), ""),
    ("jeux-est.test", 20, ("submit", "approve"), ""),
    ("bavardage.example", 8, ("submit",), ""),
    ("parloir.test", 6, (), ""),
)


def events() -> list[DemoEvent]:
    """Return the demo events of three stories: one for each entry of `WAYS`, `NOTICES` and `REFERRALS`.

    Playing an event records its report, the decision on it and all later steps.
    """
    removals = [
        DemoEvent(before=way.hours * _HOUR, play=_removal(way), story="measures", report=_name(way))
        for way in WAYS
    ]
    referrals = [
        DemoEvent(
            before=timedelta(hours=hours),
            play=_referral(name, moves, outcome),
            story="referrals",
            report=name,
        )
        for name, hours, moves, outcome in REFERRALS
    ]
    notified = [
        DemoEvent(
            before=hours * _HOUR,
            play=_notice(host, transitions, outcome),
            story="notices",
            report=f"NT-{host}",
        )
        for host, hours, transitions, outcome in NOTICES
    ]
    return [*removals, *notified, *referrals]


def addressee(host: str) -> Addressee:
    """Build a fictitious provider with its contact point for `host`."""
    return Addressee(name=f"Hébergeur de {host}", contact=f"contact@{host}")


def _name(way: _MeasureWay) -> str:
    return f"MS-{way.host}"


def _removal(way: _MeasureWay) -> Play:
    def play(world: World, at: datetime) -> None:
        report_id = world.from_partner(_name(way), material(way.host, at, _name(way)), at)
        given = {way.host: addressee(way.host)} if way.addressed else None
        decision = world.decide(report_id, at + _HOUR, tracks=_BOTH, addressees=given)
        (measure_id,) = decision.opened["measure"]
        inform(world, way.host, at + 1.2 * _HOUR)
        follow(world, measure_id, way.steps, at=at + 2 * _HOUR)

    return play


def inform(world: World, host: str, at: datetime) -> None:
    """Record that the provider of `host` was informed of its duties (first contact), at `at`.

    The law requires this twelve hours before the first removal request.
    """
    milestones.record_first_contact(
        actor=world.person("elise", at),
        recipient=addressee(host).contact,
        event=Followed(happened_at=at, proof="Courriel d’information, accusé reçu"),
        now=at,
    )


def follow(world: World, measure_id: UUID, steps: Sequence[str], *, at: datetime) -> datetime:
    """Record the transitions `steps` (such as `approve`) of the removal request `measure_id` from `at` on.

    Returns the date of the last one, `at` if there are none.
    """
    moment = at
    for step in steps:
        moment += _PAUSES.get(step, _HOUR)
        _MOVES[step](world, measure_id, moment)
    return moment


def _approve(world: World, measure_id: UUID, at: datetime) -> None:
    actor = world.person("elise", at)
    drafts.approve_measure(
        actor=actor, measure_id=measure_id, digest=_digest(world, measure_id, at), now=at
    )


def _refuse(world: World, measure_id: UUID, at: datetime) -> None:
    drafts.refuse_measure(
        actor=world.person("farid", at),
        measure_id=measure_id,
        digest=_digest(world, measure_id, at),
        reason="La seconde adresse ne montre plus rien : à vérifier avant de demander.",
        now=at,
    )


def _digest(world: World, measure_id: UUID, at: datetime) -> bytes:
    found = measured.get_measure(actor=world.person("elise", at), measure_id=measure_id)
    if found is None:
        raise LookupError(str(measure_id))
    return found.measure.digest


def _acknowledgement(at: datetime) -> ProofFile:
    """Return the file that proves a step: a text, the receipt of an addressee."""
    words = f"Accusé de réception (exemple), {at:%d/%m/%Y}\n"
    return ProofFile(
        content=words.encode(), name="accuse-de-reception.txt", media_type="text/plain"
    )


def _send(world: World, measure_id: UUID, at: datetime) -> None:
    event = Followed(happened_at=at, proof="Envoi au point de contact électronique")
    milestones.record_sent(
        actor=world.person("elise", at), measure_id=measure_id, event=event, now=at
    )


def _receive(world: World, measure_id: UUID, at: datetime) -> None:
    event = Followed(
        happened_at=at, proof="Accusé de réception de l’hébergeur", file=_acknowledgement(at)
    )
    milestones.record_receipt(
        actor=world.person("elise", at), measure_id=measure_id, event=event, now=at
    )


def _execute(world: World, measure_id: UUID, at: datetime) -> None:
    event = Followed(happened_at=at, proof="Constat : les adresses ne répondent plus")
    milestones.record_execution(
        actor=world.person("farid", at), measure_id=measure_id, event=event, now=at
    )


def _expire(world: World, measure_id: UUID, at: datetime) -> None:
    milestones.expire_measure(actor=world.person("farid", at), measure_id=measure_id, now=at)


def _suspend(world: World, measure_id: UUID, at: datetime) -> None:
    milestones.suspend_clock(
        actor=world.person("farid", at),
        measure_id=measure_id,
        cause=SuspensionCause.CLARIFICATION,
        event=Followed(happened_at=at, proof="Demande de précision de l’hébergeur"),
        now=at,
    )


def _lift(world: World, measure_id: UUID, at: datetime) -> None:
    milestones.lift_measure(
        actor=world.person("elise", at),
        measure_id=measure_id,
        cause="CHECKED",
        event=Followed(happened_at=at, proof="Vérification trimestrielle"),
        now=at,
    )


def _annul(world: World, measure_id: UUID, at: datetime) -> None:
    milestones.annul_measure(
        actor=world.person("elise", at),
        measure_id=measure_id,
        event=Followed(happened_at=at, proof="Jugement du tribunal administratif (exemple)"),
        now=at,
    )


def _withdraw(world: World, measure_id: UUID, at: datetime) -> None:
    drafts.withdraw_measure(
        actor=world.person("ana", at), measure_id=measure_id, cause="CONTENT_GONE", now=at
    )


_MOVES = {
    "approve": _approve,
    "refuse": _refuse,
    "send": _send,
    "receive": _receive,
    "execute": _execute,
    "expire": _expire,
    "suspend": _suspend,
    "lift": _lift,
    "annul": _annul,
    "withdraw": _withdraw,
}
_PAUSES = {
    "approve": 1.5 * _HOUR,
    "refuse": 1.5 * _HOUR,
    "send": 12 * _HOUR,
    "receive": 0.5 * _HOUR,
    "execute": 9 * _HOUR,
    "expire": 25 * _HOUR,
    "suspend": 5 * _HOUR,
    "lift": 400 * _HOUR,
    "annul": 500 * _HOUR,
}


def _notice(host: str, transitions: Sequence[str], outcome: str) -> Play:
    def play(world: World, at: datetime) -> None:
        body = contact(host, at, f"NT-{host}")
        report_id = world.from_partner(f"NT-{host}", body, at)
        decision = world.decide(report_id, at + _HOUR, tracks=(Track.NOTICE,))
        (notice_id,) = decision.opened["notice"]
        moment = at + 2 * _HOUR
        if transitions:
            _write_reasons(world, notice_id, at=moment)
        for transition in transitions:
            moment += 3 * _HOUR if transition != "answer" else 40 * _HOUR
            _take(world, notice_id, transition, outcome, at=moment)

    return play


def _write_reasons(world: World, notice_id: UUID, *, at: datetime) -> None:
    author = world.person("ana", at)
    file = cases.get_act(actor=author, lifecycle=NOTICE, act_id=notice_id)
    if file is None or file.content is None:
        raise LookupError(f"no notice {notice_id}")
    found = read_notice(file.content)
    notices.amend_notice(
        actor=author,
        notice_id=notice_id,
        addressee=addressee(found.notice.host),
        targets=found.notice.targets,
        reasons=_REASONS,
        now=at,
    )


def _take(world: World, notice_id: UUID, transition: str, outcome: str, *, at: datetime) -> None:
    officer = world.person("ana" if transition in {"submit", "withdraw"} else "elise", at)
    file = cases.get_act(actor=officer, lifecycle=NOTICE, act_id=notice_id)
    if file is None:
        raise LookupError(f"no notice {notice_id}")
    if transition == "approve":
        approve_act(actor=officer, lifecycle=NOTICE, act_id=notice_id, digest=file.digest, now=at)
        return
    take_step(
        actor=officer,
        lifecycle=NOTICE,
        act_id=notice_id,
        transition=transition,
        event=Followed(
            happened_at=at,
            proof="" if transition == "submit" else "Courriel, accusé reçu (exemple)",
            outcome=outcome if transition == "answer" else "",
        ),
        now=at,
    )


def _referral(name: str, moves: Sequence[str], outcome: ReferralOutcome | None) -> Play:
    def play(world: World, at: datetime) -> None:
        body = material(f"{name.lower()}.example", at, name)
        report_id = world.from_partner(name, body, at)
        decision = world.decide(report_id, at + _HOUR, by="bruno", tracks=(Track.JUDICIAL,))
        (referral_id,) = decision.opened["referral"]
        refer(world, referral_id, moves, at=at + 2 * _HOUR, outcome=outcome)

    return play


def refer(
    world: World,
    referral_id: UUID,
    moves: Sequence[str],
    *,
    at: datetime,
    outcome: ReferralOutcome | None = None,
) -> None:
    """Record the transitions `moves` (such as `send`) of a referral to the justice system.

    They are eleven hours apart from `at` on, none in the future. `outcome` is that of the transition `close`.
    """
    moment = at
    for move in moves:
        if moment > world.now:
            return
        event = Followed(
            happened_at=moment,
            proof="Bordereau de transmission (exemple)",
            file=_acknowledgement(moment) if move == "acknowledge" else None,
            outcome=outcome if outcome and move == "close" else "",
        )
        if move == "prepare":
            _write_account(world, referral_id, at=moment)
        take_step(
            actor=world.person("driss", moment),
            lifecycle=REFERRAL,
            act_id=referral_id,
            transition=move,
            event=event,
            now=moment,
        )
        moment += 11 * _HOUR


def _write_account(world: World, referral_id: UUID, *, at: datetime) -> None:
    officer = world.person("driss", at)
    found = referred.get_referral(actor=officer, referral_id=referral_id)
    if found is None:
        raise LookupError(f"no referral {referral_id}")
    judicial.amend_referral(
        actor=officer,
        referral_id=referral_id,
        body=found.referral.body,
        summary=_ACCOUNT,
        now=at,
    )


# Demo events of removal requests: one approved despite a warning, one sent before its report reopened.

_BACK = "photos-lac.test"
_LEFT = "carnet-bleu.example"


def warned_events() -> list[DemoEvent]:
    """Return two demo events of removal requests with warnings: an album is back; a request is left alone."""
    return [
        DemoEvent(before=34 * _HOUR, play=_back, story="measures", report=f"MS-again-{_BACK}"),
        DemoEvent(before=28 * _HOUR, play=_left, story="measures", report=f"MS-{_LEFT}"),
    ]


def _back(world: World, at: datetime) -> None:
    """Report an album again at addresses removed on request: both people give a reason to continue."""
    name = f"MS-again-{_BACK}"
    earlier = material(_BACK, at, f"MS-{_BACK}")
    body = material(_BACK, at, name) | {"urls": earlier["urls"]}
    measure = _drafted(world, name, body, host=_BACK, at=at)
    drafts.submit_measure(
        actor=world.person("ana", at + 2 * _HOUR),
        measure_id=measure.id,
        seen=_tokens(world, measure, at + 2 * _HOUR),
        reason="L’album est revenu aux mêmes adresses, constaté ce matin.",
        now=at + 2 * _HOUR,
    )
    drafts.approve_measure(
        actor=world.person("elise", at + 4 * _HOUR),
        measure_id=measure.id,
        digest=measure.digest,
        seen=_tokens(world, measure, at + 4 * _HOUR),
        reason="Vérifié ce jour ; la première demande est exécutée et ne vaut plus.",
        now=at + 4 * _HOUR,
    )


def _left(world: World, at: datetime) -> None:
    """Send a removal request, reopen its report, and record only then that the request was sent."""
    measure = _drafted(world, f"MS-{_LEFT}", material(_LEFT, at, f"MS-{_LEFT}"), host=_LEFT, at=at)
    inform(world, _LEFT, at + _HOUR)
    follow(world, measure.id, ("approve",), at=at + 2 * _HOUR)
    opened, recorded = at + 20 * _HOUR, at + 21 * _HOUR
    reopen_report(actor=world.person("claire", opened), report_id=measure.report_id, now=opened)
    milestones.record_left(
        actor=world.person("elise", recorded),
        measure_id=measure.id,
        event=Recorded(happened_at=at + 16 * _HOUR, proof="Courriel au point de contact"),
        now=recorded,
    )


def _drafted(
    world: World, name: str, body: dict[str, object], *, host: str, at: datetime
) -> Measure:
    report_id = world.from_partner(name, body, at)
    (measure_id,) = world.decide(
        report_id, at + _HOUR, tracks=_BOTH, addressees={host: addressee(host)}
    ).opened["measure"]
    found = measured.get_measure(actor=world.person("elise", at), measure_id=measure_id)
    if found is None:
        raise LookupError(name)
    return found.measure


def _tokens(world: World, measure: Measure, at: datetime) -> set[str]:
    """Return the tokens by which a form confirms that a removal request's warnings were displayed."""
    asked = Asked(desk_id=measure.desk_id, report_id=measure.report_id, request=measure.request)
    found = measured.warnings_on(actor=world.person("elise", at), asked=[asked])[measure.id]
    return {token for one in found for token in one.tokens}
