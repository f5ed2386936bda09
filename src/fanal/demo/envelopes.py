"""Demo events of alarms, conversations, lists of known material, and of a report in each unusual state.

The states: unfinished, expired, retracted, test, claimed, processed twice, in quarantine, due for a retention
review. `world` performs the operations of the demo at past dates.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from fanal.analyse.material.domain.lists import ListAttributes, Vote
from fanal.analyse.material.operations.list_imports import create_list
from fanal.analyse.material.operations.lists import add_addresses, load_list, withdraw_item
from fanal.analyse.material.operations.votes import cast_vote
from fanal.casework.domain.records import Event as Recorded
from fanal.demo.content import Json, chance, hashes, material, pdq, sentences, suspect, talk, victim
from fanal.demo.world import HOTLINE, PLATFORM, SYSTEM, DemoEvent, World, carry, submission_key
from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.harmonise import queries as harmonised
from fanal.intake.domain.receipt import lookup_hash
from fanal.intake.domain.records import Arrival, Format, Stage, Submission
from fanal.intake.operations.follow import answer_desk, ask_reporter
from fanal.intake.operations.lifecycle import expire_reports, retract_report, review_report
from fanal.intake.operations.queue import claim_batch, fail_claims, put_back, replay_stage
from fanal.judicial.emergency_call import acts as calls
from fanal.kernel.actors import public_actor
from fanal.orient.alarms.operations.alarms import escalate_alarms
from fanal.orient.domain.records import Track
from fanal.orient.queue.operations import withdraw_case

CONVERSATION = "ASC6-J5FR-PA2R-7SW0-GHFD"
"""Receipt code of the demo's conversation: public, since the conversation is synthetic."""
LAST_WORD = "VV4W-RDGN-4PMG-R94B-JNB7"
KNOWN, CLEARED, ADDRESSES = "Empreintes partagées", "Fausses alertes", "Adresses connues"
POISON = "EN-unreadable"
_MINUTE = timedelta(minutes=1)


_ANSWERED = ("answer", "Salle de commandement (exemple), opérateur 4")
_CALLED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "DG-past-36": (("miss", ""), _ANSWERED),
    "DG-past-119": (_ANSWERED, ("confirm", "Message du service : enfant mis à l’abri (exemple)")),
    "DG-past-230": (("decline", "L’enfant est chez ses parents, joints par téléphone (exemple)"),),
}
"""Steps of the emergency calls of past reports, with who answered or why nobody was called."""


def events() -> list[DemoEvent]:
    """Return the demo events of alarms, reports, lists of known material and conversations."""
    return [
        DemoEvent(before=timedelta(days=398), play=_load_lists),
        DemoEvent(before=timedelta(days=40), play=_change_lists),
        *(
            DemoEvent(
                before=timedelta(days=days, minutes=7 * days),
                play=partial(_danger, name=f"DG-past-{days}"),
                story="danger",
                report=f"DG-past-{days}",
            )
            for days in (230, 119, 36)
        ),
        DemoEvent(before=timedelta(days=17), play=_converse, story="conversation", report="CV-1"),
        DemoEvent(before=timedelta(days=2, hours=5), play=_ask, story="conversation", report="CV-2"),
        DemoEvent(before=timedelta(days=8), play=_retract, story="retracted", report="EN-retracted"),
        DemoEvent(before=timedelta(hours=30), play=_expire, story="expired", report="EN-expired"),
        DemoEvent(before=timedelta(hours=26), play=_replay, story="replayed", report="EN-replayed"),
        DemoEvent(before=timedelta(hours=20), play=_test_report, story="test", report="EN-test"),
        DemoEvent(before=timedelta(minutes=50), play=_open, story="open", report="EN-open"),
        DemoEvent(before=14 * _MINUTE, play=_danger_unanswered, story="danger", report="DG-waiting"),
        DemoEvent(before=4 * _MINUTE, play=_hold, story="claimed", report="EN-claimed"),
        DemoEvent(before=timedelta(seconds=15), play=_danger_now, story="danger", report="DG-now"),
    ]  # fmt: skip


