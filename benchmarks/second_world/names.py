"""Invented people: given names and surnames of several cultures, with spellings in other scripts."""

from dataclasses import dataclass

from benchmarks.truth.dice import Dice

_PLAIN = {
    "FR": (
        (
            "Léa Camille Thibault Maëlle Quentin Océane Loïc Solène Gaëtan Inès Corentin Anaïs Rémi Élodie "
            "Bastien Noémie Yannick Clémence Aurélien Manon"
        ),
        (
            "Carpentier|Le Goff|Vasseur|de La Motte|Besnard|Guéguen|Delahaye|Poirier|Lefèvre|Marchand"
            "|Béranger|Tessier|Oulès|Brunet-Roux|d'Argent|Hamelin|Coste|Vidalenc|Rousselot|Pichon"
        ),
    ),
    "GB": (
        "Alice Owen Harriet Callum Imogen Rhys Fiona Declan Maisie Trevor Nuala Gareth",
        "Hargreaves|O'Connell|Whitlock|MacAllister|Pemberton|Lloyd|Tunstall|Fairweather|Oakes|Renshaw",
    ),
    "DE": (
        "Jürgen Anke Björn Heike Sönke Grete Till Käthe Uwe Mareike",
        "Großmann|Schröder|Köhler|Freitag|von der Heide|Müßig|Brandl|Löwe|Vogt|Kühn",
    ),
    "ES": (
        "Íñigo Begoña Rocío Álvaro Nuria Iker Sofía Andrés Paloma Joaquín",
        "García Peña|Núñez|Ibáñez|del Río|Ortúzar|Muñoz|Cobos|Zúñiga|Rey Casal|Serrano",
    ),
    "PL": (
        "Łukasz Małgorzata Paweł Zofia Wojciech Agnieszka Jędrzej Kinga",
        "Wiśniewski|Dąbrowska|Zieliński|Żak|Górski|Szczepańska|Wójcik|Kołodziej",
    ),
}
_GIVEN_SCRIPTS = {
    "RU": (
        ("Serguei", "Sergey", "Сергей"),
        ("Evgueni", "Yevgeny", "Евгений"),
        ("Ioulia", "Yulia", "Юлия"),
        ("Dmitri", "Dmitriy", "Дмитрий"),
        ("Ksenia", "Kseniya", "Ксения"),
        ("Iouri", "Yuriy", "Юрий"),
    ),
    "DZ": (
        ("Youssef", "Yusuf", "يوسف"),
        ("Mohamed", "Muhammad", "محمد"),
        ("Khadidja", "Khadija", "خديجة"),
        ("Abdelkader", "Abd al-Qadir", "عبد القادر"),
        ("Samira", "Sameera", "سميرة"),
        ("Anouar", "Anwar", "أنور"),
    ),
    "GR": (
        ("Giorgos", "Yiorgos", "Γιώργος"),
        ("Eleftheria", "Elefteria", "Ελευθερία"),
        ("Hristos", "Christos", "Χρήστος"),
        ("Vassiliki", "Vasiliki", "Βασιλική"),
        ("Ilias", "Elias", "Ηλίας"),
    ),
}
_FAMILY_SCRIPTS = {
    "RU": (
        ("Chtcherbakov", "Shcherbakov", "Щербаков"),
        ("Jouravlev", "Zhuravlev", "Журавлев"),
        ("Tchernov", "Chernov", "Чернов"),
        ("Goussev", "Gusev", "Гусев"),
        ("Khvostov", "Hvostov", "Хвостов"),
    ),
    "DZ": (
        ("Benchérif", "Ben Sharif", "بن شريف"),
        ("Khelil", "Khalil", "خليل"),
        ("Boudjemaa", "Bujumaa", "بوجمعة"),
        ("El Mokhtari", "Al-Mukhtari", "المختاري"),
        ("Haddad", "Hadad", "حداد"),
    ),
    "GR": (
        ("Papadopoulos", "Papadhopoulos", "Παπαδόπουλος"),
        ("Kyriakidis", "Kiriakidis", "Κυριακίδης"),
        ("Hatzis", "Chatzis", "Χατζής"),
        ("Giannaki", "Yannaki", "Γιαννάκη"),
    ),
}
_TOWNS = {
    "FR": (
        ("Valfleury", "42999"),
        ("Pont-Aubert", "35999"),
        ("Sainte-Orse", "24999"),
        ("Brévanne", "59999"),
        ("Lormeuil", "69999"),
        ("Castelroc", "31999"),
        ("Morvenez", "29999"),
    ),
    "GB": (("Aldermere", "ZZ1 4AB"), ("Kirkbourne", "ZZ9 7QT")),
    "DE": (("Altenroda", "09999"), ("Weilersee", "78999")),
    "ES": (("Villarreina", "28999"), ("Puerto Alto", "07999")),
    "PL": (("Dąbrówno Stare", "00-999"), ("Brzegowo", "80-999")),
    "RU": (("Верхнереченск", "109999"), ("Малинов", "190999")),
    "DZ": (("Aïn Sefouane", "16999"), ("Oued Rihane", "31998")),
    "GR": (("Νέα Πέτρα", "10999"), ("Άνω Λίμνη", "54999")),
}
COUNTRIES = tuple(_TOWNS)
WITH_SCRIPT = tuple(_GIVEN_SCRIPTS)
_COUNTRY_WEIGHTS = ("FR",) * 11 + ("GB", "GB", "DE", "ES", "PL", "RU", "DZ", "DZ", "GR")

