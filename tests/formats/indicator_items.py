"""Items of lists for the tests of the formats that exchange them."""

from base64 import b64encode

from fanal.formats.indicators import CLEAR, Indicator

AT, LATER = "2026-11-20T10:00:00.000Z", "2026-11-22T12:30:00.000Z"
PHOTODNA = b64encode(bytes(range(100, 244))).decode()
ITEMS = [
    Indicator(values={"MD5": "1" * 32}, classification="NCMEC:A1", added_at=AT),
    Indicator(
        values={"SHA256": "2" * 64, "SHA1": "3" * 40, "MD5": "4" * 32, "PDQ": "f0" * 32},
        classification="COPINE:7",
        added_at=AT,
    ),
    Indicator(values={"PDQ": "ab" * 32}, added_at=AT, changed_at=AT),
    Indicator(
        values={"MD5": "5" * 32, "PHOTODNA": PHOTODNA}, classification="a, 'b' \\ é", added_at=AT
    ),
    Indicator(values={"URL": "https://host.example.test/it's\\here?q=1"}, added_at=AT),
    Indicator(values={"HOST": "host.example.test"}, added_at=AT),
    Indicator(values={"DOMAIN": "example.test"}, added_at=AT, changed_at=LATER, withdrawn=True),
    Indicator(values={"SHA1": "6" * 40}, added_at=AT, scope=CLEAR),
    Indicator(
        values={"MD5": "7" * 32, "SHA1": "7" * 40}, added_at=AT, changed_at=LATER, withdrawn=True
    ),
]


def shown(items: list[Indicator]) -> list[tuple[dict[str, str], str, str, bool]]:
    """Return what a list keeps of items."""
    return sorted(
        ((i.values, i.classification, i.scope, i.withdrawn) for i in items),
        key=lambda item: sorted(item[0].items()),
    )