def _danger_body(at: datetime, name: str) -> Json:
    luck = chance(name)
    return {
        "kind": "GROOMING",
        "emergency": True,
        "channel": "GAME",
        "platform": "Starlane",
        "language": "fr",
        "occurred_at": (at - 20 * _MINUTE).isoformat(timespec="seconds"),
        "place": {"country": "FR", "locality": "Lille", "postcode": "59000"},
        "description": "Un rendez-vous semble fixé pour ce soir ; l’enfant ne répond plus.",
        "conversation": talk(
            at - 15 * _MINUTE,
            (f"orage_{luck.randrange(99)}", "Ne dis rien à tes parents."),
            (f"orage_{luck.randrange(99)}", "On se retrouve ce soir à 19h à la gare, viens seule."),
        ),
        "persons": [suspect(f"orage_{luck.randrange(999)}", "Starlane"), victim(12)],
    }


def _danger(world: World, at: datetime, *, name: str) -> None:
    """Receive a report of a child in danger, acknowledge its alarm, and decide.

    `name` is the report's reference. The alarm of the most recent such report (`DG-past-36`) is first
    escalated.
    """
    report_id = world.from_partner(name, _danger_body(at, name), at)
    answered = at + _MINUTE
    if name.endswith("36"):
        answered = at + 6 * _MINUTE
        escalate_alarms(actor=SYSTEM, now=at + 3 * _MINUTE)
    _call(world, report_id, answered, name=name)
    world.decide(report_id, answered + _MINUTE, by="claire", tracks=(Track.JUDICIAL,))


def _call(world: World, report_id: UUID, at: datetime, *, name: str) -> None:
    """Take the alarm of a report and record its emergency call: the steps that `_CALLED` lists for `name`."""
    duty = world.person("claire", at)
    record = harmonised.get_records(actor=duty, report_ids=[report_id])[report_id]
    call_id = calls.open_call(actor=duty, report_id=report_id, desk_id=1, record=record, now=at)
    for number, (transition, proof) in enumerate(_CALLED[name], 1):
        event = Recorded(happened_at=at + number * _MINUTE, proof=proof)
        calls.record_call(
            actor=duty, call_id=call_id, transition=transition, event=event, now=event.happened_at
        )


def _danger_unanswered(world: World, at: datetime) -> None:
    """Receive a report of a child in danger whose alarm is escalated, since nobody acknowledges it."""
    world.from_partner("DG-waiting", _danger_body(at, "DG-waiting"), at)
    escalate_alarms(actor=SYSTEM, now=at + 3 * _MINUTE)


def _danger_now(world: World, at: datetime) -> None:
    """Receive a report of a child in danger through the public form just now: the alarm rings."""
    answers = {
        "danger": "YES",
        "kind": "GROOMING",
        "channel": "GAME",
        "service": "Castlequest",
        "nickname": "orage_du_soir",
        "when": "TODAY",
        "description": "Ma petite sœur est partie rejoindre quelqu’un rencontré dans un jeu.",
        "conversation": "orage_du_soir: on se retrouve samedi à 15h à la gare, viens seule",
        "child": "KNOWN",
        "child_age": "12",
        "contact": "CONTACT",
        "your_name": "Camille Étoile",
        "your_phone": "06 39 98 00 21",
    }
    world.from_form("DG-now", answers, at)


def _converse(world: World, at: datetime) -> None:
    """Hold a conversation: the desk asks, the reporter answers with the receipt code, the desk thanks."""
    answers = {
        "danger": "NO",
        "kind": "GROOMING",
        "channel": "GAME",
        "service": "Blockharbor",
        "nickname": "vague_bleue",
        "when": "YESTERDAY",
        "description": sentences("GROOMING", "fr", chance("CV-1")),
        "child": "KNOWN",
        "child_age": "11",
        "contact": "ANONYMOUS",
    }
    report_id = world.from_form("CV-1", answers, at, code=CONVERSATION)
    lines = (
        "Merci pour votre signalement. Vous souvenez-vous de l’heure des messages ?",
        "Vers 21 h, deux soirs de suite. Le pseudonyme finit par un trait de soulignement.",
        "C’est noté, merci. Gardez les messages, n’y répondez pas.",
    )
    for place, text in enumerate(lines):
        moment = at + timedelta(hours=4 + 9 * place)
        if place % 2:
            answer_desk(
                actor=public_actor(), lookup_hash=lookup_hash(CONVERSATION), text=text, now=moment
            )
        else:
            ask_reporter(
                actor=world.person("ana", moment), report_id=report_id, text=text, now=moment
            )


