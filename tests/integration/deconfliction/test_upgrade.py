"""What the upgrade does with counterparts that were registered again, and with reasons that had no end."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.db import connection, transaction

from fanal.accounts.queries.people import actor_for, find_user
from fanal.db import sql
from fanal.deconfliction import queries
from fanal.deconfliction.operations.counterparts import close_counterpart, set_limits
from fanal.deconfliction.sharing.operations import withhold
from fanal.kernel import clock
from fanal.worker.expiry import erase_reports
from tests.integration.deconfliction.test_one_body import (
    BOTH,
    NARROW,
    asked,
    renew,
    withheld_from,
)
from tests.integration.deconfliction.world import SYSTEM, instructed, peer, register, rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("owner")]
STORED = "ALTER TABLE deconfliction_withholding {} TRIGGER deconfliction_withholding_stays"


@pytest.mark.parametrize("closed", [False, True])
def test_an_upgrade_joins_what_was_registered_again(closed: bool) -> None:
    """The last registration gets what is withheld from those before it, whether or not it is closed too."""
    migration = import_module("fanal.deconfliction.migrations.0005_one_body")
    found = register(peer(BOTH))
    set_limits(actor=SYSTEM, counterpart_id=found.id, limits=NARROW, now=clock.now())
    withheld_from(found.id)
    close_counterpart(actor=SYSTEM, counterpart_id=found.id, now=clock.now())
    other = peer(BOTH)
    register(other, another=True)  # as registered again before the upgrade
    assert asked(other) == {BOTH}
    again = queries.find_counterpart(name=found.name)
    if closed:
        close_counterpart(actor=SYSTEM, counterpart_id=again.id, now=clock.now())
    with transaction.atomic():
        sql.run(migration.JOIN)
        migration.narrow(None, SimpleNamespace(connection=connection))
    if closed:
        other = peer(BOTH)
        renew(again, other.public)
        instructed(other)
    again = queries.find_counterpart(name=found.name)
    assert (again.id == found.id, again.limits) == (False, NARROW)
    assert asked(other) == set()


def test_reasons_stored_without_reports_get_their_end() -> None:
    """They get the reports of the withholding that they ended, and are erased with an erased one."""
    migration = import_module("fanal.deconfliction.migrations.0006_words_of_ends")
    found = register(peer(BOTH))
    withheld_from(found.id)
    [(dossier,)] = rows("SELECT dossier_id FROM deconfliction_withholding")
    withhold(
        actor=actor_for(user=find_user(username="ana"), now=clock.now()), dossier_id=dossier,
        counterpart_id=found.id, withheld=False, words="Ends.", now=clock.now(),
    )  # fmt: skip
    as_before = "UPDATE deconfliction_withholding SET report_ids = '{}' WHERE NOT withheld"
    reasons = "SELECT words FROM deconfliction_withholding_words ORDER BY words"
    for erases, left in ((False, [("Before an arrest.",), ("Ends.",)]), (True, [])):
        with transaction.atomic():
            for statement in (STORED.format("DISABLE"), as_before, STORED.format("ENABLE")):
                sql.run(statement)
        if erases:
            [(report_id,)] = rows(
                "SELECT report_ids[1] FROM deconfliction_withholding WHERE withheld"
            )
            erase_reports(actor=SYSTEM, report_ids=[report_id], now=clock.now())
            assert rows(reasons) == [("Ends.",)], "as it was stored before"
        with transaction.atomic():
            sql.run(migration.SQL)
        assert rows(reasons) == left
