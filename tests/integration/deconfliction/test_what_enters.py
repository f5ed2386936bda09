"""Which identifiers enter a round, and which never do, on PostgreSQL."""

from uuid import uuid4

import pytest

from fanal.deconfliction import queries
from fanal.deconfliction.domain import limits
from fanal.deconfliction.operations import steps
from fanal.deconfliction.operations.counterparts import close_counterpart, set_limits
from tests.integration.deconfliction.rounds import now, take
from tests.integration.deconfliction.world import (
    SYSTEM,
    holding,
    peer,
    receive,
    register,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]


class TestWhatEnters:
    def found_by(self, *guesses: str, kind: str = "EMAIL") -> set[str]:
        """Return which of its guesses a counterpart learns that we hold."""
        other = peer(*guesses, kind=kind)
        known = queries.find_counterpart(name=other.name)
        if known is not None:
            close_counterpart(actor=SYSTEM, counterpart_id=known.id, now=now())
        register(other, another=True)
        round_id = uuid4()
        take(other.offer(round_id))
        answer = steps.answer(actor=SYSTEM, round_id=round_id, now=now())
        other.conclude(answer)
        return {value for _, value in other.met}

    def test_never_a_victims_or_a_witness(self) -> None:
        holding("r-1", "suspect@mail.example", "twice@mail.example")
        holding("r-2", "victim@mail.example", "twice@mail.example", role="VICTIM")
        holding("r-3", "witness@mail.example", role="WITNESS")
        holding("r-4", "reporter@mail.example", role="REPORTER")
        guesses = [
            f"{w}@mail.example" for w in ("suspect", "twice", "victim", "witness", "reporter")
        ]
        assert self.found_by(*guesses) == {"suspect@mail.example"}

    def test_no_test_no_free_text_no_other_kind(self) -> None:
        holding("r-1", "tried@mail.example", test=True)
        receive("r-2", description="Written to said@mail.example, neutral words.")
        receive("r-3", persons=[{"role": "SUSPECT", "phones": ["+33639980001"]}])
        assert self.found_by("tried@mail.example", "said@mail.example") == set()
        assert self.found_by("+33639980001", kind="PHONE") == {"+33639980001"}

    def test_limits_of_the_counterpart_hold(self) -> None:
        from fanal.accounts.operations.desks import ensure_desk

        ensure_desk(actor=SYSTEM, desk_id=2, code="WEST", name="West")
        holding("r-1", "near@mail.example")
        holding("r-2", "west@mail.example", desk=2)
        holding("r-3", "content@mail.example", role="RECIPIENT")
        guesses = ["near@mail.example", "west@mail.example", "content@mail.example"]

        def with_limits(**change: object) -> set[str]:
            other = peer(*guesses)
            for known in queries.list_counterparts(actor=SYSTEM):
                if known.closed_at is None:
                    close_counterpart(actor=SYSTEM, counterpart_id=known.id, now=now())
            found = register(other, another=True)
            said = {"kinds": ["EMAIL"], "roles": ["SUSPECT"], "desk_ids": [], "months": 12}
            set_limits(
                actor=SYSTEM,
                counterpart_id=found.id,
                limits=limits.checked(**said | change),
                now=now(),
            )
            round_id = uuid4()
            take(other.offer(round_id))
            other.conclude(steps.answer(actor=SYSTEM, round_id=round_id, now=now()))
            return {value.partition("@")[0] for _, value in other.met}

        assert with_limits() == {"near", "west"}
        assert with_limits(desk_ids=[2]) == {"west"}
        assert with_limits(kinds=["PHONE"]) == set()
        assert with_limits(roles=["RECIPIENT", "SUSPECT"]) == {"near", "west", "content"}

    def test_what_very_many_reports_hold_tells_nothing(self) -> None:
        """A value that very many reports hold enters no set, whatever its kind."""
        from django.db import connection

        holding("r-1", "shared@mail.example", "own@mail.example")
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO harmonise_sighting (key, report_id, desk_id, role, weak)"
                " SELECT s.key, gen_random_uuid(), 1, 1, false FROM harmonise_sighting s"
                " JOIN harmonise_selector k ON k.key = s.key CROSS JOIN generate_series(1, 1000)"
                " WHERE k.value = 'shared@mail.example'"
            )
        assert self.found_by("shared@mail.example", "own@mail.example") == {"own@mail.example"}
