"""Generator of synthetic, valid NCMEC documents for benchmarks, the demo and tests: seeded, varied, neutral.

Domains are reserved names, addresses are in documentation ranges, hashes are random. Some values come from
small pools, so that reports share identifiers as real reports do.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random  # noqa: TID251 - seeded by the caller: the same seed gives the same bytes
from typing import Final
from xml.sax.saxutils import escape, quoteattr  # noqa: TID251 - writing only, nothing is parsed

from fanal.formats.ncmec.model import TYPES

_UNTIL: Final = datetime(2026, 11, 1, tzinfo=UTC)
_INCIDENTS: Final = (
    ("Child Pornography (possession, manufacture, and distribution)", 60),
    ("Online Enticement of Children for Sexual Acts", 20),
    ("Child Sex Trafficking", 4),
    ("Child Sex Tourism", 3),
    ("Child Sexual Molestation", 4),
    ("Misleading Domain Name", 2),
    ("Misleading Words or Digital Images on the Internet", 2),
    ("Unsolicited Obscene Material Sent to a Child", 5),
)
_SERVICES: Final = ("Chatoria", "Pixelnest", "Galleo", "Voxroom", "Castlequest", "Mailomat")
_GAMES: Final = ("Castlequest", "Blockharbor", "Starlane")
_FIRST: Final = ("Alix", "Camille", "Dominique", "Lou", "Maxime", "Noa", "Sacha", "Zoé")
_LAST: Final = ("Arbre", "Bateau", "Colline", "Désert", "Étoile", "Forêt", "Galet", "Horizon")
_WORDS: Final = (
    "the account was noticed by an automated check and reviewed by a person",
    "the user had been warned before and the account was closed the same day",
    "the session was opened from a mobile network in the evening",
    "no further material was found on this account at the time of writing",
    "the profile was created a few days before and shows little other activity",
    "a contact on the service may be reached through the usual channel",
)
_CITIES: Final = (("Lille", "59000"), ("Nantes", "44000"), ("Metz", "57000"), ("Pau", "64000"))
_DEVICES: Final = ("IMEI", "IDFA", "Android ID", "MAC")
_HEX: Final = "0123456789abcdef"


def synthetic_reports(
    seed: int, count: int, *, until: datetime = _UNTIL
) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
    """Yield `count` pairs of a report and its files' details, schema-valid and deterministic by `seed`.

    Incidents lie in the thirteen months before `until`. The report id in the details is a placeholder, which
    the server's id replaces in the protocol.
    """
    for number in range(count):
        writer = _Writer(Random(f"{seed}/{number}"), until=until)  # noqa: S311 - no secret
        yield writer.report(), writer.file_details(report_id=4_000_000 + number)


class _Writer:
    """Writer of one synthetic report; every choice comes from its own seeded generator."""

    def __init__(self, chance: Random, *, until: datetime) -> None:
        self._chance = chance
        self._when = until - timedelta(seconds=chance.randrange(1, 395 * 86_400))
        self._service = chance.choice(_SERVICES)

    def report(self) -> bytes:
        """Return the synthetic report as NCMEC XML."""
        chance = self._chance
        parts = [
            '<?xml version="1.0" encoding="UTF-8"?>\n<report>',
            '<batchedReport reason="VIRAL_POTENTIAL_MEME"/>' if chance.random() < 0.03 else "",
            self._summary(),
            *(self._internet() for _ in range(chance.randrange(1, 3))),
            self._reporter(),
            *(self._subject("personOrUserReported") for _ in range(chance.randrange(1, 3))),
            *(self._subject("intendedRecipient") for _ in range(int(chance.random() < 0.2))),
            *(self._subject("victim") for _ in range(chance.randrange(0, 3) // 2)),
            _tag("additionalInfo", self._sentences(3)),
            "</report>\n",
        ]
        return "\n".join(part for part in parts if part).encode()

    def file_details(self, *, report_id: int) -> tuple[bytes, ...]:
        """Return the details documents (XML) of zero to three files; `report_id` is written into each."""
        return tuple(self._file(report_id) for _ in range(self._chance.choice((0, 1, 1, 2, 3))))

    def _summary(self) -> str:
        chance = self._chance
        names, weights = zip(*_INCIDENTS, strict=True)
        annotations = [
            name for name in TYPES["reportAnnotations"].elements if chance.random() < 0.06
        ]
        return _tag(
            "incidentSummary",
            _tag("incidentType", escape(chance.choices(names, weights)[0])),
            _tag("platform", self._service),
            _tag("escalateToHighPriority", "A meeting seems to be planned for this week.")
            if chance.random() < 0.04
            else "",
            _tag("reportAnnotations", *(f"<{name}>true</{name}>" for name in annotations))
            if annotations
            else "",
            _tag("incidentDateTime", self._instant(0)),
            _tag("incidentDateTimeDescription", "Time at which the service noticed it."),
        )

    def _internet(self) -> str:
        chance, info = self._chance, _tag("additionalInfo", self._sentences(1))
        kind = chance.choice(("web", "web", "chat", "chat", "game", "mail", "p2p", "phone"))
        if kind == "web":
            urls = "".join(_tag("url", self._url()) for _ in range(chance.randrange(1, 4)))
            inner = _tag("webPageIncident", urls, info, thirdPartyHostedContent="true")
        elif kind == "chat":
            room = _tag("chatRoomName", f"room-{chance.randrange(400)}")
            content = _tag("content", self._sentences(2))
            inner = _tag("chatImIncident", _tag("chatClient", self._service), room, content, info)
        elif kind == "game":
            console = _tag("console", "Handheld")
            inner = _tag(
                "onlineGamingIncident", _tag("gameName", chance.choice(_GAMES)), console, info
            )
        elif kind == "mail":
            inner = _tag("emailIncident", _tag("emailAddress", self._mail()), info)
        elif kind == "p2p":
            event = self._event("ipCaptureEvent")
            inner = _tag("peer2peerIncident", _tag("client", "Shareling"), event, info)
        else:
            number = _tag("phoneNumber", self._phone(), countryCallingCode="+33")
            inner = _tag("cellPhoneIncident", number, info)
        return _tag("internetDetails", inner)

    def _reporter(self) -> str:
        person = _tag(
            "reportingPerson",
            _tag("firstName", "Trust"),
            _tag("lastName", "Team"),
            _tag("email", f"safety@{self._service.lower()}.example", type="Work"),
        )
        return _tag(
            "reporter", person, _tag("legalURL", f"https://{self._service.lower()}.example/legal")
        )

    def _subject(self, name: str) -> str:
        chance, known = self._chance, TYPES[name].elements
        child = name == "victim"
        events = "".join(self._event("ipCaptureEvent") for _ in range(chance.randrange(1, 5)))
        handle = f"{chance.choice(_FIRST).lower()}_{self._number(3000)}"
        linked = chance.random() < 0.2
        parts = {
            f"{name}Person": self._person(f"{name}Person", child=child),
            "vehicleDescription": "",
            "espIdentifier": _tag("espIdentifier", f"u{chance.randrange(10**9)}"),
            "espService": _tag("espService", self._service),
            "screenName": _tag("screenName", escape(handle)),
            "displayName": _tag("displayName", escape(handle.title())),
            "profileUrl": _tag(
                "profileUrl", f"https://{self._service.lower()}.example/{escape(handle)}"
            ),
            "ipCaptureEvent": events,
            "deviceId": self._device(),
            "priorCTReports": _tag("priorCTReports", str(chance.randrange(10**8))),
            "groupIdentifier": _tag("groupIdentifier", f"g{chance.randrange(300)}"),
            "schoolName": _tag("schoolName", "École des Tilleuls"),
            "accountTemporarilyDisabled": _tag(
                "accountTemporarilyDisabled", "true", disabledDate=self._instant(1)
            ),
            "estimatedLocation": _tag(
                "estimatedLocation", _tag("city", "Lyon"), _tag("countryCode", "FR")
            ),
            "associatedAccount": self._associated() if linked else "",
            "additionalInfo": _tag("additionalInfo", self._sentences(1)),
        }
        return _tag(
            name,
            *(
                parts.get(part, "")
                for part, model in known.items()
                if model.required or chance.random() < 0.85
            ),
        )

    def _person(self, name: str, *, child: bool) -> str:
        chance = self._chance
        city, code = chance.choice(_CITIES)
        age = chance.randrange(9, 17) if child else chance.randrange(18, 70)
        return _tag(
            name,
            _tag("firstName", chance.choice(_FIRST)),
            _tag("lastName", chance.choice(_LAST)),
            _tag("phone", self._phone(), type="Mobile", countryCallingCode="+33"),
            _tag("email", self._mail(), type="Home", verified="true"),
            _tag(
                "address",
                _tag("city", city),
                _tag("zipCode", code),
                _tag("country", "FR"),
                type="Home",
            ),
            _tag("age", str(age)),
        )

    def _associated(self) -> str:
        chance = self._chance
        return _tag(
            "associatedAccount",
            _tag("platform", chance.choice(_SERVICES)),
            _tag("email", self._mail(), type="Recovery"),
            _tag("screenName", f"alt_{self._number(1000)}"),
            type=chance.choice(("Linked", "Creator", "Other")),
        )

    def _event(self, name: str) -> str:
        chance = self._chance
        return _tag(
            name,
            _tag("ipAddress", self._ip()),
            _tag("eventName", chance.choice(("Login", "Registration", "Upload"))),
            _tag("dateTime", self._instant(-chance.randrange(0, 86_400))),
            _tag("port", str(chance.randrange(1024, 65536))),
        )

    def _device(self) -> str:
        kind = self._chance.choice(_DEVICES)
        return _tag(
            "deviceId",
            _tag("idType", kind),
            _tag("idValue", f"{self._chance.randrange(10**15):015d}"),
        )

    def _file(self, report_id: int) -> bytes:
        chance = self._chance
        viewed = chance.random() < 0.6
        annotations = [name for name in TYPES["fileAnnotations"].elements if chance.random() < 0.08]
        hashes = (("MD5", 32), ("SHA1", 40), ("SHA256", 64), ("PDQ", 64))
        viral = Random(f"viral/{chance.randrange(40)}")  # noqa: S311 - the same file, seen again
        source = viral if chance.random() < 0.3 else chance
        text = _tag(
            "fileDetails",
            _tag("reportId", str(report_id)),
            _tag("fileId", _hexadecimal(chance, length=32)),
            _tag("originalFileName", f"picture-{chance.randrange(10**6)}.jpg"),
            _tag("uploadedToEspTimestamp", self._instant(-60)),
            _tag("locationOfFile", self._url()),
            _tag("fileViewedByEsp", "true" if viewed else "false"),
            _tag("publiclyAvailable", "true" if chance.random() < 0.2 else "false"),
            _tag("fileRelevance", "Reported"),
            _tag("fileAnnotations", *(f"<{name}/>" for name in annotations)) if annotations else "",
            _tag("industryClassification", chance.choice(("A1", "A2", "B1", "B2")))
            if viewed
            else "",
            *(
                _tag("originalFileHash", _hexadecimal(source, length=length), hashType=name)
                for name, length in hashes
            ),
            self._event("ipCaptureEvent"),
            _tag("details", _pair("Model", "Camera 7"), _pair("Width", "2048"), type="EXIF"),
        )
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()

    def _instant(self, seconds: int) -> str:
        moment = self._when + timedelta(seconds=seconds)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _sentences(self, count: int) -> str:
        return " ".join(self._chance.choice(_WORDS).capitalize() + "." for _ in range(count))

    def _url(self) -> str:
        chance = self._chance
        host = f"host{self._number(500) % 20_000}.example"
        return escape(f"https://{host}/a/{chance.randrange(10**6)}?id={chance.randrange(99)}&v=1")

    def _mail(self) -> str:
        return f"user{self._number(2000)}@mail.example"

    def _phone(self) -> str:
        return f"06{self._number(2000):08d}"

    def _number(self, pool: int) -> int:
        """Return a random number: once in fifty calls below `pool`, so that it recurs, else below 10^8."""
        return self._chance.randrange(pool if self._chance.random() < 0.02 else 10**8)

    def _ip(self) -> str:
        # Mostly IPv6: documentation holds 762 IPv4 addresses, far too few for a large set.
        chance = self._chance
        if chance.random() < 0.95:
            return f"2001:db8:{chance.randrange(65536):x}::{chance.randrange(1, 65536):x}"
        block = chance.choice(("192.0.2", "198.51.100", "203.0.113"))
        return f"{block}.{chance.randrange(1, 255)}"


def _hexadecimal(chance: Random, *, length: int) -> str:
    return "".join(chance.choices(_HEX, k=length))


def _pair(name: str, value: str) -> str:
    return _tag("nameValuePair", _tag("name", name), _tag("value", value))


def _tag(name: str, *inner: str, **attributes: str) -> str:
    """Return the XML of an element `name` with `inner` (XML too) as content, and with escaped attributes."""
    marks = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{marks}>{''.join(inner)}</{name}>"
