"""Writes a draft as a body of the report format, in the style of its sender."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeAlias

from benchmarks.second_world import phrases, variants
from benchmarks.second_world.desks import DESKS, NAMES, host_of
from benchmarks.second_world.facts import Clue, Draft, Fact
from benchmarks.second_world.names import COUNTRIES, Civil, town
from benchmarks.second_world.platforms import other_name, own_name
from benchmarks.second_world.stock import Hashes, Stock, one_letter_off

START = datetime(2025, 9, 1, tzinfo=UTC)
"""The first instant of the world."""
Part: TypeAlias = dict[str, object]
_PARIS_WINTER = timezone(timedelta(hours=1))
_LISTS = {"email": "emails", "phone": "phones", "device": "devices"}
_DIGESTS = {
    "a": ("name", "sha256", "md5"),
    "b": ("sha1", "md5"),
    "c": ("name", "sha256", "sha1", "pdq"),
    "d": ("sha256", "sha1", "md5"),
}


def instant(seconds: int, *, local: bool = False) -> str:
    """Return a time as RFC 3339, in UTC or (`local`) in Paris winter time.

    `seconds` count from `START`.
    """
    at = START + timedelta(seconds=seconds)
    return at.astimezone(_PARIS_WINTER).isoformat() if local else at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Writer:
    """Writes one draft; `clues`, the true values that it reveals, are complete after `write`."""

    def __init__(self, stock: Stock, people: dict[str, Civil], draft: Draft) -> None:
        self.stock, self.dice, self.people, self.draft = stock, stock.dice, people, draft
        self.desk = DESKS[draft.desk]
        # A hurried hand writes all it knows in the free text, and leaves the fields empty.
        self._untidy = self.dice.happens(self.desk.careless)
        self.clues: list[Clue] = []
        self._persons: dict[tuple[str, int], Part] = {}
        self._sentences: list[str] = []
        self._messages: list[str] = []
        self._urls: list[str] = []
        self._files: list[Part] = []
        self._platform = own_name(self.desk.platform) if self.desk.platform else ""
        self._tellable = {
            "account": self._account,
            "email": self._contact,
            "phone": self._contact,
            "device": self._contact,
            "money": self._money,
            "page": self._link,
            "short_link": self._link,
            "room": self._link,
            "person": self._person,
            "victim": self._victim,
        }
        self._fixed = {
            "nickname": self._nickname,
            "user_number": self._user_number,
            "line": self._line,
            "port": self._port,
            "file": self._file,
            "picture": self._file,
            "event": self._event,
            "words": self._words,
            "again": self._remark,
            "follow": self._remark,
            "mention": self._mention,
            "plain_text": self._plain_text,
            "filler": self._filler,
            "reporter": self._reporter,
        }

    def write(self, reference: str) -> Part:
        """Return the body of the report in the report format, with this reference."""
        self._say(self._kind("open"))
        for fact in self.draft.facts:
            self._fact(fact)
        kind = self._kind("detail")
        for _ in range(self.dice.tail(1, 4, steepness=1.2) - self.dice.below(2)):
            self._say(kind, once=True)
        if self.dice.happens(0.5):
            self._say("close")
        body: Part = {
            "reference": reference,
            "kind": self.dice.one(self.desk.kinds),
            "occurred_at": instant(self.draft.moment, local=not self.desk.platform),
            "language": self.draft.language,
            "channel": self.desk.channel,
        }
        self._prose(body)
        rest = {
            "platform": self._platform,
            "place": self._place(),
            "urls": self._urls,
            "persons": list(self._persons.values()),
            "files": self._files,
            "payments": [self._payment()] if self.draft.desk == "payment" else [],
        }
        if self.clues and all("text" in clue.manner for clue in self.clues):
            self.draft.traps.add("text_only")
        return body | {name: value for name, value in rest.items() if value}

    def _place(self) -> Part:
        if self.desk.platform or not self.dice.happens(0.3):
            return {}
        country = self.dice.one(("FR", "FR", "FR", *COUNTRIES))
        locality, postcode = town(self.dice, country)
        return {"country": country, "locality": locality, "postcode": postcode}

    def _prose(self, body: Part) -> None:
        sentences = self._sentences
        if self._messages:
            body["conversation"] = [
                {"speaker": "A", "at": instant(self.draft.moment + 40 * place), "text": text}
                for place, text in enumerate(self._messages)
            ]
        if self.desk.footer and self.dice.happens(0.8):
            sentences = [
                *sentences,
                phrases.footer(host_of(self.draft.desk), NAMES.index(self.draft.desk)),
            ]
            self.draft.traps.add("boilerplate")
        body["description"] = self.dice.one((" ", "\n", " ")).join(sentences)

    def _fact(self, fact: Fact) -> None:
        if fact.trap:
            self.draft.traps.add(fact.trap)
        if fact.kind in self._fixed:
            self._fixed[fact.kind](fact)
            return
        told = "text" in fact.manner or fact.kind not in self.desk.fields
        if fact.kind == "account" and self.desk.platform and fact.place != self.desk.platform:
            told = True
        told = (told or self._untidy) and (fact.kind, fact.role) != (
            "person",
            "WITNESS",
        )
        self._tellable[fact.kind](fact, told)

    def _account(self, fact: Fact, told: bool) -> None:
        own = fact.place == self.desk.platform
        renamed = not own and (fact.renamed or self.dice.happens(0.25))
        service = other_name(self.dice, fact.place) if renamed else own_name(fact.place)
        value = one_letter_off(self.dice, fact.value) if "typo" in fact.manner else fact.value
        written = variants.handle(self.dice, value, machine=own)
        if told:
            self._say("account", v=written, p=service)
        else:
            self._append(fact, "handles", {"platform": service, "value": written})
        if not told or self.dice.happens(0.4):
            self._platform = self._platform or service
        self._clue(fact, f"{fact.place}:{fact.value.lower()}", told, written, service=service)
        if fact.rare:
            nickname = Clue(
                "nickname", fact.value.lower(), _manner(fact, told), written, "", fact.common
            )
            self.clues.append(nickname)

    def _nickname(self, fact: Fact) -> None:
        self._say("nickname", v=fact.value)
        self._clue(fact, fact.value.lower(), True, fact.value)

    def _user_number(self, fact: Fact) -> None:
        self._append(fact, "handles", {"platform": own_name(fact.place), "value": fact.value})
        self._clue(fact, f"{fact.place}:{fact.value}", False, fact.value)

    def _contact(self, fact: Fact, told: bool) -> None:
        if fact.kind == "email":
            written = variants.email(self.dice, fact.value, told=told)
        elif fact.kind == "phone":
            written = variants.phone(self.dice, fact.value, self.draft.language, told=told)
        else:
            written = fact.value
        if told:
            self._say(fact.kind, v=written)
        else:
            self._append(fact, _LISTS[fact.kind], written)
        self._clue(fact, fact.value, told, written)

    def _money(self, fact: Fact, told: bool) -> None:
        written = variants.spaced(self.dice, fact.value) if fact.place == "IBAN" else fact.value
        if told:
            self._say("money", v=written)
        else:
            self._append(fact, "accounts", {"kind": fact.place, "value": written})
        self._clue(fact, fact.value, told, written)

    def _link(self, fact: Fact, told: bool) -> None:
        written = variants.page(self.dice, fact.value) if fact.kind == "page" else fact.value
        is_address = written.startswith("http")
        if told or not is_address:
            self._say("room" if fact.kind == "room" else "page", v=written)
        else:
            self._urls.append(written)
        self._clue(fact, fact.value, told, written)

    def _line(self, fact: Fact) -> None:
        written = variants.prefix(self.dice, fact.value)
        for _ in range(self.dice.between(1, 3)):
            address = written if "." in fact.value else self.stock.host_of(written)
            seen: Part = {
                "value": address,
                "at": instant(
                    (fact.at if fact.at > 0 else self.draft.moment) - self.dice.below(80_000)
                ),
            }
            self._append(fact, "ips", seen)
        self._clue(fact, fact.value, False, written)

    def _port(self, fact: Fact) -> None:
        address, port, moment = fact.value.split("|")
        at = instant(int(moment) + self.dice.between(0, 120))
        self._append(fact, "ips", {"value": address, "port": int(port), "at": at})
        self._clue(fact, fact.value, False, address)

    def _file(self, fact: Fact) -> None:
        hashes = self.stock.files[fact.value]
        if fact.kind == "picture":
            again: Hashes = self.stock.saved_again(fact.value)
            self._files.append(dict(again))
            self._clue(fact, fact.value, False, again["pdq"])
            return
        shown: Part = {
            name: value for name, value in hashes.items() if name in _DIGESTS[fact.place]
        }
        if self.desk.platform:
            shown["seen_by_provider"] = self.dice.happens(0.6)
        self._files.append(shown)
        self._clue(fact, fact.value, False, hashes["md5" if "md5" in shown else "sha256"])

    def _person(self, fact: Fact, told: bool) -> None:
        civil = self.people[fact.value]
        written = variants.name(self.dice, civil, script=fact.manner == "script")
        birth = civil.birth if fact.place == "birth" else ""
        if told:
            self._say(
                "person", v=f"{written} ({variants.day(self.dice, birth)})" if birth else written
            )
        else:
            while "name" in self._of(fact):  # another person of the same role
                fact = replace(fact, who=fact.who + 1)
            part = self._of(fact)
            part["name"] = written
            part |= {"birth_date": birth, "country": civil.country} if birth else {}
            if birth and self.dice.happens(0.5):
                part["postcode"] = civil.postcode
        if birth:
            self._clue(fact, fact.value, told, written)

    def _victim(self, fact: Fact, told: bool) -> None:
        kind, _, key = fact.place.partition(":")
        if told:
            self._say("victim", v=fact.value)
        elif kind == "account":
            self._append(fact, "handles", {"platform": own_name(key), "value": fact.value})
        else:
            self._append(fact, _LISTS[kind], fact.value)
        if not told:
            self._of(fact)["age"] = 9 + sum(map(ord, fact.value)) % 8
        self._clue(fact, f"{fact.place}:{fact.value}", told, fact.value)

    def _event(self, fact: Fact) -> None:
        victim, game, coins = fact.value.split("|")
        when = START + timedelta(seconds=self.draft.moment)
        day = when.strftime("%d/%m/%Y" if self.draft.language == "fr" else "%d.%m.%Y")
        self._say("event", v=victim, r=game, n=coins, d=day, h=str(when.hour))
        self._clue(fact, fact.value, True, victim)

    def _words(self, fact: Fact) -> None:
        self._say("words", v=fact.value)
        self._clue(fact, fact.value, True, fact.value)

    def _remark(self, fact: Fact) -> None:
        self._say(fact.kind)

    def _mention(self, fact: Fact) -> None:
        self._say("mention", v=fact.value, p=own_name(fact.place))

    def _plain_text(self, fact: Fact) -> None:
        self._sentences.append(fact.value)

    def _filler(self, fact: Fact) -> None:
        if fact.place == "name":
            self._of(fact).setdefault("name", fact.value)
        elif fact.place == "handles":
            self._append(fact, "handles", {"value": fact.value})
        else:
            self._append(fact, fact.place, fact.value)

    def _reporter(self, fact: Fact) -> None:
        self._append(fact, fact.place, fact.value)
        self._clue(fact, fact.value, False, fact.value)

    def _kind(self, kind: str) -> str:
        """Return `kind`, or the variant of it that services use, if there are sentences for it."""
        own = f"service_{kind}"
        serves = self.desk.platform or self.desk.footer
        return own if serves and phrases.variety(self.draft.language, own) else kind

    def _say(self, kind: str, *, once: bool = False, **values: str) -> None:
        careless, language = self.dice.happens(self.desk.careless), self.draft.language
        said = self.desk.platform and phrases.variety(language, f"say_{kind}")
        text = phrases.sentence(
            self.dice, language, f"say_{kind}" if said else kind, values, careless=careless
        )
        begun = [sentence[:8].lower() for sentence in self._sentences]
        if not once or text[:8].lower() not in begun:
            (self._messages if said else self._sentences).append(text)

    def _of(self, fact: Fact) -> Part:
        return self._persons.setdefault((fact.role, fact.who), {"role": fact.role})

    def _append(self, fact: Fact, name: str, value: object) -> None:
        values = self._of(fact).setdefault(name, [])
        if isinstance(values, list) and value not in values:
            values.append(value)

    def _clue(self, fact: Fact, value: str, told: bool, written: str, *, service: str = "") -> None:
        self.clues.append(
            Clue(fact.kind, value, _manner(fact, told), written, service, fact.common)
        )

    def _payment(self) -> Part:
        name = self._persons.get(("SUSPECT", 0), {}).get("name")
        payee = self._persons.get(("RECIPIENT", 0), {}).get("name")
        named = {"sender": name, "beneficiary": payee}
        return {part: value for part, value in named.items() if value} | {
            "at": instant(self.draft.moment),
            "amount": f"{self.dice.between(5, 180)}.{self.dice.one(('00', '50', '90'))}",
            "currency": self.dice.one(("EUR", "EUR", "EUR", "GBP", "USD")),
            "beneficiary_country": self.dice.one(("FR", "PH", "RO", "MG", "CO")),
            "label": self.dice.one(
                ("cadeau", "loyer", "anniversaire", "gift", "aide famille", "-")
            ),
            "operator": "Sol-Virement",
        }


def _manner(fact: Fact, told: bool) -> str:
    if told and "text" not in fact.manner:
        return f"{fact.manner} text".strip()
    return fact.manner