NUMBERS = {
    "FR": (
        ("+33639980000", 10_000),
        ("+33199000000", 10_000),
        ("+33261910000", 10_000),
        ("+33353010000", 10_000),
        ("+33465710000", 10_000),
        ("+33536490000", 10_000),
    ),
    "GB": (("+447700900000", 1_000), ("+442079460000", 1_000)),
    "DE": (("+491713920000", 100), ("+493023125000", 1_000)),
}
"""Ranges kept for fiction by the regulators of each country: first number and how many."""
AMERICAN_AREAS = (
    "201",
    "212",
    "305",
    "312",
    "415",
    "503",
    "617",
    "702",
    "808",
    "907",
    "416",
    "514",
    "604",
    "902",
)
"""Area codes with 555-0100 to 555-0199, kept for fiction."""


@dataclass(frozen=True, slots=True)
class Civil:
    """A person's invented civil status: given name, family name, date of birth (ISO 8601), country, town.

    `spellings` are the French, English and native forms of the full name.
    """

    given: str
    family: str
    spellings: tuple[str, ...]
    birth: str
    country: str
    town: str
    postcode: str


def person(dice: Dice, country: str = "") -> Civil:
    """Return an invented person of `country`; without one, of a random country, mostly France."""
    country = country or dice.one(_COUNTRY_WEIGHTS)
    town, postcode = dice.one(_TOWNS[country])
    birth = f"{dice.between(1955, 2006)}-{dice.between(1, 12):02}-{dice.between(1, 28):02}"
    if country in _GIVEN_SCRIPTS:
        given, family = dice.one(_GIVEN_SCRIPTS[country]), dice.one(_FAMILY_SCRIPTS[country])
        spellings = tuple(f"{a} {b}" for a, b in zip(given, family, strict=True))
        return Civil(given[0], family[0], spellings, birth, country, town, postcode)
    firsts, lasts = _PLAIN[country]
    first, last = dice.often_first(firsts.split()), dice.often_first(lasts.split("|"))
    second = dice.one(firsts.split())
    if second != first and dice.happens(0.35):
        first = f"{first}{dice.one(('-', ' '))}{second}"
    return Civil(first, last, (f"{first} {last}",), birth, country, town, postcode)


def town(dice: Dice, country: str) -> tuple[str, str]:
    """Return the (name, postcode) of an invented town in `country`."""
    return dice.one(_TOWNS[country])
