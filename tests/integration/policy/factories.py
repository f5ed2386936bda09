"""What stands in an address: for each name (`report_id`) the object of a cell of the world.

**A route with a new argument needs one line here**; the walk fails and says so until it is there.
"""

from collections.abc import Callable
from uuid import UUID

from fanal.analyse.priority.operations import load_shipped
from fanal.analyse.priority.queries import list_rulesets
from fanal.kernel.clock import paris_day
from tests.integration.policy import addressing, learning
from tests.integration.policy.world import SYSTEM, World

Factory = Callable[[World, str], object]


def _report(world: World, cell: str) -> object:
    return world.report_ids[cell]


def _habilitation(world: World, cell: str) -> object:
    return world.habilitation_ids[cell]


FACTORIES: dict[str, Factory] = {
    "report_id": _report,
    "desk_number": lambda _world, _cell: 2,
    "roster_desk": lambda _world, cell: 2 if cell.startswith("other") else 1,
    "habilitation_id": _habilitation,
    "person_id": lambda world, _cell: world.users[None].person_id,
    "reset_id": lambda world, _cell: world.reset_id,
    "alarm_id": lambda world, cell: world.alarm_ids[cell],
    "measure_id": lambda world, cell: world.measure_ids[cell],
    "proof_id": lambda world, cell: world.sheet_ids[
        cell
    ],  # the page says that it holds no such file
    "notice_id": lambda world, cell: world.notice_ids[cell],
    "blocking_id": lambda world, cell: world.blocking_ids[cell],
    "dereferencing_id": lambda world, cell: world.dereferencing_ids[cell],
    "mirror_id": lambda world, cell: world.mirror_ids[cell],
    "appeal_id": lambda world, cell: world.appeal_ids[cell],
    "emergency_call_id": lambda world, cell: world.emergency_call_ids[cell],
    "referral_id": lambda world, cell: world.referral_ids[cell],
    "act_id": lambda world, cell: UUID(int=0),  # the walker's own
    "dossier_id": lambda world, cell: world.dossier_ids[cell],
    "payer": lambda world, cell: world.payer_ids[cell],
    "sheet_id": lambda world, cell: world.sheet_ids[cell],
    "recommendation_id": lambda world, cell: world.recommendation_ids[cell],
    "view_id": lambda world, cell: world.view_ids[cell],
    "shared_view_id": lambda world, cell: world.shared_view_ids[cell],
    "opening_id": lambda world, cell: world.opening_ids[cell],
    "hit_id": lambda world, cell: world.hit_ids[cell],
    "counterpart_id": lambda world, cell: world.counterpart_id,
    "round_id": lambda world, cell: UUID(int=0),
    "session_id": lambda world, cell: world.session_id,  # the overseer's own, of no desk
    "figure": lambda world, cell: "RECEIVED",
    "trend": lambda world, cell: "KINDS",
    "year": lambda world, cell: paris_day(world.now).year,
    "ruleset_id": lambda world, cell: _ruleset(world),
    "reader_id": lambda world, cell: learning.reader_trained(),
    "example_id": lambda world, cell: UUID(int=0),
    "instruction_id": lambda world, cell: world.instruction_id,
    "addressee_id": lambda world, cell: addressing.addressee(world),
    "package_id": lambda world, cell: world.package_id,
    "source_id": lambda world, cell: world.source_id,
    "provider": lambda world, cell: world.partner_ids["own"],
    "collection": lambda world, cell: UUID(int=0),
    "object_id": lambda world, cell: f"indicator--{UUID(int=0)}",
    "status": lambda world, cell: "status",
    "member": lambda world, cell: 1,
    "entry": lambda world, cell: UUID(int=0),
    "kind": lambda world, cell: "PDQ",
    "item_id": lambda world, cell: world.item_id,
    "key": lambda world, cell: f"key-{cell}",
    "pk": lambda world, cell: 999_999,  # a security key of allauth: only one's own is looked up
    "provider_id": lambda world, cell: "unknown",
    "guide_name": lambda world, cell: "analyst",
}

NO_OBJECT = frozenset(
    {
        "act_id",
        "addressee_id",
        "counterpart_id",
        "desk_number",
        "figure",
        "guide_name",
        "instruction_id",
        "item_id",
        "package_id",
        "person_id",
        "provider",
        "reader_id",
        "reset_id",
        "ruleset_id",
        "source_id",
        "trend",
        "year",
    }
)
"""What an address carries that is nobody's object: figures, rules, instructions and lists are one for all.

A package is one for all too: of its reports each person sees those of their own desks.
"""


def _ruleset(world: World) -> UUID:
    """Return the rule set that the installation put in force."""
    load_shipped(actor=SYSTEM, now=world.now)
    return list_rulesets()[0].id
