"""Ages, hours and days as people write them; what is unclear names nothing."""

from datetime import date

import pytest
from hypothesis import given, strategies as st

from fanal.web.public.written_times import WrittenTime, read_age, read_time

TODAY = date(2026, 11, 24)  # a Tuesday


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("12", 12), ("12 ans", 12), ("about 12", 12), ("douze", 12), ("Douze ans", 12), ("twelve", 12),
        ("treize ans et demi", 13), ("j’ai 11 ans", 11), ("dix-sept", 17), ("١٢", 12), ("j'en ai quatorze", 14),
        ("I’m fifteen and a half", 15), ("onze", 11),
        ("", None), ("petit", None), ("12 ou 13", None), ("entre 12 et 14", None), ("pas 12 ans", None),
        ("200", None), ("12-13", None), ("l’an 2012", None),
    ],
)  # fmt: skip
def test_ages(text: str, age: int | None) -> None:
    assert read_age(text) == age


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("21:14", "21:14"), ("21:3²", None), ("21h14", "21:14"), ("21h", "21:00"), ("9 h", "09:00"), ("9H", "09:00"),
        ("vers 9 heures du soir", "21:00"), ("neuf heures", "09:00"), ("neuf heures et demie du soir", "21:30"),
        ("9 pm", "21:00"), ("9:30 p.m.", "21:30"), ("12 am", "00:00"), ("half past nine", "09:30"),
        ("nine o’clock in the evening", "21:00"), ("midi", "12:00"), ("minuit et demi", "00:30"),
        ("20 heures moins le quart", "19:45"), ("16 h 30", "16:30"), ("9", "09:00"), ("21", "21:00"), ("24 h", "00:00"),
        ("quatorze heures trente", "14:30"), ("vingt-deux heures", "22:00"), ("vingt et une heures quinze", "21:15"),
        ("dix heures cinq", "10:05"), ("19 heures quarante-cinq", "19:45"), ("9 h moins dix du soir", "20:50"),
        ("vers 9", "09:00"), ("about nine", "09:00"), ("neuf", "09:00"), ("vers 9 du soir", "21:00"),
        ("9 in the evening", "21:00"), ("nine thirty", "09:30"), ("nine thirty pm", "21:30"), ("9 30", "09:30"),
        ("quarter past nine", "09:15"), ("ten past two", "02:10"), ("a quarter to nine pm", "20:45"),
        ("half past 9 pm", "21:30"), ("twenty-two", "22:00"), ("2 fois", None), ("dans 2 jours", None),
        ("from nine to ten", None), ("9 to 10", None), ("trente", None), ("99 past 2", None), ("9 h moins 0", "09:00"), ("2h du matin", "02:00"), ("10 h de la nuit", "22:00"), ("4h de l’après-midi", "16:00"), ("٢١:١٤", "21:14"),
        ("", None), ("tard", None), ("le soir", None), ("9 ou 10 h", None), ("25:00", None), ("21:3٠", "21:30"), ("99", None),
        ("entre 9 h et 10 h", None), ("9 h, puis 10 h", None), ("avant 9 h", None),
    ],
)  # fmt: skip
def test_hours(text: str, clock: str | None) -> None:
    assert read_time("", hour=text, today=TODAY).clock == clock


