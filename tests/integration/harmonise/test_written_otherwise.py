"""Identifiers found however they are written: as their kind is read, and otherwise, with the reason."""

import pytest
from hypothesis import example, given, strategies as st

from fanal.harmonise import queries
from fanal.harmonise.domain.written_otherwise import skeleton
from tests.integration.harmonise.test_store import analyst, handles, rows, source, write

pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]


@pytest.mark.parametrize(
    ("typed", "value", "reasons"),
    [
        ("shadow.king", "xx_sh4dowking@snapchat", {"DECORATION", "SUBSTITUTE", "SEPARATOR"}),
        ("Élodie", "elodie_77@snapchat", {"ACCENT"}),
        ("rеnаrd", "renard_77@snapchat", {"LOOK_ALIKE"}),  # two Cyrillic letters
        ("06 39 98", "+33639980001", {"CALLING_CODE"}),
        ("O6 39 98 OO O1", "+33639980001", {"SUBSTITUTE"}),
        ("j.renard@mail", "j_renard@mail.example", {"SEPARATOR"}),
        ("pictures.example/album", "https://pictures.example/album/12", {"SCHEME"}),
        ("pictures.test", "xn--pctures-rog.test", {"LOOK_ALIKE"}),
    ],
)
def test_an_identifier_written_otherwise_is_found_with_the_reason(
    typed: str, value: str, reasons: set[str]
) -> None:
    write(
        source(
            handles("xX_Sh4dowKing", "elodie_77", "renard_77")
            | {"urls": ["https://pictures.example/album/12", "https://pіctures.test/"]}
        ),
        source(
            {
                "persons": [
                    {
                        "role": "SUSPECT",
                        "phones": ["0639980001"],
                        "emails": ["j_renard@mail.example"],
                    }
                ]
            }
        ),
    )
    found = {
        f.value: set(f.otherwise) for f in queries.search_selectors(actor=analyst(1), text=typed)
    }
    assert found.get(value) == reasons


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("06 39 98 00 01", "+33639980001"),
        ("fr76 3000 6000 0112 3456 7890 189", "FR7630006000011234567890189"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("AA-BB-CC-DD-EE-FF", "aa:bb:cc:dd:ee:ff"),
    ],
)
def test_a_value_is_found_as_people_write_its_kind(typed: str, value: str) -> None:
    person = {
        "role": "SUSPECT",
        "phones": ["+33639980001"],
        "accounts": [{"value": "FR7630006000011234567890189", "kind": "IBAN"}],
        "ips": [{"value": "2001:db8::1"}],
        "devices": ["aa:bb:cc:dd:ee:ff"],
    }
    write(source({"persons": [person]}))
    found = queries.search_selectors(actor=analyst(1), text=typed)
    assert [(f.value, f.otherwise) for f in found] == [(value, ())]


def test_what_is_written_otherwise_comes_last_and_no_shorter_text_asks_for_it() -> None:
    write(source(handles("king_77", "k1ng_77", "kin.g_78")))
    found = queries.search_selectors(actor=analyst(1), text="king_7")
    assert [(f.value, bool(f.otherwise)) for f in found] == [
        ("king_77@snapchat", False),
        ("k1ng_77@snapchat", True),
        ("kin.g_78@snapchat", True),
    ]
    short = queries.search_selectors(actor=analyst(1), text="kin")
    assert [f.value for f in short] == ["kin.g_78@snapchat", "king_77@snapchat"]
    for text in ("__", "..", "@@"):
        assert queries.search_selectors(actor=analyst(1), text=text) == []


def test_of_another_desk_nothing_similar_is_shown() -> None:
    write(source(handles("k1ng_77"), desk_id=2))
    assert queries.search_selectors(actor=analyst(1), text="king_77") == []


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=120))
@example("XX_É.ﬁ-ｒеnаrd_77$@Snapchat")
@example("\ufdfa" * 100)
def test_the_database_computes_the_same_skeleton(text: str) -> None:
    assert rows("SELECT harmonise_skeleton(%s)", [text]) == [(skeleton(text),)]
