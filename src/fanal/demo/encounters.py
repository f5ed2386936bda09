"""Demo stories of encounters: paid shows, a traveller, extortion with gift cards, two joke reports."""

from datetime import datetime, timedelta

from fanal.demo.content import Json, chance, sentences, stamp, suspect, victim
from fanal.demo.world import PLATFORM, DemoEvent, Play, World, story_event
from fanal.orient.domain.records import Track


def events() -> list[DemoEvent]:
    """Return the events of these stories."""
    return [*_payments(), *_travel(), *_sextortion(), *_false_report()]


def _payments() -> list[DemoEvent]:
    """Events: small round transfers in the evening, several senders, two beneficiaries, one country."""
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
    """Events: a traveller reports a sighting, and others report the same man."""
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
    """Events: one account extorts gift cards from nine people in the same way."""
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
    """Events: two jokes, closed without further action."""
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
