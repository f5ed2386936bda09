"""Demo stories of recurrence: a ring of accounts, a viral picture, the mirrors of an album, and others."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.operations.judge import judge
from fanal.demo.content import (
    GAMES,
    Json,
    chance,
    hashes,
    material,
    pdq,
    sentences,
    stamp,
    suspect,
    talk,
    victim,
)
from fanal.demo.tracks import addressee
from fanal.demo.world import PLATFORM, DemoEvent, Play, World, story_event
from fanal.orient.domain.records import Track

RING = ("renard_77", "renard.77", "cube_noir", "lune_grise")
_RING_DAYS = (88, 81, 74, 66, 59, 51, 44, 37, 30, 22, 15, 9, 5, 2)
_WEST = (4, 9)
_VIRAL = 60
_SERVICES = ("Chatoria", "Pixelnest", "Galleo")
_COPIES = {"Chatoria": "viral", "Pixelnest": "viral/smaller", "Galleo": "viral/darker"}
_TURNED = {"viral": 0, "viral/smaller": 6, "viral/darker": 18}
"""Number of PDQ bits in which each copy differs from the original file."""
_REMOVED = "galerie-ouest.example"
MIRRORS = ("galerie-ouest-2.example", "galerie-ouest-3.test", "g-ouest.example")


def events() -> list[DemoEvent]:
    """Return demo events of three stories: a ring of accounts, a viral picture, an album on several hosts."""
    return [
        *_ring(),
        *_viral(),
        *_mirror(),
    ]


def _ring() -> list[DemoEvent]:
    """Return the demo events of a ring: four handles over three games, with shared identifiers.

    Shared are handles, a mailbox and a telephone number.
    """
    made = [
        story_event("ring", f"RG-{place:02d}", days, play=_ring_report(f"RG-{place:02d}", place))
        for place, days in enumerate(_RING_DAYS)
    ]
    return [*made, DemoEvent(before=timedelta(days=1, hours=4), play=_judge_ring, story="ring")]


def _ring_report(name: str, place: int) -> Play:
    luck = chance(name)
    game, handle, other = GAMES[place % 3], RING[place % 4], RING[(place + 1) % 4]

    def play(world: World, at: datetime) -> None:
        # A number alone beside other names is a suggestion: it is given together with the mailbox.
        mailbox = place % 3 == 0 or place % 4 == 1
        more: Json = {"emails": ["cube.noir@mail.example"]} if mailbox else {}
        if place % 4 == 1:
            more["phones"] = ["+33 6 39 98 00 12"]
        persons: list[Json] = [suspect(handle, game, **more), victim(luck.randrange(9, 15))]
        if place % 2:
            persons.append(suspect(other, game))
        body: Json = {
            "kind": "GROOMING",
            "channel": "GAME",
            "platform": game,
            "language": "fr",
            "occurred_at": stamp(at, minutes=luck.randrange(60, 2000)),
            "place": {"country": "FR"},
            "description": sentences("GROOMING", "fr", luck),
            "persons": persons,
            "conversation": talk(
                at - timedelta(hours=3),
                (handle, "Salut, tu as quel âge ?"),
                ("joueur", f"J’ai {luck.randrange(10, 14)} ans, et toi ?"),
                (handle, "On passe sur discord ? Ne dis rien à tes parents."),
                (handle, "Je t’offre un skin si tu viens."),
            ),
        }
        # Two are received by the other desk: across desks a link discloses only existence and contact.
        report_id = world.from_partner(name, body, at, desk_id=2 if place in _WEST else 1)
        if place < 12 and place not in _WEST:
            world.decide(report_id, at + timedelta(hours=5), tracks=(Track.JUDICIAL,))

    return play


def _judge_ring(world: World, at: datetime) -> None:
    """Record judgements of people on the ring's dossier: link, unlink, undo, merge, open, reject, split."""
    ana, claire = world.person("ana", at), world.person("claire", at)
    own = [world.find(f"RG-{n:02d}") for n in range(len(_RING_DAYS)) if n not in _WEST]
    judge(
        actor=ana, act=JudgementAct.LINK, left=own[:1], right=own[1:3], now=at,
        reason="Mêmes phrases, mêmes heures, même boîte de messagerie.",
    )  # fmt: skip
    cut = judge(
        actor=ana, act=JudgementAct.UNLINK, left=own[3:4], right=own[4:5], now=at + timedelta(minutes=4),
        reason="Pseudonyme courant dans ce jeu : rapprochement à vérifier.",
    )  # fmt: skip
    judge(
        actor=claire, act=JudgementAct.UNDO, undoes=cut, now=at + timedelta(hours=1),
        reason="Le numéro de téléphone est le même : le lien est rétabli.",
    )  # fmt: skip
    judge(
        actor=claire, act=JudgementAct.MERGE, left=own[5:6], right=own[6:8],
        now=at + timedelta(hours=1, minutes=5), reason="Une seule affaire sur trois jeux.",
    )  # fmt: skip
    judge(
        actor=claire, act=JudgementAct.OPEN, left=own, now=at + timedelta(hours=1, minutes=10),
        reason="Confié au groupe des jeux en ligne.",
    )  # fmt: skip
    false = [world.find("FALSE-1"), world.find("FALSE-2")]
    judge(
        actor=ana, act=JudgementAct.REJECT, left=false, now=at + timedelta(hours=2),
        reason="Deux plaisanteries sans rapport entre elles.",
    )  # fmt: skip
    judge(
        actor=claire, act=JudgementAct.SPLIT, left=own[:1], right=[world.find("VP-00", sender=PLATFORM)],
        now=at + timedelta(hours=3), reason="Affaires distinctes : à ne jamais réunir.",
    )  # fmt: skip