@pytest.mark.parametrize(
    ("text", "day", "clock", "whole"),
    [
        ("24/11/2026", "2026-11-24", None, True), ("2026-11-24", "2026-11-24", None, True),
        ("24/11", "2026-11-24", None, True), ("3/12", "2025-12-03", None, True),
        ("24.11.2026", "2026-11-24", None, True), (" 24 11 2026 ", "2026-11-24", None, True), ("hier", "2026-11-23", None, True), ("yesterday", "2026-11-23", None, True),
        ("hier soir", "2026-11-23", None, False), ("last night", "2026-11-23", None, False),
        ("hier vers 21 h", "2026-11-23", "21:00", True), ("Hier soir à 9h", "2026-11-23", "21:00", True),
        ("yesterday at 9 pm", "2026-11-23", "21:00", True), ("hier à neuf heures du soir", "2026-11-23", "21:00", True),
        ("avant-hier", "2026-11-22", None, True), ("the day before yesterday", "2026-11-22", None, True),
        ("ce matin", "2026-11-24", None, False), ("this morning at 8:30", "2026-11-24", "08:30", True),
        ("aujourd’hui", "2026-11-24", None, True), ("il y a trois jours", "2026-11-21", None, True),
        ("two days ago", "2026-11-22", None, True), ("lundi", "2026-11-23", None, True),
        ("mardi", "2026-11-17", None, True), ("samedi dernier vers midi", "2026-11-21", "12:00", True),
        ("last saturday", "2026-11-21", None, True), ("le 3 novembre", "2026-11-03", None, True),
        ("1er décembre", "2025-12-01", None, True), ("November 3, 2025", "2025-11-03", None, True),
        ("lundi 23 novembre", "2026-11-23", None, True), ("samedi après le foot", None, None, False),
        ("samedi au foot", "2026-11-21", None, False), ("dimanche 23 novembre", "2026-11-23", None, False),
        ("hier à vingt-deux heures trente", "2026-11-23", "22:30", True),
        ("yesterday at half past nine pm", "2026-11-23", "21:30", True), ("il y a vingt et un jours", "2026-11-03", None, True),
        ("samedi ou dimanche", None, None, False), ("hier et lundi", None, None, False),
        ("depuis hier", None, None, False), ("demain", None, None, False), ("25/11/2026", None, None, False),
        ("31/02/2026", None, None, False), ("01/01/0001", None, None, False), ("la semaine dernière", None, None, False),
        ("", None, None, False), ("je sais plus", None, None, False),
    ],
)  # fmt: skip
def test_days(text: str, day: str | None, clock: str | None, whole: bool) -> None:
    found = read_time(text, today=TODAY)
    assert (found.day and found.day.isoformat(), found.clock, found.whole) == (day, clock, whole)


@pytest.mark.parametrize(
    ("text", "day", "clock"),
    [
        ("demain", "2026-11-25", None), ("demain à 14h", "2026-11-25", "14:00"), ("tomorrow night", "2026-11-25", None),
        ("après-demain", "2026-11-26", None), ("the day after tomorrow", "2026-11-26", None),
        ("samedi", "2026-11-28", None), ("on Saturday at noon", "2026-11-28", "12:00"), ("mardi", "2026-11-24", None),
        ("ce soir 8 h", "2026-11-24", "20:00"), ("tonight", "2026-11-24", None), ("dans deux jours", "2026-11-26", None),
        ("le 3 janvier", "2027-01-03", None), ("in 3 days", "2026-11-27", None),
    ],
)  # fmt: skip
def test_days_ahead(text: str, day: str, clock: str | None) -> None:
    found = read_time(text, today=TODAY, ahead=True)
    assert (found.day and found.day.isoformat(), found.clock) == (day, clock)


@pytest.mark.parametrize(
    ("text", "hour", "clock"),
    [("last night", "about 9", "21:00"), ("hier soir", "neuf heures vingt", "21:20"), ("hier matin", "vers 9", "09:00")],
)  # fmt: skip
def test_an_hour_is_of_the_part_of_the_day_named_with_the_day(
    text: str, hour: str, clock: str
) -> None:
    assert read_time(text, hour=hour, today=TODAY).clock == clock


@given(st.text(max_size=60), st.booleans())
def test_no_text_is_refused_and_no_past_lies_ahead(text: str, ahead: bool) -> None:
    found = read_time(text, today=TODAY, ahead=ahead)
    assert ahead or found.day is None or found.day <= TODAY
    assert not found.whole or found != WrittenTime(whole=True)
    assert read_age(text) is None or read_age(text) in range(121)
    read_time(text, hour=text, today=TODAY)
