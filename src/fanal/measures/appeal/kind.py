"""Lifecycle of an appeal: its states, and the requirements of each transition."""

from enum import StrEnum

from fanal.casework.domain.lifecycle import Requirement, lifecycle
from fanal.kernel.states import StateTable, move


class AppealState(StrEnum):
    """The states of an appeal against a removal request, a blocking or a dereferencing.

    NOTED: registered, the filing not yet recorded. FILED: before the administrative court. HEARD: its public
    hearing was held. RULED: the court ruled; the ruling may be contested. APPEALED: before the administrative
    court of appeal. CLOSED: final. STRUCK: registered by mistake.
    """

    NOTED = "NOTED"
    FILED = "FILED"
    HEARD = "HEARD"
    RULED = "RULED"
    APPEALED = "APPEALED"
    CLOSED = "CLOSED"
    STRUCK = "STRUCK"


class Ruling(StrEnum):
    """The ruling of a court on an appeal: REJECTED, the measure stays; ANNULLED, it ends at once.

    A measure annulled in part counts as ANNULLED: what remains lawful takes a new measure.
    """

    REJECTED = "REJECTED"
    ANNULLED = "ANNULLED"


class Filer(StrEnum):
    """Who files an appeal, or contests its ruling.

    PROVIDER: the recipient of the measure (host, access provider, search engine or directory). EDITOR: the
    publisher who provided the content. PERSON: another person concerned. OVERSEER: the qualified person (LCEN
    article 6-1 II). AUTHORITY, only against a ruling: the authority that took the measure.
    """

    PROVIDER = "PROVIDER"
    EDITOR = "EDITOR"
    PERSON = "PERSON"
    OVERSEER = "OVERSEER"
    AUTHORITY = "AUTHORITY"


FILERS = (Filer.PROVIDER, Filer.EDITOR, Filer.PERSON, Filer.OVERSEER)
"""Those who may file an appeal against a measure."""
_S = AppealState
STATES = StateTable(
    name="appeal",
    initial=_S.NOTED,
    final=frozenset({_S.CLOSED, _S.STRUCK}),
    transitions=(
        move("file", {_S.NOTED}, _S.FILED),
        move("hear", {_S.FILED}, _S.HEARD),
        move("rule", {_S.FILED, _S.HEARD}, _S.RULED),
        move("contest", {_S.RULED}, _S.APPEALED),
        move("decide", {_S.APPEALED}, _S.CLOSED),
        move("close", {_S.RULED}, _S.CLOSED),
        move("drop", {_S.FILED, _S.HEARD, _S.APPEALED}, _S.CLOSED),
        move("strike", {_S.NOTED, _S.FILED}, _S.STRUCK),
    ),
)
_RULINGS = tuple(map(str, Ruling))
APPEAL = lifecycle(
    kind="appeal",
    states=STATES,
    requirements={
        "file": Requirement(right="appeal.record", proof=True),
        "hear": Requirement(right="appeal.record"),
        "rule": Requirement(right="appeal.record", proof=True, outcomes=_RULINGS),
        "contest": Requirement(right="appeal.record", proof=True, outcomes=tuple(map(str, Filer))),
        "decide": Requirement(right="appeal.record", proof=True, outcomes=_RULINGS),
        "close": Requirement(right="appeal.record"),
        "drop": Requirement(right="appeal.record", proof=True),
        "strike": Requirement(right="appeal.record"),
    },
    reads="appeal.read",
    proposes="appeal.open",
    decided=False,
)
RULINGS = frozenset({"rule", "decide"})
"""Transitions that record a ruling, whose file is their proof."""
REASONED = frozenset({"strike"})
"""Transitions that need a reason in words."""
