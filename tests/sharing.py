"""How the processes of a run share its tests: whole modules, the longest ones first.

What a module makes once (a server, a world of reports, a compiled table) is then made in one process. The
run ends when its last process does: what takes long begins early, and the short modules fill the rest.
"""

from collections.abc import Collection

from xdist.scheduler import LoadGroupScheduling
from xdist.workermanage import WorkerController

_SECONDS = {
    "serial": 1000,
    "kills": 800,
    "desks": 500,
    "test_closing": 130,
    "fuzz": 300,
    "test_linkage": 100,
    "calls": 250,
    "lists": 200,
    "test_watch": 250,
    "installed": 120,
    "test_backup": 60,
    "tests/integration/policy/test_matrix.py": 450,
    "tests/integration/analyse/test_learning.py": 60,
    "tests/integration/crosscheck/test_bench.py": 60,
    "tests/unit/analyse/test_examples.py": 30,
    "tests/unit/analyse/test_learning.py": 40,
    "tests/unit/analyse/test_own_model.py": 30,
    "tests/unit/analyse/test_reader.py": 70,
    "tests/unit/casework/test_documents.py": 30,
    "tests/unit/cli/test_triage_rank.py": 60,
    "tests/unit/connectors/test_mail_attempts.py": 40,
    "tests/unit/connectors/test_mail_servers.py": 30,
    "tests/unit/connectors/test_slow_mail.py": 160,
    "tests/unit/crosscheck/test_rule.py": 40,
    "tests/unit/ledger/test_verify.py": 30,
}
"""Seconds of the groups and modules that say nothing of their length by their number of tests."""
_SECONDS_OF_A_TEST = {"acceptance": 8.0, "architecture": 1.0, "integration": 0.5}
_SERVERS_OF_ITS_OWN = 8.0
_QUICK = 0.1


class ModuleScheduling(LoadGroupScheduling):
    """Give a process one module at a time, or one group of modules that need each other."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the group of a test; of one without a group, its module."""
        return super()._split_scope(nodeid).partition("::")[0]

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Assign what takes longest of all that is left."""
        longest = max(self.workqueue, key=lambda scope: seconds_of(scope, self.workqueue[scope]))
        self.workqueue.move_to_end(longest, last=False)
        super()._assign_work_unit(node)


def seconds_of(scope: str, tests: Collection[str]) -> float:
    """Return about how many seconds the tests of a group or module take on a busy machine."""
    if (known := _SECONDS.get(scope)) is not None:
        return known
    _, is_module, rest = scope.partition("tests/")
    folder = rest.partition("/")[0]
    each = _SECONDS_OF_A_TEST.get(folder, _QUICK) if is_module else _SERVERS_OF_ITS_OWN
    return each * len(tests)
