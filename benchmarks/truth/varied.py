"""Varied identifiers: handles, mailboxes, numbers and names of one offender, and those of strangers.

As in `returning`, people of one label share no value: only similarity shows that they belong together. The
traps are strangers whose values are just as similar.
"""

from collections.abc import Iterator

from benchmarks.truth.making import Making
from benchmarks.truth.people import GIVEN, MAILS, NICKNAMES, PLATFORMS, SYLLABLES
from benchmarks.truth.telling import Told

_TAILS = ("_2", ".backup", "_alt", "-bis", "_old", ".v2", "_3", "x")
_WAYS = (("rue", "r."), ("avenue", "av.", "ave"), ("boulevard", "bd", "bld."), ("allée", "all."))
_WIRE = "report/personOrUserReported/personOrUserReportedPerson/address[1]"
ARABIC_GIVEN = (
    *(("Mohamed", "محمد"), ("Mohammed", "محمد"), ("Karim", "كريم"), ("Youssef", "يوسف")),
    *(("Yusuf", "يوسف"), ("Amine", "أمين"), ("Ahmed", "أحمد"), ("Khadija", "خديجة")),
    *(("Abdelkader", "عبد القادر"), ("Abderrahmane", "عبد الرحمن"), ("Rachid", "رشيد")),
    *(("Fatima", "فاطمة"), ("Nasser", "ناصر"), ("Jamal", "جمال"), ("Djamel", "جمال")),
    *(("Hicham", "هشام"), ("Hisham", "هشام"), ("Tarek", "طارق"), ("Tariq", "طارق")),
)
"""Given names in usual French and English spellings, beside the Arabic one."""
ARABIC_FAMILY = (
    *(("Benali", "بن علي"), ("Ben Ali", "بن علي"), ("El Amrani", "العمراني")),
    *(("Haddad", "حداد"), ("Mansouri", "المنصوري"), ("Al-Mansouri", "المنصوري")),
    *(("Bouzid", "بوزيد"), ("Cherif", "شريف"), ("Sharif", "شريف"), ("Ghazali", "الغزالي")),
    *(("Khelifi", "خليفي"), ("Slimani", "سليماني"), ("Zerrouki", "زروقي"), ("Qasimi", "القاسمي")),
)


def handles_varied(make: Making) -> Iterator[Told]:
    """Yield reports of one offender's handle: with a suffix, a typing error, or at another service."""
    dice = make.dice
    name = _own_name(make)
    for turn, person in enumerate(make.hands(2, 4)):
        style = dice.below(3) if turn else -1
        varied = name
        if style == 0:
            varied = name + dice.one(_TAILS)
        elif style == 1:
            varied = dice.mistyped(name)
        person.handles = [(dice.one(PLATFORMS), varied)]
        yield make.bare(person, "HANDLE_VARIED", "handles")


def mailboxes_varied(make: Making) -> Iterator[Told]:
    """Yield reports of one offender's mailbox: at another provider, with a dot, a tag or a typing error."""
    dice = make.dice
    name, host = _own_name(make), dice.one(MAILS)
    for turn, person in enumerate(make.hands(2, 4)):
        style = dice.below(4) if turn else -1
        if style == 0:
            half = len(name) // 2
            address = f"{name[:half]}.{name[half:]}@{host}"
        elif style == 1:
            address = f"{name}+{dice.word(3)}@{host}"
        elif style == 2:
            address = f"{dice.mistyped(name)}@{host}"
        else:
            address = f"{name}@{dice.one(MAILS) if turn else host}"
        person.emails = [address]
        yield make.bare(person, "MAILBOX_VARIED", "emails")


def numbers_varied(make: Making) -> Iterator[Told]:
    """Yield reports of one offender's telephone number with a typing error, some with name or birth date."""
    dice, world = make.dice, make.world
    number = world.people.mobile()
    if number is None:
        return
    hands = make.hands(2, 3)
    for turn, person in enumerate(hands):
        person.given, person.family, person.birth = hands[0].given, hands[0].family, hands[0].birth
        person.phones = [number[:4] + dice.mistyped(number[4:]) if turn else number]
        told = make.bare(person, "NUMBER_VARIED", "phones")
        make.say(told, name=f"{person.given} {person.family}", birth=person.birth)
        yield told


def handle_families(make: Making) -> Iterator[Told]:
    """Yield reports of strangers with one handle and different numbers in it, as services propose them."""
    dice = make.dice
    name = dice.one((dice.one(GIVEN).lower(), dice.one(NICKNAMES) + dice.one(NICKNAMES)))
    apart = dice.one(("", "_", "."))
    for person in make.strangers(2, 6):
        person.handles = [(dice.one(PLATFORMS), f"{name}{apart}{dice.between(1, 99)}")]
        yield make.bare(person, "HANDLE_FAMILY", "handles")