def _viral() -> list[DemoEvent]:
    """Return the demo events of a picture reported sixty times in nine days on three services.

    Two services re-encode it; all copies on a service are the same file. Early reports contain the original
    and the service's copy, and so link the three. The list of known hashes finds them similar; the desk sees
    one row for each period of four weeks, not yet claimed.
    """
    luck = chance("viral")
    made = []
    for place in range(_VIRAL):
        days = 41 - 9 * (place / _VIRAL) ** 0.5 - luck.random() * 0.1
        name = f"VP-{place:02d}"
        made.append(story_event("viral", name, days, play=_viral_report(name, place)))
    return made


def _viral_report(name: str, place: int) -> Play:
    luck = chance(name)
    service = _SERVICES[place % 3]
    names = [_COPIES[service]] if place > 5 else sorted({"viral", _COPIES[service]})

    def play(world: World, at: datetime) -> None:
        body: Json = {
            "kind": "ABUSE_MATERIAL",
            "channel": luck.choice(("SOCIAL", "MESSAGING", "WEB")),
            "platform": service,
            "language": "fr",
            "occurred_at": stamp(at, minutes=luck.randrange(5, 600)),
            "description": sentences("ABUSE_MATERIAL", "fr", luck, count=1),
            "files": [
                {
                    "name": f"image-{place:02d}",
                    **hashes(copy),
                    "pdq": pdq("viral", turned=_TURNED[copy], luck=chance(copy)),
                    "seen_by_provider": copy == "viral",
                    "publicly_available": True,
                }
                for copy in names
            ],
        }
        world.from_partner(name, body, at, partner=PLATFORM)

    return play


def _mirror() -> list[DemoEvent]:
    """Return the demo events of an album removed by its host and published by others, with the same files."""
    made = []
    for place, host in enumerate(MIRRORS):
        for number in range(2):
            name = f"MI-{place}{number}"
            days = 12 - 4 * place - 1.5 * number
            made.append(story_event("mirror", name, days, play=_mirror_report(name, host)))
    return made


def _mirror_report(name: str, host: str) -> Play:
    def play(world: World, at: datetime) -> None:
        original = material(_REMOVED, at, f"MS-{_REMOVED}")
        urls = [str(url).replace(_REMOVED, host) for url in _items(original["urls"])]
        body = original | {"urls": urls, "description": f"Le même album qu’avant, sous {host}."}
        report_id = world.from_partner(name, body, at)
        if name == "MI-20":
            world.decide(
                report_id, at + timedelta(hours=2), by="bruno",
                tracks=(Track.JUDICIAL, Track.MEASURES), addressees={host: addressee(host)},
            )  # fmt: skip
        elif name != "MI-21":
            world.decide(report_id, at + timedelta(hours=3), by="ana", tracks=(Track.JUDICIAL,))

    return play


