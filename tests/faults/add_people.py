"""Makes two supervisors of the first desk, `first` and `second`, without going through the invitation of each.

Run as a program beside a real installation: `python -m tests.faults.add_people`.
"""

from datetime import timedelta

from fanal.cli.boot import django_as
from fanal.kernel import clock
from fanal.kernel.actors import Role, system_actor
from fanal.postgres import DatabaseRole


def main() -> None:
    with django_as(DatabaseRole.WORKER):
        from fanal.accounts.domain.records import NewAccount, NewHabilitation
        from fanal.accounts.operations.habilitations import grant_habilitation
        from fanal.accounts.operations.people import create_account

        now, actor = clock.now(), system_actor("test")
        for name in ("first", "second"):
            account = NewAccount(username=name, name=name)
            user = create_account(actor=actor, account=account, now=now)
            grant_habilitation(
                actor=actor,
                habilitation=NewHabilitation(
                    person_id=user.person_id, role=Role.SUPERVISOR, desk_id=1,
                    act_reference="TEST", valid_from=now, valid_until=now + timedelta(days=30),
                ),
                now=now,
            )  # fmt: skip


if __name__ == "__main__":
    main()
