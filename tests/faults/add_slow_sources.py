"""Makes ten sources of lists at one address, each with a list of its own.

Run as a program beside a real installation: `python -m tests.faults.add_slow_sources URL`.
"""

import sys

from fanal.cli.boot import django_as
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import new_id
from fanal.postgres import DatabaseRole

COUNT = 10


def main() -> None:
    with django_as(DatabaseRole.WORKER):
        from fanal.analyse.material.domain.lists import ListAttributes, Sharing
        from fanal.analyse.material.operations.list_imports import create_list
        from fanal.exchange.domain.records import ListSource, Service
        from fanal.exchange.operations.sources import add_source

        now, actor = clock.now(), system_actor("test")
        attributes = ListAttributes(sharing=Sharing.DESK)
        for number in range(COUNT):
            list_id = create_list(
                actor=actor, name=f"slow {number}", attributes=attributes, now=now
            )
            source = ListSource(
                id=new_id(now),
                name=f"slow-{number}",
                kind=Service.HASHSHARING,
                url=sys.argv[1],
                list_id=list_id,
                every_minutes=1,
                added_at=now,
            )
            add_source(actor=actor, source=source, loopback=True, now=now)


if __name__ == "__main__":
    main()
