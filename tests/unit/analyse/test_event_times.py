"""Times told in texts, as hours until the event; what is past, imagined or negated tells none."""

from datetime import UTC, datetime

import pytest

from fanal.analyse.signals.domain.event_times import IMMINENT, hours_until

MONDAY_TEN = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
"""Monday 30 November 2026, 10:00 in Paris."""


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("Il vient la chercher ce soir.", 8, 18),
        ("Il vient la chercher ce soir à 20h30", 10.5, 11.5),
        ("rdv demain 18 h devant la piscine", 32, 33),
        ("He wants to meet her tomorrow at 6 pm", 32, 33),
        ("Il doit la retrouver mercredi.", 38, 62),
        ("They will meet on Wednesday after school", 38, 62),
        ("He comes back in two days.", 36, 60),
        ("Il a dit dans deux heures", 1.5, 2.5),
        ("she has 24 hours to pay or else", 0, 24),
        ("je dois payer avant demain midi sinon il envoie tout", 0, 26),
        ("It is happening right now", 0, 1),
        ("Il est chez elle en ce moment", 0, 1),
        ("samedi 5 décembre à 14h à la gare", 124, 125),
        ("Ce n'est pas un jeu. Elle le rejoint demain soir.", 32, 38),
        ("tonight at midnight he shows her live", 14, 15),
        ("live à 21h, 30 euros la place", 11, 12),
        ("he gave me until 9 pm", 0, 11),
        ("The show is next week", 158, 326),
    ],
)
def test_a_time_told_is_an_interval_of_hours(text: str, low: float, high: float) -> None:
    assert hours_until(text, MONDAY_TEN) == (low, high)


@pytest.mark.parametrize(
    "text",
    [
        "Hier soir il était là.",
        "Last Saturday he came to the park.",
        "It happened two years ago.",
        "Samedi dernier elle l'a vu.",
        "On se verra un jour.",
        "One day we will meet.",
        "If we met tomorrow, imagine!",
        "Il ne vient pas demain.",
        "He is not coming tomorrow",
        "La sortie de demain est annulée, pas demain donc.",
        "Elle a 12 ans.",
        "",
    ],
)
def test_what_is_past_imagined_or_negated_tells_no_time(text: str) -> None:
    assert hours_until(text, MONDAY_TEN) is None


def test_the_nearest_event_to_come_counts() -> None:
    told = hours_until("On se voit samedi. Il appelle ce soir à 20h.", MONDAY_TEN)
    assert told == (10, 11)
    assert told[1] <= IMMINENT


def test_an_hour_already_over_is_that_of_the_next_day() -> None:
    assert hours_until("rendez-vous à 9h", MONDAY_TEN) == (23, 24)


def test_a_long_text_is_read_in_linear_time() -> None:
    assert hours_until("in " * 70_000 + "demain", MONDAY_TEN) is None
