"""Ages, hours and days as people write them; what is unclear names nothing."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given, strategies as st

from fanal.web.public.written_ages import read_age
from fanal.web.public.written_times import (
    _EITHER,
    _FILLERS,
    _PARTS,
    WORD,
    WrittenTime,
    plain_words,
    read_time,
)

TODAY = date(2026, 11, 24)  # a Tuesday
MORNING = datetime.combine(TODAY, time(6, 48))
AFTERNOON = datetime.combine(TODAY, time(16, 30))
LATE = datetime.combine(TODAY, time(23, 30))


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("12", 12), ("12 ans", 12), ("about 12", 12), ("douze", 12), ("Douze ans", 12), ("twelve", 12),
        ("treize ans et demi", 13), ("j’ai 11 ans", 11), ("dix-sept", 17), ("١٢", 12), ("j'en ai quatorze", 14),
        ("I’m fifteen and a half", 15), ("onze", 11),
        ("", None), ("petit", None), ("12 ou 13", None), ("entre 12 et 14", None), ("pas 12 ans", None),
        ("200", None), ("12-13", None), ("l’an 2012", None), ("il a 12 ans", 12), ("12yo", 12), ("ma fille a 12 ans", 12),
        ("18 mois", None), ("12 mois", None), ("en 6e", None), ("6e", None), ("CM2", None), ("grade 7", None),
        ("a 3 ans de moins que moi", None), ("plus de 15 ans", None), ("moins de 15 ans", None), ("17+", None),
        ("<13", None), ("-3", None), ("presque 12 ans", None), ("un garçon", None), ("12 ans il y a longtemps", None),
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
    assert read_time("", hour=text, now=LATE).clock == clock


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
        ("lundi de la semaine dernière", "2026-11-16", None, True), ("last week on Monday", "2026-11-16", None, True),
        ("lundi de la semaine prochaine", None, None, False),
    ],
)  # fmt: skip
def test_days(text: str, day: str | None, clock: str | None, whole: bool) -> None:
    found = read_time(text, now=LATE)
    assert (found.day and found.day.isoformat(), found.clock, found.whole) == (day, clock, whole)


@pytest.mark.parametrize(
    ("text", "day", "clock"),
    [
        ("demain", "2026-11-25", None), ("demain à 14h", "2026-11-25", "14:00"), ("tomorrow night", "2026-11-25", None),
        ("après-demain", "2026-11-26", None), ("the day after tomorrow", "2026-11-26", None),
        ("samedi", "2026-11-28", None), ("on Saturday at noon", "2026-11-28", "12:00"), ("mardi", "2026-11-24", None),
        ("ce soir 8 h", "2026-11-24", "20:00"), ("tonight", "2026-11-24", None), ("dans deux jours", "2026-11-26", None),
        ("le 3 janvier", "2027-01-03", None), ("in 3 days", "2026-11-27", None),
        ("mercredi de la semaine prochaine", "2026-12-02", None), ("lundi semaine prochaine à 14h", "2026-11-30", "14:00"),
        ("Wednesday next week", "2026-12-02", None), ("next week on Friday at 2 pm", "2026-12-04", "14:00"),
    ],
)  # fmt: skip
def test_days_ahead(text: str, day: str, clock: str | None) -> None:
    found = read_time(text, now=MORNING, ahead=True)
    assert (found.day and found.day.isoformat(), found.clock) == (day, clock)


@pytest.mark.parametrize(
    ("text", "hour", "clock"),
    [("last night", "about 9", "21:00"), ("hier soir", "neuf heures vingt", "21:20"), ("hier matin", "vers 9", "09:00")],
)  # fmt: skip
def test_an_hour_is_of_the_part_of_the_day_named_with_the_day(
    text: str, hour: str, clock: str
) -> None:
    assert read_time(text, hour=hour, now=LATE).clock == clock


@pytest.mark.parametrize(
    ("now", "text", "at", "whole"),
    [
        # An hour that lies behind is that of the evening, else it is left open.
        (MORNING, "5", "24T17:00", False), (MORNING, "à 5h", "24T17:00", False), (MORNING, "at 5", "24T17:00", False),
        (MORNING, "five o’clock", "24T17:00", False), (MORNING, "4h30", "24T16:30", False), (AFTERNOON, "6", "24T18:00", False),
        (AFTERNOON, "8h", "24T20:00", False), (AFTERNOON, "vers 5 heures", "24T17:00", False), (AFTERNOON, "3h", "24", False),
        (MORNING, "8h", "24T08:00", True), (MORNING, "17h", "24T17:00", True), (AFTERNOON, "9 am", "24", False),
        (AFTERNOON, "9h du matin", "24", False), (AFTERNOON, "14h", "24", False), (AFTERNOON, "05:00", "24", False),
        (AFTERNOON, "9 pm", "24T21:00", True), (datetime(2026, 11, 24, 0, 30), "5", "24", False),
        # Relative to the answer.
        (MORNING, "dans une heure", "24T07:48", False), (MORNING, "dans 2h", "24T08:48", False),
        (MORNING, "dans deux heures", "24T08:48", False), (MORNING, "in an hour", "24T07:48", False),
        (MORNING, "in two hours", "24T08:48", False), (MORNING, "dans 20 minutes", "24T07:08", False),
        (MORNING, "d’ici une heure", "24T07:48", False), (MORNING, "dans une demi-heure", "24T07:18", False),
        (MORNING, "in half an hour", "24T07:18", False), (MORNING, "dans un quart d’heure", "24T07:03", False),
        (MORNING, "dans 1h30", "24T08:18", False), (MORNING, "dans une heure et demie", "24T08:18", False),
        (MORNING, "in about two hours", "24T08:48", False), (LATE, "dans une heure", "25T00:30", False),
        (MORNING, "maintenant", "24T06:48", False), (MORNING, "right now", "24T06:48", False),
        (MORNING, "demain dans une heure", "24", False), (MORNING, "dans 1 ou 2 heures", "24", False),
        # Midnight and the hours after it.
        (MORNING, "minuit", "25T00:00", False), (MORNING, "midnight", "25T00:00", False), (MORNING, "24h", "25T00:00", False),
        (MORNING, "ce soir minuit", "25T00:00", False), (MORNING, "minuit et demi", "25T00:30", False),
        (MORNING, "0h30", "25T00:30", False), (MORNING, "12 am", "25T00:00", False), (MORNING, "tonight at 12", "25T00:00", False),
        (MORNING, "ce soir à 1h", "25T01:00", False), (MORNING, "tonight at 2 am", "25T02:00", False),
        (MORNING, "cette nuit à 2h", "25T02:00", False), (MORNING, "ce soir à 8", "24T20:00", True),
        (MORNING, "entre 5h et 6h", "24", False), (MORNING, "17h ou 18h", "24", False), (MORNING, "", "24", True),
    ],
)  # fmt: skip
def test_a_meeting_of_today_lies_ahead(now: datetime, text: str, at: str, whole: bool) -> None:
    """`whole` is false, so that the words stay, wherever the hour is not the one that was typed."""
    found = read_time("", hour=text, now=now, ahead=True, chosen=TODAY)
    assert (stamped(found), found.whole) == (f"2026-11-{at}", whole)


def stamped(found: WrittenTime) -> str | None:
    parts = (found.day and found.day.isoformat(), found.clock)
    return "T".join(part for part in parts if part) or None


@pytest.mark.parametrize(
    ("text", "at", "whole"),
    [
        ("dans une heure", "2026-11-24T17:30", False), ("tout de suite", "2026-11-24T16:30", False),
        ("cette nuit", "2026-11-24", False), ("cet après-midi à 5h", "2026-11-24T17:00", True),
        ("cette après-midi", "2026-11-24", False), ("ce midi", "2026-11-24", False), ("ajd 18h", "2026-11-24T18:00", True),
        ("ce soir minuit", "2026-11-25T00:00", False), ("mardi à 5h", "2026-11-24T17:00", False),
        ("Tuesday at 6 o’clock", "2026-11-24T18:00", False), ("aujourd’hui à 8", "2026-11-24", False), ("vers 5h dans 2 heures", "2026-11-24", False),
        ("demain à 1", "2026-11-25", False), ("demain à 5h", "2026-11-25", False), ("tomorrow at 1", "2026-11-25", False),
        ("tomorrow at 1 pm", "2026-11-25T13:00", True), ("demain à 8h", "2026-11-25T08:00", True),
        ("demain minuit", "2026-11-25", False), ("demain soir minuit", "2026-11-26T00:00", False),
        ("demain entre 5h et 6h", "2026-11-25", False), ("demain après l’école", "2026-11-25", False),
        ("samedi ou dimanche", None, False), ("jeudi ou vendredi", "2026-11-26", False), ("pas samedi", None, False), ("lundi dernier", None, False),
        ("lundi de la semaine dernière", None, False), ("la semaine prochaine", None, False), ("next Wednesday", "2026-11-25", False),
        ("mardi de la semaine prochaine à 15h", "2026-12-01T15:00", True),
        ("tmrw 2pm", "2026-11-25T14:00", True), ("23/11", None, False), ("je sais pas", None, False),
    ],
)  # fmt: skip
def test_what_is_unclear_of_a_meeting_keeps_its_day(text: str, at: str | None, whole: bool) -> None:
    found = read_time(text, now=AFTERNOON, ahead=True)
    assert (stamped(found), found.whole) == (at, whole)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("il y a une heure", "2026-11-24T15:30"), ("il y a 2 heures", "2026-11-24T14:30"), ("two hours ago", "2026-11-24T14:30"),
        ("il y a 20 heures", "2026-11-23T20:30"), ("hier soir minuit", "2026-11-24T00:00"), ("hier soir à 2h", "2026-11-24T02:00"),
        ("hier minuit", "2026-11-23"), ("aujourd’hui minuit", "2026-11-24T00:00"), ("hier à 0h30", "2026-11-23T00:30"),
        ("aujourd’hui 18h", "2026-11-24"), ("lundi prochain", None), ("pendant 2 heures", None), ("cette nuit", None),
        ("une heure par jour", None),
    ],
)  # fmt: skip
def test_what_happened_lies_behind(text: str, at: str | None) -> None:
    assert stamped(read_time(text, now=AFTERNOON)) == at


@pytest.mark.parametrize(
    ("text", "ahead", "day", "whole"),
    [
        # Two readings: of a planned day the first one, of what happened none.
        ("12/05", True, "2026-12-05", False), ("05/12", True, "2026-12-05", False), ("12/05/2026", True, "2026-12-05", True),
        ("11/10", False, None, False), ("11/10/2026", False, None, False), ("05/12/2026", False, "2026-05-12", True),
        # One reading.
        ("12/25", True, "2026-12-25", True), ("25/12", True, "2026-12-25", True), ("12/12", True, "2026-12-12", True),
        ("11/23/2026", False, "2026-11-23", True), ("2026-11-10", False, "2026-11-10", True), ("10 November", False, "2026-11-10", True),
    ],
)  # fmt: skip
def test_in_english_a_date_may_begin_with_its_month(
    text: str, ahead: bool, day: str | None, whole: bool
) -> None:
    found = read_time(text, now=AFTERNOON, ahead=ahead, month_first=True)
    assert (stamped(found), found.whole) == (day, whole)


@pytest.mark.parametrize(
    ("now", "text", "day"),
    [
        (datetime(2026, 11, 24, 1), "lundi", "2026-11-23"), (datetime(2026, 11, 24, 5, 59), "monday at 9 pm", "2026-11-23"),
        (datetime(2026, 11, 24, 6), "lundi", "2026-11-30"), (datetime(2026, 11, 24, 1), "mardi", "2026-11-24"),
        (datetime(2026, 11, 24, 1), "lundi de la semaine prochaine", "2026-11-30"),
    ],
)  # fmt: skip
def test_before_six_in_paris_it_is_still_the_day_before_in_the_west_of_overseas_france(
    now: datetime, text: str, day: str
) -> None:
    assert str(read_time(text, now=now, ahead=True).day) == day


@pytest.mark.parametrize(
    ("text", "hour", "at"),
    [
        # What is over is not what is planned.
        ("demandé il y a 3 jours pour demain", "", "2026-11-25"), ("hier j’ai dit oui, c’est pour demain", "", "2026-11-25"),
        ("il m’a écrit il y a 2 jours, on se voit demain 17h", "", "2026-11-25T17:00"), ("asked 3 days ago for tomorrow", "", "2026-11-25"),
        ("hier", "", None), ("avant-hier", "", None), ("hier minuit", "", None), ("il y a 2 heures", "", None),
        ("24/11/2025", "", None), ("jeudi 26/11/2025", "", "2026-11-26"), ("lundi 30/11/2025", "", None), ("dit le 20/11/2026", "", None),
        # A part of an hour is no date, and two numbers with a slash are no hour.
        ("dans 1/2 heure", "", "2026-11-24T17:00"), ("", "dans 1/2h", "2026-11-24T17:00"), ("in 1/2 hour", "", "2026-11-24T17:00"),
        ("dans 3/4 d’heure", "", "2026-11-24T17:15"), ("", "dans une 1/2 heure", "2026-11-24T17:00"), ("dans 2/3 d’heure", "", None),
        ("", "1/2h", None), ("", "10/12 h", None), ("", "dans 10/15 min", None), ("dans 1/2 jours", "", None), ("2 h 1/2", "", None), ("", "1/2", None),
        # A far day stands only if nothing else is said.
        ("le 15 janvier", "", "2027-01-15"), ("15/01 à 17h", "", "2027-01-15T17:00"), ("dans 10 jours", "", "2026-12-04"),
        ("dit le 15 janvier", "", None), ("avant le 15/01", "", None), ("entre demain et le 15/01", "", "2026-11-25"),
        ("lundi ou samedi", "", None), ("samedi 2", "", None), ("dans 15/01", "", None), ("samedi tous les 2 jours", "", None),
        ("samedi ou dans 2", "", None), ("le 15/01 en 1/4", "", None), ("5/12 6/12", "", None), ("5/12 ou 6/12", "", "2026-12-05"),
    ],
)  # fmt: skip
def test_no_time_of_a_meeting_lowers_the_danger_by_mistake(
    text: str, hour: str, at: str | None
) -> None:
    """A day that is over or far ranks lower than none: it is read from what is understood whole."""
    found = read_time(text, hour=hour, now=AFTERNOON, ahead=True)
    assert (stamped(found) if found.day else None) == at
    assert found.whole <= (found.day is not None)


@pytest.mark.parametrize(
    ("hour", "clock"),
    [
        ("dans 20", None), ("in 20", None), ("dans 45", None), ("dans 20 h", None), ("17/18h", None), ("17 18h", None),
        ("dans moins d’une heure", "17:30"), ("dans à peu près 1 heure", None), ("9 in the evening", "21:00"),
    ],
)  # fmt: skip
def test_today_stays_today_whatever_its_hour(hour: str, clock: str | None) -> None:
    found = read_time("", hour=hour, now=AFTERNOON, ahead=True, chosen=TODAY)
    assert (found.day, found.clock) == (TODAY, clock)


FAR = ("le 15 janvier", "15/01", "2027-01-15", "January 15", "lundi", "dans 12 jours")
OTHER = st.text(min_size=1, max_size=20).filter(lambda text: any(map(str.isalnum, text)))


@given(st.sampled_from(FAR), OTHER, st.booleans(), st.booleans())
def test_a_far_day_beside_anything_else_is_not_certain(
    day: str, other: str, first: bool, in_hour: bool
) -> None:
    both = f"{other} {day}" if first else f"{day} {other}"
    text, hour = (day, other) if in_hour else (both, "")
    found = read_time(text, hour=hour, now=AFTERNOON, ahead=True)
    assert found.day is None or found.day >= TODAY
    far = found.day is not None and found.day > TODAY + timedelta(days=3)
    assert not far or is_harmless(other)
    assert far or not found.unclear or found.day is None


def is_harmless(other: str) -> bool:
    """Return whether a text is an hour, a part of the day, or words such as “vers” that name no day."""
    read = read_time("", hour=other, now=AFTERNOON, ahead=True)
    words = set(WORD.findall(plain_words(other)))
    return read.clock is not None or not words - _FILLERS - _EITHER - _PARTS.keys()


@given(st.text(max_size=60), st.booleans())
def test_no_text_is_refused_and_no_past_lies_ahead(text: str, ahead: bool) -> None:
    found = read_time(text, now=LATE, ahead=ahead)
    assert ahead or found.day is None or found.day <= TODAY
    assert not found.whole or found != WrittenTime(whole=True)
    assert read_age(text) is None or read_age(text) in range(121)
    read_time(text, hour=text, now=LATE)
    today = read_time(text, hour=text, now=AFTERNOON, ahead=True, chosen=TODAY)
    assert today.day is not None
    assert today.day >= TODAY
    at = today.clock and datetime.fromisoformat(f"{today.day}T{today.clock}")
    assert not at or at >= AFTERNOON


@pytest.mark.parametrize(
    ("text", "hour", "clock"),
    [
        ("demain 17h", "17h", "17:00"),
        ("demain 17h", "17", "17:00"),
        ("demain dix-sept heures", "dix-sept heures", "17:00"),
        ("ce soir 20h", "20h", "20:00"),
        ("10/12 18h", "18h", "18:00"),
        ("samedi 14h", "14h", "14:00"),
        ("tomorrow at 5pm", "5pm", "17:00"),
        ("demain 17h 17h", "", "17:00"),
        ("demain 17h 18h", "", None),
        ("demain 17h", "18h", None),
        ("demain 17", "30", None),
        ("ce soir 20 heures", "vingt", "20:00"),
    ],
)
def test_an_hour_in_both_fields_is_one_hour_and_never_the_minutes_of_the_other(
    text: str, hour: str, clock: str | None
) -> None:
    found = read_time(text, hour=hour, now=AFTERNOON, ahead=True)
    assert (found.day is not None, found.clock) == (True, clock)
    assert not found.whole or clock


@pytest.mark.parametrize(
    ("text", "hour", "days", "clock"),
    [
        ("dans 2", "heures", 0, "18:30"),
        ("in 20", "minutes", 0, "16:50"),
        ("samedi 14", "h", 4, "14:00"),
        ("le 12", "décembre", 18, None),
    ],
)
def test_one_time_over_both_fields_is_read(
    text: str, hour: str, days: int, clock: str | None
) -> None:
    found = read_time(text, hour=hour, now=AFTERNOON, ahead=True)
    assert (found.day, found.clock) == (TODAY + timedelta(days=days), clock)


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("hier 17h30 : au parc", "17:30"),
        ("samedi 14h30 hôpital", "14:30"),
        ("hier 17h30 hôtel", "17:30"),
        ("hier à 23h45 : il a écrit", "23:45"),
        ("samedi 17:30:00", "17:30"),
        ("samedi à 21h15 : chez lui", "21:15"),
        ("hier 17 h 30 : au parc", "17:30"),
    ],
)
def test_minutes_stay_with_their_hour_whatever_follows(text: str, clock: str) -> None:
    found = read_time(text, now=MORNING)
    assert (found.day is not None, found.clock) == (True, clock)


@pytest.mark.parametrize(
    ("text", "hour", "day"),
    [
        ("mercredi ou la semaine prochaine", "", "2026-11-25"),
        ("Wednesday or next week", "", "2026-11-25"),
        ("mercredi et la semaine prochaine", "", "2026-11-25"),
        ("mercredi, puis la semaine prochaine", "", "2026-11-25"),
        ("la semaine prochaine ou mercredi", "", "2026-11-25"),
        ("Wednesday, next week too", "", "2026-11-25"),
        ("mercredi 14h, semaine prochaine aussi", "", "2026-11-25"),
        ("mercredi à 14 heures la semaine prochaine", "", "2026-12-02"),
        ("la semaine prochaine, mercredi", "", "2026-12-02"),
        ("la semaine prochaine, le mercredi 14h", "", "2026-12-02"),
        ("November 25", "2030", "2026-11-25"),
        ("25 novembre", "2030", "2026-11-25"),
        ("November 25", "2027", "2026-11-25"),
        ("December 2", "2030", "None"),
        ("Wednesday at 5pm next week", "", "2026-12-02"),
    ],
)
def test_a_near_day_is_not_moved_away_by_what_stands_next_to_it(
    text: str, hour: str, day: str
) -> None:
    found = read_time(text, hour=hour, now=AFTERNOON, ahead=True)
    assert str(found.day) == day


@pytest.mark.parametrize(
    "text", ["lundi, la semaine dernière", "Monday, last week", "lundi matin, semaine dernière"]
)
def test_a_day_of_last_week_is_not_yesterday(text: str) -> None:
    assert str(read_time(text, now=AFTERNOON).day) == "2026-11-16"
