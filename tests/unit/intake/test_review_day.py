"""The day from which a periodic review is due begins in Paris, whatever the zone of the clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from fanal.intake.queries.reviews import review_before


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Paris"), ZoneInfo("America/Guadeloupe")])
def test_the_day_begins_in_paris(zone):
    # A review every 24 months; in July Paris is two hours ahead of UTC.
    now = datetime(2027, 7, 14, 22, 30, tzinfo=UTC).astimezone(zone)
    assert review_before(now=now) == datetime(2025, 7, 14, 22, 0, tzinfo=UTC)
