"""What a search takes for the same identifier, with the reasons, and what it must keep apart."""

import pytest
from hypothesis import given, strategies as st

from fanal.harmonise.domain.records import SelectorKind as Kind
from fanal.harmonise.domain.written_otherwise import (
    Difference,
    beginnings,
    differences,
    near_readings,
    readings,
    skeleton,
)

D = Difference
SAME = [
    (Kind.HANDLE, "shadowking", "shadow.king@snapchat", {D.SEPARATOR}),
    (Kind.HANDLE, "shadow_king", "sh4d0wk1ng@snapchat", {D.SUBSTITUTE, D.SEPARATOR}),
    (Kind.HANDLE, "sh@dow_king", "shadow_king@snapchat", {D.SUBSTITUTE}),
    (Kind.HANDLE, "Kassandra", "ka$$andra@snapchat", {D.SUBSTITUTE}),
    (Kind.HANDLE, "paul_77", "paui_77@snapchat", {D.SUBSTITUTE}),
    (Kind.HANDLE, "elodie_77", "élodie_77@snapchat", {D.ACCENT}),
    (Kind.HANDLE, "Élodie_77", "elodie_77@snapchat", {D.ACCENT}),
    (Kind.HANDLE, "renard_77", "rеnаrd_77@snapchat", {D.LOOK_ALIKE}),
    (Kind.HANDLE, "rеnаrd_77", "renard_77@snapchat", {D.LOOK_ALIKE}),
    (Kind.HANDLE, "shadowking", "xx_shadowking_xx@snapchat", {D.DECORATION}),
    (Kind.HANDLE, "xX_ShadowKing_Xx", "shadowking@snapchat", {D.DECORATION}),
    (Kind.EMAIL, "jean.renard", "jean_r3nard@mail.example", {D.SUBSTITUTE, D.SEPARATOR}),
    (Kind.GAME, "castle quest", "castlequest", {D.SEPARATOR}),
    (Kind.DOMAIN, "castle-quest.example", "castlequest.example", {D.SEPARATOR}),
    (Kind.HOST, "pictures.example", "p1ctures.example", {D.SUBSTITUTE}),
    (Kind.URL, "pictures.example/a", "https://pictures.example/a", {D.SCHEME}),
    (Kind.DEVICE, "ABCD 1234 EF", "abcd-1234-ef", {D.SEPARATOR}),
    (Kind.PHONE, "06 39 98", "+33639980001", {D.CALLING_CODE}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "value", "reasons"), SAME)
def test_a_value_written_otherwise_is_found_with_its_reasons(
    kind: Kind, text: str, value: str, reasons: set[D]
) -> None:
    assert set(differences(kind, text, value)) == reasons
    assert any(skeleton(value).startswith(start) for start in beginnings(text))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.HANDLE, "xX_ShadowKing", "xx_shadowking@snapchat"),  # case is no difference
        (Kind.HANDLE, "ＲＥＮＡＲＤ_77", "renard_77@snapchat"),  # nor is width
        (Kind.HANDLE, "marie75", "marie76@snapchat"),
        (Kind.HANDLE, "renard", "lenard@snapchat"),
        (Kind.IP, "192.0.2.1", "192.0.21"),
        (Kind.SHA1, "a" * 40, "4" * 40),
        (Kind.HANDLE, "", "renard@snapchat"),
        (Kind.HANDLE, "@@@", "renard@snapchat"),
        (Kind.HANDLE, "xxx", "renard@snapchat"),
    ],
)
def test_the_same_text_and_another_identifier_have_no_reason(
    kind: Kind, text: str, value: str
) -> None:
    assert differences(kind, text, value) == ()


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.PHONE, "06 39 98 00 01", "+33639980001"),
        (Kind.PHONE, "0033639980001", "+33639980001"),
        (Kind.IP, "2001:DB8:0:0::1", "2001:db8::1"),
        (Kind.IP, "２０３.0.113.7", "203.0.113.7"),
        (Kind.ACCOUNT, "fr76 3000 6000 0112 3456 7890 189", "FR7630006000011234567890189"),
        (Kind.DEVICE, "AA-BB-CC-DD-EE-FF", "aa:bb:cc:dd:ee:ff"),
        (Kind.HOST, "Élodie.example", "xn--lodie-9ra.example"),
        (Kind.URL, "HTTP://Bad.Example/A", "http://bad.example/A"),
        (Kind.SHA1, "AB" * 20, "ab" * 20),
        (Kind.GAME, "Roblox:12", "roblox:12"),
        (Kind.EMAIL, "Jean.D@Mail.example", "jean.d@mail.example"),
        (Kind.HANDLE, "@Renard_77", "renard_77"),
    ],
)
def test_a_text_means_the_canonical_value_of_each_kind(kind: Kind, text: str, value: str) -> None:
    assert value in readings(kind, text)


def test_what_a_canonical_form_hides_is_asked_for_by_its_value() -> None:
    assert near_readings(Kind.PHONE, "O6 39 98 OO O1") == {"+33639980001": D.SUBSTITUTE}
    assert near_readings(Kind.PHONE, "renard") == {}
    assert "xn--pypal-4ve.example" in near_readings(Kind.HOST, "paypal.example")
    assert "paypal.example" in near_readings(Kind.HOST, "pаypal.example")
    assert "jean@mail.example" in near_readings(Kind.EMAIL, "jеan@mail.example")


@given(st.text(max_size=120), st.text(max_size=120), st.sampled_from(list(Kind)))
def test_any_text_is_compared_without_raising(text: str, value: str, kind: Kind) -> None:
    differences(kind, text, value)
    near_readings(kind, text)
    readings(kind, text)
    assert len(skeleton(value)) <= 100
    assert all(len(start) > 1 for start in beginnings(text))
