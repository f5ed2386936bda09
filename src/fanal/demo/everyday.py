"""Demo events of ordinary months: reports by form, hotline and provider API, most of them decided in time."""

import re
from datetime import datetime, timedelta
from random import Random  # noqa: TID251 - seeded
from uuid import UUID

from fanal.demo.content import (
    CHANNELS,
    GAMES,
    SEED,
    SERVICES,
    TOWNS,
    Json,
    chance,
    hashes,
    sentences,
    stamp,
    suspect,
    victim,
)
from fanal.demo.tracks import refer
from fanal.demo.world import HOTLINE, PLATFORM, DemoEvent, Play, World
from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.judicial.domain.records import ReferralOutcome
from fanal.orient.domain.records import Track
from fanal.orient.operations.decisions import close_case

COUNT = 248
_FRESH = 14
_DAYS = 392
_CANDIDATES = 6
_KINDS = ("GROOMING", "ABUSE_MATERIAL", "SEXTORTION", "LIVESTREAM", "SEX_TOURISM",
          "NONCONSENSUAL_IMAGE", "SOLICITATION", "TRAFFICKING", "OTHER")  # fmt: skip
_WEIGHTS = (26, 30, 15, 4, 3, 8, 6, 2, 6)
_LANGUAGES = ("fr", "en", "es", "de", "tl")
_LANGUAGE_WEIGHTS = (80, 9, 5, 4, 2)
_SENT = ("prepare", "send", "acknowledge")
_FATES: tuple[tuple[tuple[str, ...], ReferralOutcome | None], ...] = (
    (_SENT[:2], None),
    (_SENT, None),
    ((*_SENT, "take_up"), None),
    ((*_SENT, "take_up", "close"), ReferralOutcome.PROSECUTED),
    ((*_SENT, "close"), ReferralOutcome.DISMISSED),
    ((*_SENT, "take_up", "close"), ReferralOutcome.JOINED),
)
_FATE_WEIGHTS = (10, 30, 35, 12, 8, 5)
_FIRST = ("lune", "renard", "cube", "pixel", "vague", "ombre", "nuage", "orage", "galet", "brume")
_INCIDENT = re.compile(rb"<incidentDateTime>([^<]+)<")


def events() -> list[DemoEvent]:
    """Return a demo event for each report of ordinary months; the number by month rises over the year."""
    luck = chance("everyday")
    made = []
    for number in range(COUNT):
        # The exponent favours the present: later months have more reports.
        days = _DAYS * (1 - luck.random() ** 0.62)
        before = timedelta(days=days, minutes=luck.randrange(15, 240))
        name = f"EV-{number:03d}"
        made.append(DemoEvent(before=before, play=_life(name, before), report=name))
    for number in range(COUNT, COUNT + _FRESH):
        before = timedelta(minutes=6 + 31 * (number - COUNT))
        name = f"EV-{number:03d}"
        made.append(DemoEvent(before=before, play=_life(name, before), report=name))
    return made


def _life(name: str, before: timedelta) -> Play:
    """Return a function that plays the events of one report: its receipt and perhaps a decision.

    The older the report (`before` is its age), the likelier the decision. `name` seeds its random values.
    """
    luck = chance(name)
    arrive = luck.choices((_form, _hotline, _wire), (42, 30, 28))[0]
    wait = timedelta(hours=luck.uniform(0.4, 70))
    decided = wait + timedelta(hours=2) < before and luck.random() < _decided_share(before)

    def play(world: World, at: datetime) -> None:
        report_id = arrive(world, name, at)
        if decided:
            _decide(world, report_id, at + wait, luck=luck)

    return play


def _decided_share(before: timedelta) -> float:
    """Return the probability that a report of the age `before` is decided: 0.6 below two days, up to 0.99."""
    if before < timedelta(days=2):
        return 0.6
    return 0.85 if before < timedelta(days=14) else 0.99