def _ask(world: World, at: datetime) -> None:
    """Ask a reporter a question in English, without an answer yet."""
    answers = {
        "danger": "NO",
        "kind": "NONCONSENSUAL_IMAGE",
        "channel": "SOCIAL",
        "service": "Galleo",
        "when": "UNKNOWN",
        "description": sentences("NONCONSENSUAL_IMAGE", "en", chance("CV-2")),
        "child": "ME",
        "child_age": "15",
        "contact": "ANONYMOUS",
    }
    report_id = world.from_form("CV-2", answers, at, code=LAST_WORD, language="en")
    later = at + timedelta(hours=3)
    ask_reporter(
        actor=world.person("bruno", later),
        report_id=report_id,
        text="Thank you. Can you tell us the address of the page, or the name of the account?",
        now=later,
    )


def _retract(world: World, at: datetime) -> None:
    """Receive a partner's report and retract it before a decision."""
    body = material("page-retiree.example", at, "EN-retracted")
    report_id = world.from_partner("EN-retracted", body, at)
    later, sender = at + timedelta(hours=1), world.partner(HOTLINE)
    retract_report(actor=sender, report_id=report_id, now=later)
    withdraw_case(actor=sender, report_id=report_id, now=later)


def _unfinished(world: World, name: str, at: datetime) -> None:
    ((xml, _),) = synthetic_reports(seed=len(name), count=1, until=at)
    submission = Submission(
        arrival=Arrival.WIRE,
        format=Format.NCMEC_XML,
        body=xml,
        canonical=xml,
        keys=(submission_key(name),),
        finish=False,
    )
    world.deposit(submission, at=at, sender="Chatoria")


def _open(world: World, at: datetime) -> None:
    """Leave a provider's report unfinished: opened over the provider API, not yet submitted."""
    _unfinished(world, "EN-open", at)


def _expire(world: World, at: datetime) -> None:
    """Let a provider's unfinished report expire, a day after it was opened."""
    _unfinished(world, "EN-expired", at)
    expire_reports(actor=SYSTEM, now=at + timedelta(hours=25))


def _replay(world: World, at: datetime) -> None:
    """Process a report a second time, from its first stage; the results of both runs are kept."""
    report_id = world.from_partner("EN-replayed", material("relecture.test", at, "EN-replayed"), at)
    later = at + timedelta(hours=2)
    replay_stage(
        actor=world.person("claire", later),
        stage=Stage.HARMONISE,
        report_ids=[report_id],
        now=later,
    )
    carry([report_id], now=later)


def _test_report(world: World, at: datetime) -> None:
    """Receive a partner's test report: it is acknowledged, and never reaches the desk's queue."""
    body = b'{"reference":"EN-test","kind":"OTHER","description":"Essai de raccordement."}'
    submission = Submission(
        arrival=Arrival.API,
        format=Format.REPORT,
        body=body,
        canonical=body,
        keys=(submission_key("EN-test"),),
        reference="EN-test",
        is_test=True,
    )
    world.deposit(submission, at=at, sender=PLATFORM)


def _hold(world: World, at: datetime) -> None:
    """Receive a report, and leave it claimed by a colleague."""
    body = material("en-lecture.example", at - timedelta(hours=2), "EN-claimed")
    world.claim(world.from_partner("EN-claimed", body, at - 2 * _MINUTE), at, by="bruno")


def _load_lists(world: World, at: datetime) -> None:
    """Load a list of known hashes and one of known false alarms, and vote on two entries.

    The first list contains the picture of the viral story (`demo.stories`).
    """
    rows = ["pdq,md5,sha1,sha256,classification"]
    for number in range(400):
        known = hashes(f"known/{number}")
        rows.append(_row(pdq(f"known/{number}"), known, ("A1", "A2", "B1", "B2")[number % 4]))
    viral = _row(pdq("viral"), hashes("viral"), "B1")
    claire = world.person("claire", at)
    said = ListAttributes(
        scheme="NCMEC",
        confidence=90,
        legal_basis="LOI_78_17_TITRE_III",
        description="Empreintes inventées pour la démonstration",
    )
    create_list(actor=claire, name=KNOWN, attributes=said, now=at)
    items = load_list(actor=claire, name=KNOWN, lines=[*rows, viral], now=at)
    ana, up, down = world.person("ana", at), (Vote.UP, "CONFIRMED"), (Vote.DOWN, "COMMON_IMAGE")
    for item, (vote, reason) in ((items[-1], up), (items[-2], down)):
        cast_vote(actor=ana, item_id=item, vote=vote, reason=reason, now=at)
    cleared = [_row(pdq(f"clear/{n}"), hashes(f"clear/{n}"), "NONE") for n in range(20)]
    load_list(actor=claire, name=CLEARED, lines=[rows[0], *cleared], now=at, scope="CLEAR")