def alike_names(make: Making) -> Iterator[Told]:
    """Yield reports of strangers whose handles are a name: equal, or different in a letter."""
    dice = make.dice
    given, family = (
        dice.one(GIVEN).lower(),
        dice.one(SYLLABLES) + dice.one(("rel", "lin", "vier", "tin")),
    )
    apart = dice.one((".", "_", ""))
    for person in make.strangers(2, 3):
        name = f"{given}{apart}{family if dice.happens(0.5) else family[:-1] + 'd'}"
        person.handles = [(dice.one(PLATFORMS), name)]
        yield make.bare(person, "NAMES_ALIKE", "handles")


def mailbox_namesakes(make: Making) -> Iterator[Told]:
    """Yield reports of strangers with the same frequent name as mailbox at different providers."""
    dice = make.dice
    name = (
        f"{dice.one(GIVEN).lower()}.{dice.one(('martin', 'bernard', 'petit', 'durand', 'leroy'))}"
    )
    for person, host in zip(make.strangers(2, 3), MAILS, strict=False):
        person.emails = [f"{name}@{host}"]
        yield make.bare(person, "MAIL_NAMESAKE", "emails")


def number_blocks(make: Making) -> Iterator[Told]:
    """Yield reports of people of one home, with one surname and consecutive telephone numbers."""
    people = make.world.people
    persons = make.strangers(2, 5)
    for person in persons:
        person.family, person.postcode = persons[0].family, persons[0].postcode
        number = people.mobile()
        if number is None:
            return
        person.phones = [number]
        told = make.bare(person, "NUMBER_BLOCK", "phones")
        make.say(told, name=f"{person.given} {person.family}", birth=person.birth)
        yield told


def arabic_names(make: Making) -> Iterator[Told]:
    """Yield reports of one person's name in Arabic script and in Latin spellings, with the birth date."""
    dice = make.dice
    given, family = dice.one(ARABIC_GIVEN)[1], dice.one(ARABIC_FAMILY)[1]
    hands = make.hands(2, 4)
    for person in hands:
        name = f"{given} {family}"
        if dice.happens(0.6):
            name = f"{_latin(make, ARABIC_GIVEN, given)} {_latin(make, ARABIC_FAMILY, family)}"
        told = make.report(person, "ARABIC_NAME")
        make.say(told, name=name, birth=hands[0].birth, always=True)
        yield told


def sounding_alike(make: Making) -> Iterator[Told]:
    """Yield reports of strangers with one frequent name, variously spelt, all born on a first of January."""
    given, family = make.dice.one(ARABIC_GIVEN), make.dice.one(ARABIC_FAMILY)
    for person in make.strangers(2, 3):
        told = make.report(person, "SOUNDS_ALIKE")
        name = f"{make.dice.one(given)} {make.dice.one(family)}"
        make.say(told, name=name, birth=f"{make.dice.between(1980, 2005)}-01-01", always=True)
        yield told


def homes(make: Making) -> Iterator[Told]:
    """Yield reports of one home, its address short or not, in capitals or not, with the postcode or not."""
    dice = make.dice
    number, street, town, code = _place(make)
    way = dice.one(_WAYS)
    for person in make.hands(2, 4):
        told = make.report(person, "HOME")
        told.beside = _address(
            make, f"{number}{dice.one((' ', ', '))}{dice.one(way)} {street}", town, code
        )
        yield told


def neighbours(make: Making) -> Iterator[Told]:
    """Yield reports of strangers in streets of one name, at different numbers, the second in another town."""
    _, street, town, code = _place(make)
    for turn, person in enumerate(make.strangers(2, 3)):
        told = make.report(person, "NEIGHBOUR")
        elsewhere = _place(make)[2:] if turn % 2 else (town, code)
        told.beside = _address(make, f"{2 * turn + 1} {_WAYS[0][0]} {street}", *elsewhere)
        yield told


def _place(make: Making) -> tuple[str, str, str, str]:
    """Return an invented address: (house number, rest of the street's name, town, postcode)."""
    dice = make.dice
    number = f"{dice.between(1, 120)}{dice.one(('', '', '', ' bis'))}"
    first = dice.one(("des", "du", "de la", "Saint"))
    name = f"{first} {dice.word(7).capitalize()} {dice.word(6).capitalize()}"
    return (
        number,
        name,
        dice.word(8).capitalize(),
        f"{dice.between(1, 95):02d}{dice.between(0, 99):02d}0",
    )


def _address(make: Making, street: str, town: str, code: str) -> dict[str, str]:
    """Return an address by field, as in NCMEC XML: the postcode within the street or absent."""
    dice = make.dice
    text = dice.one((street, street.upper(), f"{street}, {code} {town}"))
    return {f"{_WIRE}/address": text, f"{_WIRE}/city": dice.one((town, town.upper()))}


def _latin(make: Making, spellings: tuple[tuple[str, str], ...], arabic: str) -> str:
    return make.dice.one([latin for latin, other in spellings if other == arabic])


def _own_name(make: Making) -> str:
    """Return a distinctive user name: two words and a number, or an invented word."""
    dice = make.dice
    if dice.happens(0.6):
        return f"{dice.one(NICKNAMES)}{dice.one(NICKNAMES)}{dice.between(100, 9999)}"
    return dice.word(dice.between(9, 12))