def _decide(world: World, report_id: UUID, at: datetime, *, luck: Random) -> None:
    proposed = world.proposes(report_id)
    tracks = tuple(track for track in proposed if track is not Track.MEASURES)
    if luck.random() < 0.12:
        tracks = (Track.NONE,)
    by = luck.choice(("ana", "bruno", "claire"))
    decision = world.decide(report_id, at, by=by, tracks=tracks or (Track.NONE,))
    for referral_id in decision.opened["referral"]:
        moves, outcome = luck.choices(_FATES, _FATE_WEIGHTS)[0]
        refer(world, referral_id, moves, at=at + timedelta(hours=3), outcome=outcome)
    closed = at + timedelta(days=luck.uniform(3, 20))
    if closed < world.now - timedelta(days=1) and luck.random() < 0.7:
        close_case(actor=world.person(by, closed), report_id=report_id, now=closed)


def _nickname(luck: Random) -> str:
    return f"{luck.choice(_FIRST)}_{luck.randrange(1000, 99999)}"


def _form(world: World, name: str, at: datetime) -> UUID:
    luck = chance(f"{name}/form")
    kind = luck.choices(_KINDS, _WEIGHTS)[0]
    language = luck.choices(_LANGUAGES, _LANGUAGE_WEIGHTS)[0]
    contact = luck.random() < 0.35
    answers = {
        "danger": "NO",
        "kind": kind,
        "channel": CHANNELS[kind],
        "service": luck.choice(GAMES if kind == "GROOMING" else SERVICES),
        "nickname": _nickname(luck) if luck.random() < 0.7 else "",
        "address": _address(luck) if kind == "ABUSE_MATERIAL" else "",
        "when": luck.choice(("TODAY", "YESTERDAY", "UNKNOWN")),
        "description": sentences(kind, language, luck),
        "child": luck.choice(("KNOWN", "STRANGER", "UNKNOWN")),
        "child_age": str(luck.randrange(8, 17)) if luck.random() < 0.6 else "",
        "contact": "CONTACT" if contact else "ANONYMOUS",
        "your_name": "Dominique Arbre" if contact else "",
        "your_email": f"temoin{luck.randrange(9999)}@mail.example" if contact else "",
    }
    # The form's pages are in French and English; people write in any language.
    page = language if language in ("fr", "en") else "en"
    return world.from_form(name, answers, at, language=page)


def _hotline(world: World, name: str, at: datetime) -> UUID:
    luck = chance(f"{name}/hotline")
    kind = luck.choices(_KINDS, _WEIGHTS)[0]
    language = luck.choices(_LANGUAGES, _LANGUAGE_WEIGHTS)[0]
    country, town, code = luck.choice(TOWNS)
    service = luck.choice(GAMES if kind == "GROOMING" else SERVICES)
    body: Json = {
        "kind": kind,
        "channel": CHANNELS[kind],
        "platform": service,
        "language": language,
        "occurred_at": stamp(at, minutes=luck.randrange(20, 4000)),
        "place": {"country": country, "locality": town, "postcode": code},
        "description": sentences(kind, language, luck),
        "persons": [
            suspect(_nickname(luck), service, emails=[f"boite{luck.randrange(99999)}@mail.example"])
        ],
    }
    if luck.random() < 0.6:
        body["persons"] = [*_list(body["persons"]), victim(luck.randrange(8, 17), country)]
    if kind == "ABUSE_MATERIAL":
        body["urls"] = [_address(luck)]
        body["files"] = [{"name": name.lower(), **hashes(name), "seen_by_provider": True}]
    sender = PLATFORM if luck.random() < 0.3 else HOTLINE
    return world.from_partner(name, body, at, partner=sender)


def _wire(world: World, name: str, at: datetime) -> UUID:
    """Receive a provider's synthetic report over the provider API; return its id.

    `name` (such as `EV-12`) seeds several candidates and chooses the provider. Of the candidates, the report
    is the one with the latest incident.
    """
    number = int(name.removeprefix("EV-"))
    found = synthetic_reports(seed=SEED + number, count=_CANDIDATES, until=at)
    xml, details = max(found, key=lambda pair: _incident(pair[0]))
    provider = ("Chatoria", "Pixelnest", "Castlequest")[number % 3]
    xml = re.sub(rb"<escalateToHighPriority>[^<]*</escalateToHighPriority>", b"", xml)
    return world.from_wire(name, (xml, details), at, provider=provider)


def _incident(xml: bytes) -> bytes:
    match = _INCIDENT.search(xml)
    return match[1] if match else b""


def _address(luck: Random) -> str:
    return f"https://page{luck.randrange(400)}.example/vu/{luck.randrange(10_000)}"


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []
