"""Makes a running installation share lists, in one process beside it: `python shared_lists.py < wanted.json`.

What people would do at the desk: two supervisors, standing instructions, lists with a legal basis, items.
Reads `{"kinds": […], "lists": {name: [[md5, pdq], …]}, "withdraw": {name: […item ids…]}, "sources": {kind: …}}` and
prints the ids of the items of each list.
"""

import json
import sys
from datetime import timedelta
from uuid import UUID

from fanal.cli.boot import django_as
from fanal.kernel import clock
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.ids import new_id
from fanal.postgres import DatabaseRole

SYSTEM = system_actor("test")


def main() -> None:
    wanted = json.load(sys.stdin)
    with django_as(DatabaseRole.WORKER):
        if wanted.get("kinds"):
            _instruct(wanted["kinds"])
        made = {name: _load(name, rows) for name, rows in wanted.get("lists", {}).items()}
        _withdraw(wanted.get("withdraw", {}))
        for kind, said in wanted.get("sources", {}).items():
            _source(kind, said)
    json.dump(made, sys.stdout)


def _instruct(kinds: list[str]) -> None:
    from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
    from fanal.accounts.domain.records import NewAccount, NewHabilitation
    from fanal.accounts.operations.habilitations import grant_habilitation
    from fanal.accounts.operations.instructions import propose_instruction, second_instruction
    from fanal.accounts.operations.people import create_account
    from fanal.accounts.queries.people import actor_for, find_user, partner_names

    now = clock.now()
    people = []
    for login in ("one", "two"):
        user = find_user(username=login)
        if user is None:
            user = create_account(
                actor=SYSTEM, account=NewAccount(username=login, name=login), now=now
            )
            grant_habilitation(
                actor=SYSTEM,
                habilitation=NewHabilitation(
                    person_id=user.person_id,
                    role=Role.SUPERVISOR,
                    act_reference="ACT-1",
                    valid_from=now - timedelta(hours=1),
                    valid_until=now + timedelta(days=100),
                    desk_id=1,
                ),
                now=now,
            )
        people.append(actor_for(user=user, now=now))
    members = tuple(partner_names(partner_ids=_partners()).values())
    for kind in kinds:
        made = propose_instruction(
            actor=people[0],
            instruction=NewInstruction(
                kind=InstructionKind(kind),
                members=members if kind == "LIST_SERVICE" else (),
                grounds="Test.",
                basis="LCEN 6-1",
                valid_from=now - timedelta(days=1),
                expires_at=now + timedelta(days=30),
            ),
            now=now,
        )
        second_instruction(actor=people[1], instruction_id=made, now=now)


def _partners() -> list[UUID]:
    from fanal.accounts.models import Organisation

    return list(Organisation.objects.values_list("id", flat=True))


def _load(name: str, rows: list[list[str]]) -> list[str]:
    from fanal.analyse.material.domain.lists import ListAttributes
    from fanal.analyse.material.operations.list_imports import create_list
    from fanal.analyse.material.operations.lists import load_list
    from fanal.analyse.material.queries.lists import find_list

    if find_list(name=name) is None:
        attributes = ListAttributes(legal_basis="LCEN_6_1", category="A1")
        create_list(actor=SYSTEM, name=name, attributes=attributes, now=clock.now())
    lines = ["md5,pdq", *(",".join(row) for row in rows)]
    found = load_list(actor=SYSTEM, name=name, lines=lines, now=clock.now())
    return [str(item_id) for item_id in found]


def _withdraw(items: dict[str, list[str]]) -> None:
    from fanal.analyse.material.operations.lists import withdraw_items

    for name, ids in items.items():
        withdraw_items(actor=SYSTEM, name=name, item_ids=ids, now=clock.now())


def _source(kind: str, said: dict[str, str]) -> None:
    """Add a source of a kind, of the same name; it feeds a list that stays at the desk."""
    from fanal.analyse.material.domain.lists import ListAttributes, Sharing
    from fanal.analyse.material.operations.list_imports import create_list
    from fanal.analyse.material.queries.lists import find_list
    from fanal.exchange.domain.records import ListSource, Service
    from fanal.exchange.operations.sources import add_source

    now = clock.now()
    list_id = create_list(
        actor=SYSTEM,
        name=f"from {kind}",
        attributes=ListAttributes(sharing=Sharing.DESK),
        now=now,
    )
    of = find_list(name=said.pop("collection"))
    add_source(
        actor=SYSTEM,
        source=ListSource(
            id=new_id(now),
            name=kind,
            kind=Service(kind),
            list_id=list_id,
            collection=str(of.id) if of else "",
            every_minutes=10_000,
            enabled=False,
            added_at=now,
            **said,
        ),
        loopback=True,
        now=now,
    )


if __name__ == "__main__":
    main()