def _items(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


# Demo stories of encounters: paid shows, a traveller, extortion with gift cards, two joke reports.


def encounter_events() -> list[DemoEvent]:
    """Return demo events of four stories: paid live streams, a traveller, extortion, false reports."""
    return [*_payments(), *_travel(), *_sextortion(), *_false_report()]


def _payments() -> list[DemoEvent]:
    """Return the demo events of small round transfers in the evening: several senders, two beneficiaries."""
    return [
        story_event("livestream", f"LV-{place:02d}", 70 - place * 6.2, play=_payment_report(place))
        for place in range(12)
    ]


def _payment_report(place: int) -> Play:
    name = f"LV-{place:02d}"
    luck = chance(name)

    def play(world: World, at: datetime) -> None:
        evening = at.replace(hour=22, minute=luck.randrange(60)) - timedelta(days=1)
        payments = [
            {
                "at": stamp(evening - timedelta(days=3 * back)),
                "amount": f"{25 + 10 * (3 - back) + 5 * (place % 3)}.00",
                "currency": "EUR",
                "sender": f"payeur-{place % 5}",
                "beneficiary": "guichet-31" if place % 4 else "guichet-44",
                "beneficiary_country": "PH",
                "label": luck.choice(("soutien familial", "frais scolaires", "cadeau")),
                "operator": "Transferts Exemple",
            }
            for back in (3, 2, 1, 0)
        ]
        body: Json = {
            "kind": "LIVESTREAM",
            "channel": "MESSAGING",
            "platform": "Voxroom",
            "language": "tl" if place % 5 == 4 else "fr",
            "occurred_at": stamp(evening),
            "place": {"country": "PH", "locality": "Ciudad Ejemplo"},
            "description": sentences("LIVESTREAM", "tl" if place % 5 == 4 else "fr", luck),
            "persons": [
                suspect(f"payeur-{place % 5}", "Voxroom", phones=["+33 6 39 98 00 40"]),
                suspect("regie_4417", "Voxroom"),
            ],
            "payments": payments,
        }
        report_id = world.from_partner(name, body, at, partner=PLATFORM)
        if place < 11:
            world.decide(report_id, at + timedelta(hours=8), by="claire", tracks=(Track.JUDICIAL,))

    return play


def _travel() -> list[DemoEvent]:
    """Return the demo events of four reports of the same man by travellers, in three languages."""
    return [
        story_event("travel", f"TR-{place}", days, play=_travel_report(f"TR-{place}", place))
        for place, days in enumerate((140, 96, 33, 6))
    ]


def _travel_report(name: str, place: int) -> Play:
    luck = chance(name)
    language = ("fr", "de", "en", "fr")[place]

    def play(world: World, at: datetime) -> None:
        body: Json = {
            "kind": "SEX_TOURISM",
            "channel": "TRAVEL",
            "language": language,
            "occurred_at": stamp(at, minutes=luck.randrange(600, 6000)),
            "place": {"country": "TH", "locality": "Ban Tuayang"},
            "description": sentences("SEX_TOURISM", language, luck),
            "persons": [
                suspect("grand.voyageur", "Galleo", name="M. Horizon", country="FR",
                        phones=["+33 6 39 98 00 77"]),
                victim(10 + place, "TH"),
            ],
        }  # fmt: skip
        report_id = world.from_partner(name, body, at)
        if place < 3:
            world.decide(report_id, at + timedelta(hours=20), tracks=(Track.JUDICIAL,))

    return play


def _sextortion() -> list[DemoEvent]:
    """Return the demo events of one account that extorts gift cards from nine people in the same way."""
    return [
        story_event(
            "sextortion", f"SX-{place}", 52 - 6.1 * place, play=_sextortion_report(f"SX-{place}")
        )
        for place in range(9)
    ]


def _sextortion_report(name: str) -> Play:
    luck = chance(name)

    def play(world: World, at: datetime) -> None:
        answers = {
            "danger": "NO",
            "kind": "SEXTORTION",
            "channel": "SOCIAL",
            "service": "Pixelnest",
            "nickname": "k.lumen",
            "when": "YESTERDAY",
            "description": sentences("SEXTORTION", "fr", luck),
            "conversation": "k.lumen: si tu ne paies pas avant ce soir, je publie la photo\n"
            "moi: je n’ai pas d’argent",
            "suspect_contact": "k.lumen@mail.example",
            "child": "ME",
            "child_age": str(luck.randrange(13, 17)),
            "contact": "ANONYMOUS",
        }
        report_id = world.from_form(name, answers, at)
        if int(name[-1]) < 8:
            world.decide(report_id, at + timedelta(hours=3), tracks=(Track.JUDICIAL,))

    return play


def _false_report() -> list[DemoEvent]:
    """Return the demo events of two false reports, made as jokes, which are closed without further action."""
    return [
        story_event("false", f"FALSE-{number}", days, play=_false(f"FALSE-{number}"))
        for number, days in ((1, 26), (2, 19))
    ]


def _false(name: str) -> Play:
    def play(world: World, at: datetime) -> None:
        body: Json = {
            "kind": "OTHER",
            "language": "fr",
            "description": "Mon voisin de table a mangé mon goûter, c’est un scandale.",
            "persons": [suspect("gouter_vole", "Chatoria")],
        }
        report_id = world.from_partner(name, body, at)
        world.decide(report_id, at + timedelta(hours=2), tracks=(Track.NONE,))

    return play
