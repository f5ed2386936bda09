"""Stages of lasting measures and of appeals, for lists narrowed by `?state=` and for the home page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from fanal.casework.domain.lifecycle import Lifecycle
from fanal.kernel.actors import Actor
from fanal.measures.appeal.kind import APPEAL, AppealState
from fanal.measures.appeal.views import AppealView, list_appeals
from fanal.measures.blocking.kind import BLOCKING, BlockingState
from fanal.measures.blocking.mirrors.kind import MIRROR
from fanal.measures.blocking.views import BlockingView, list_blockings
from fanal.measures.dereferencing.kind import DEREFERENCING, DereferencingState
from fanal.measures.dereferencing.views import DereferencingView, list_dereferencings

LastingView = BlockingView | DereferencingView | AppealView
Listing = Callable[..., Sequence[LastingView]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of a kind of act: the open acts whose next step is of one sort, such as to list a name.

    `states` are their states; acts that await a third person (`asked` is THIRD) are left out. `right` is the
    policy action of the next step.
    """

    lifecycle: Lifecycle
    states: Sequence[str]
    right: str

    def acts(self, *, actor: Actor, now: datetime) -> list[LastingView]:
        """Return the acts of the stage that the actor may read, the earliest deadline first.

        Raises:
            DelayMissing: the reference data have no delay in force for one of the deadlines.
        """
        found = LISTINGS[self.lifecycle.kind](actor=actor, states=self.states, now=now)
        return [one for one in found if one.asked != "THIRD"]


LISTINGS: Mapping[str, Listing] = {
    BLOCKING.kind: list_blockings,
    MIRROR.kind: partial(list_blockings, lifecycle=MIRROR),
    DEREFERENCING.kind: list_dereferencings,
    APPEAL.kind: list_appeals,
}
"""The query of the acts of a kind."""
_B, _D, _A = BlockingState, DereferencingState, AppealState
STAGES: Mapping[str, Mapping[str, Stage]] = {
    **{
        kind.kind: {
            "LIST": Stage(
                lifecycle=kind, states=(_B.APPROVED, _B.VOUCHED), right="blocking.record"
            ),
            "DOUBT": Stage(lifecycle=kind, states=(_B.DOUBTED,), right="blocking.record"),
            "RESTORE": Stage(lifecycle=kind, states=(_B.LIFTING,), right="blocking.record"),
            "REVIEW": Stage(lifecycle=kind, states=(_B.FREED,), right="blocking.free"),
        }
        for kind in (BLOCKING, MIRROR)
    },
    DEREFERENCING.kind: {
        code: Stage(lifecycle=DEREFERENCING, states=states, right=right)
        for code, states, right in (
            ("LIST", (_D.APPROVED,), "dereferencing.record"),
            ("DOUBT", (_D.DOUBTED,), "dereferencing.record"),
            ("RESTORE", (_D.LIFTING, _D.RESTORING), "dereferencing.record"),
            ("REVIEW", (_D.FREED,), "dereferencing.free"),
        )
    },
    APPEAL.kind: {
        "TERM": Stage(
            lifecycle=APPEAL,
            states=(_A.NOTED, _A.FILED, _A.HEARD, _A.RULED, _A.APPEALED),
            right="appeal.record",
        )
    },
}
"""The stages by kind of act and code; the code is that of the query `state`."""
