"""Legal terms of appeals (to file, to rule, to contest a ruling), and who makes the next step. Pure.

Source: LCEN article 6-1 II; each term is an entry of the reference data (`measure_clocks.toml`).
"""

from datetime import datetime

from msgspec import Struct

from fanal.measures.appeal.kind import AppealState
from fanal.measures.domain.clocks import term_end
from fanal.reference import Catalogue

_NEXT = {
    AppealState.FILED: "TA_RULING_72H",
    AppealState.HEARD: "TA_RULING_72H",
    AppealState.RULED: "CAA_10D",
    AppealState.APPEALED: "CAA_RULING_1M",
}
"""The term that runs in a state: for a court to rule, or for the parties to contest its ruling."""


class AppealFacts(Struct, frozen=True, kw_only=True):
    """The facts from which the terms of an appeal are computed; instants of steps not yet made are None.

    `known_at` is when the filer received the measure or learned of it, None if unknown. `filed_at` is the
    filing, `heard_at` the hearing, `ruled_at` the ruling, `appealed_at` the further appeal, `final_at` the
    final ruling.
    """

    state: AppealState
    created_at: datetime
    known_at: datetime | None = None
    filed_at: datetime | None = None
    heard_at: datetime | None = None
    ruled_at: datetime | None = None
    appealed_at: datetime | None = None
    final_at: datetime | None = None


class Term(Struct, frozen=True, kw_only=True):
    """A legal term of an appeal, which bounds a step such as the ruling.

    `code` is that of its `MeasureClock`. `started_at` is the instant from which it runs, `ends_at` its end,
    `met_at` the instant of the step, None before it. `waived`: the step can no longer be made.
    """

    code: str
    started_at: datetime
    ends_at: datetime
    met_at: datetime | None
    waived: bool = False

    def late(self, now: datetime) -> bool:
        """Return whether the term ended, by `now`, before the step that it bounds was made."""
        return not self.waived and (self.met_at or now) >= self.ends_at


def terms_of(facts: AppealFacts, *, catalogue: Catalogue) -> tuple[Term, ...]:
    """Return the legal terms of an appeal that have started, in their order.

    There are terms to file (48 hours), for the court to rule (72 hours), to contest the ruling (ten days) and
    for the court of appeal to rule (one month). A struck appeal has none: ().

    Raises:
        DelayMissing: the reference data have no checked version of one of them on the day that it starts.
    """
    closed = facts.state is AppealState.CLOSED
    runs = (
        ("TA_48H", facts.known_at, facts.filed_at, False),
        ("TA_RULING_72H", facts.filed_at, facts.ruled_at, closed),
        ("CAA_10D", facts.ruled_at, facts.appealed_at, closed),
        ("CAA_RULING_1M", facts.appealed_at, facts.final_at, closed),
    )
    return tuple(
        Term(
            code=code,
            started_at=start,
            ends_at=term_end(code, catalogue=catalogue, since=start),
            met_at=met,
            waived=met is None and waived,
        )
        for code, start, met, waived in runs
        if start is not None and facts.state is not AppealState.STRUCK
    )


def due_at(facts: AppealFacts, *, catalogue: Catalogue) -> datetime | None:
    """Return the deadline of the next step of an appeal; None once it is closed or struck.

    While a court is to rule, it is the court's own term: after it, the desk asks the court's registry.

    Raises:
        DelayMissing: as `terms_of`.
    """
    ends = {one.code: one.ends_at for one in terms_of(facts, catalogue=catalogue)}
    if facts.state is AppealState.NOTED:
        return facts.created_at
    return ends.get(_NEXT.get(facts.state, ""))


def asked_of(facts: AppealFacts, *, late: bool) -> str:
    """Return who must make the next step of an appeal: a code of the label kind `appeal_asked`.

    "" if nobody. `late`: its deadline has passed.
    """
    if facts.state in {AppealState.CLOSED, AppealState.STRUCK}:
        return ""
    return "SUPERVISOR" if late and facts.state is not AppealState.RULED else "OFFICER"