def _change_lists(world: World, at: datetime) -> None:
    """Add hosts to the list of known addresses; add a hash to the other list by mistake and withdraw it."""
    claire = world.person("claire", at)
    hosts = [("HOST", "galerie-ouest.example"), ("HOST", "album-bleu.example")]
    add_addresses(actor=claire, name=ADDRESSES, addresses=hosts, now=at)
    lines = ["pdq,md5,sha1,sha256,classification", _row(pdq("mistake"), hashes("mistake"), "B2")]
    (item,) = load_list(actor=claire, name=KNOWN, lines=lines, now=at)
    withdraw_item(actor=claire, name=KNOWN, item_id=item, now=at + timedelta(hours=2))


def _row(picture: str, known: dict[str, str], classification: str) -> str:
    return f"{picture},{known['md5']},{known['sha1']},{known['sha256']},{classification}"


def set_aside(world: World, at: datetime) -> None:
    """Leave an unreadable report in quarantine, after the permitted number of attempts to process it.

    `at` is the date of its receipt. Call it outside a transaction: each claim of the report by a worker must
    be committed before the next. The leases of the first two claims expire at once, the last attempt fails as
    in a worker.
    """
    body = b'<?xml version="1.0"?><report><incidentSummary>'
    submission = Submission(
        arrival=Arrival.IMPORT,
        format=Format.NCMEC_XML,
        body=body,
        canonical=body,
        keys=(submission_key(POISON),),
        reference=POISON,
    )
    world.deposit(submission, at=at, sender=HOTLINE)
    report_id = world.find(POISON)
    token = uuid4()
    for lease in (timedelta(), timedelta(), timedelta(minutes=1)):
        claims = claim_batch(
            actor=SYSTEM, stage=Stage.HARMONISE, size=500, token=token, lease=lease
        )
        others = [claim.report_id for claim in claims if claim.report_id != report_id]
        put_back(actor=SYSTEM, token=token, report_ids=others)
    fail_claims(actor=SYSTEM, token=token, report_ids=[report_id], error="MALFORMED")


# Demo events of older reports: some due for review, one with a proposed expiry that awaits approval.

_TAKEN_OVER = timedelta(days=395)
_AGE = timedelta(days=800)
"""More than the two years after which a report's retention is reviewed; outside the statistics."""
_NO_LONGER = (
    "Plus aucun acte ne s’appuie sur ce signalement ; l’adresse n’existe plus depuis un an."
)
KEPT = ("KP-archive-1", "KP-archive-2", "KP-archive-3")


def kept_events() -> list[DemoEvent]:
    """Return the demo events of older reports, and the proposal to let one of them expire."""
    return [
        *(
            DemoEvent(
                before=_TAKEN_OVER - timedelta(hours=number),
                play=partial(_take_over, name=name, age=_AGE - timedelta(days=9 * number)),
                story="kept",
                report=name,
            )
            for number, name in enumerate(KEPT)
        ),
        DemoEvent(before=timedelta(days=2, hours=3), play=_propose_end),
    ]


def _take_over(world: World, at: datetime, *, name: str, age: timedelta) -> None:
    received = world.now - age
    body = material(f"{name.lower()}.example", received, name, addresses=1)
    report_id = world.from_partner(name, body, received)
    world.decide(report_id, at, by="claire", tracks=(Track.NONE,))


def _propose_end(world: World, at: datetime) -> None:
    review_report(
        actor=world.person("claire", at),
        report_id=world.find(KEPT[-1]),
        end=True,
        motive=_NO_LONGER,
        now=at,
    )
