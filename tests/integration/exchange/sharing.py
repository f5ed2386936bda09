"""A desk that shares lists: supervisors, standing instructions, lists and members."""

import base64
from datetime import timedelta
from uuid import UUID

from django.test import Client

from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.domain.records import OrganisationKind, PartnerIdentity
from fanal.accounts.models import Organisation
from fanal.accounts.operations.instructions import propose_instruction, second_instruction
from fanal.accounts.operations.partners import add_partner
from fanal.accounts.queries.people import actor_for, authenticate_partner_basic, find_user
from fanal.analyse.material.domain.lists import ListAttributes
from fanal.analyse.material.operations.list_imports import create_list
from fanal.analyse.material.operations.lists import load_list
from fanal.kernel import clock
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.ids import new_id
from tests.integration.accounts.people import make_user

SYSTEM = system_actor("test")
BASIS = "LCEN_6_1"


MEMBERS = ("Quay Test Host", "Harbour Test Line", "Pier", "Pier Test Line", "Fetcher")


def instruct(kind: InstructionKind, *names: str, members: tuple[str, ...] = MEMBERS) -> UUID:
    """Put a standing instruction in force, signed by two supervisors; return its id."""
    now = clock.now()
    for name in members:
        Organisation.objects.get_or_create(
            name=name,
            defaults={"id": new_id(now), "kind": OrganisationKind.PARTNER, "created_at": now},
        )
    first, second = (
        actor_for(user=find_user(username=login), now=now) for login in ("proposer", "seconder")
    )
    made = propose_instruction(
        actor=first,
        instruction=NewInstruction(
            kind=kind,
            names=names,
            members=members if kind is InstructionKind.LIST_SERVICE else (),
            grounds="Test.",
            basis="LCEN 6-1",
            valid_from=now - timedelta(days=1),
            expires_at=now + timedelta(days=30),
        ),
        now=now,
    )
    second_instruction(actor=second, instruction_id=made, now=now)
    return made


def make_supervisors() -> None:
    """Make the two who sign."""
    for login in ("proposer", "seconder"):
        make_user(login, Role.SUPERVISOR, at=clock.now() - timedelta(minutes=1))


def make_list(name: str = "alpha", **said: object) -> UUID:
    """Make an empty list that may be shared with partners, unless `said` says otherwise."""
    attributes = ListAttributes(**{"legal_basis": BASIS} | said)
    return create_list(actor=SYSTEM, name=name, attributes=attributes, now=clock.now())


def load(name: str, *lines: str) -> list[UUID]:
    """Load lines `md5` or `md5,classification` into a list."""
    whole = [line if "," in line else f"{line}," for line in lines]
    return load_list(actor=SYSTEM, name=name, lines=["md5,classification", *whole], now=clock.now())


def md5(number: int) -> str:
    """Return a hash."""
    return f"{number:032x}"


def make_member(name: str = "Quay Test Host") -> tuple[PartnerIdentity, Client]:
    """Make a member with its identity, and a client that speaks as its program."""
    issued = add_partner(actor=SYSTEM, name=name, now=clock.now())
    pair = base64.b64encode(f"{issued.user}:{issued.password}".encode()).decode()
    identity = authenticate_partner_basic(authorization=f"Basic {pair}", now=clock.now())
    assert identity is not None
    return identity, Client(headers={"Authorization": f"Basic {pair}"})
