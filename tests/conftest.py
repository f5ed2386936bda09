"""The whole suite: a PostgreSQL of its own, started when the first test needs it.

Tables are made as the owner; each test then runs as the role under test (`app` unless
`@pytest.mark.role("worker")` says otherwise), so a missing or excessive right shows at once.
"""

import os

# As in an installation: numpy reads it as it loads, and its threads for each core wait by spinning.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import functools
import gc
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings as examples
from pytest_django.plugin import DjangoDbBlocker, blocking_manager_key

from fanal.config.keys import ensure_keys
from fanal.kernel import clock
from fanal.kernel.actors import SYSTEM_PERSON, Actor
from tests import kept
from tests.examples import EXAMPLES
from tests.server import TestServer, as_worker, install_keys, test_home

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

    from fanal.accounts.operations.habilitations import NewHabilitation

# Modules and tests make no garbage while they load: the collector comes back when all are there.
gc.disable()

# No test asks how long an example takes: on a busy machine any may take a moment. A run draws the same
# examples as the run before, so what turns red is what was changed; `make search` draws others, and many. A run
# on a second Python draws a part of them, and a test's first parameters: what the others prove is proved by then.
examples.register_profile(
    "fanal",
    deadline=None,
    derandomize=EXAMPLES <= 1,
    suppress_health_check=[HealthCheck.too_slow],
)
examples.load_profile("fanal")

# Before Django reads its settings: nothing of the developer's own installation may be touched.
_HOME, _IS_CONTROLLER = test_home()
os.environ["FANAL_HOME"] = str(_HOME)
os.environ["FANAL_SECRET_KEY"] = "only for tests, fifty characters long at the very least"
os.environ["DJANGO_SETTINGS_MODULE"] = "fanal.config.settings"
for _name in ("FANAL_VAULT", "FANAL_DB_ROLE", "FANAL_DEMO", "FANAL_PUBLIC_NODE", "FANAL_HOSTS"):
    os.environ.pop(_name, None)
ensure_keys(_HOME, now=clock.now(), origin="fanal.test/ledger", node="node-1")
_SERVER = TestServer()
_TESTS = Path(__file__).parent
_GROUPS = {
    "test_kill": "kills",
    "test_rules": "kills",
    "test_canary": "kills",
    "test_two_desks": "desks",
    "test_bulk": "desks",
    "test_load": "serial",
}
_FOLDER_GROUPS = {"acceptance": "serial", "faults": "serial", "fuzz": "fuzz", "client": "lists"}


def pytest_configure() -> None:
    """Serve static files under their plain names: tests need no collected files. Hash passwords cheaply."""
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.WHITENOISE_AUTOREFRESH = (
        True  # else every client of a test lists all static files anew
    )
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


def pytest_unconfigure() -> None:
    """Stop the server when this was its last user; the controller removes the folder."""
    _SERVER.close()
    if _IS_CONTROLLER:
        _SERVER.remove_folder()


@pytest.fixture(scope="session", autouse=True)
def _agreement_unasked() -> None:
    """Tests travel in time: what is refused to a clock that is off has tests of its own."""
    from fanal.db import agreement

    agreement.install(None)


@pytest.fixture(scope="session", autouse=True)
def _work_by_the_worker() -> None:
    """What only the worker does has its rights in every test, as it has outside: the desk's are fewer."""
    from fanal import pipeline, trials
    from fanal.accounts.operations import demo as demo_people, habilitations
    from fanal.intake.operations import lifecycle
    from fanal.orient.alarms.operations import alarms
    from fanal.statistics import operations as statistics
    from fanal.worker.stages import StageLoop

    for owner, name in (
        (StageLoop, "run_once"),
        (pipeline, "continue_rerank"),
        (trials, "continue_trial"),
        (statistics, "refresh_days"),
        (demo_people, "ensure_demo_accounts"),
        (lifecycle, "expire_reports"),
        (alarms, "escalate_alarms"),
        (alarms, "record_raised"),
    ):
        _replace(owner, name, _with_the_worker_s_rights(getattr(owner, name)))
    grant = habilitations.grant_habilitation
    _replace(habilitations, "grant_habilitation", _granted_at_the_console(grant))


def _replace(owner: object, name: str, new: Callable[..., object]) -> None:
    """Replace a step where it is defined, and wherever it was imported by its name."""
    step = getattr(owner, name)
    for holder in (owner, *list(sys.modules.values())):
        if vars(holder).get(name) is step:
            setattr(holder, name, new)


def _with_the_worker_s_rights(step: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(step)
    def taken(*values: object, **named: object) -> object:
        with as_worker():
            return step(*values, **named)

    return taken


def _granted_at_the_console(grant: Callable[..., object]) -> Callable[..., object]:
    """The people of a test are habilitated in the system's name, which the console's role alone may do.

    On their first day: nobody held an office before it was granted, and tests tell of earlier days.
    """

    @functools.wraps(grant)
    def granted(*, actor: Actor, habilitation: "NewHabilitation", now: datetime) -> object:
        if actor.person_id != SYSTEM_PERSON:
            return grant(actor=actor, habilitation=habilitation, now=now)
        with as_worker():
            first = min(now, habilitation.valid_from)
            return grant(actor=actor, habilitation=habilitation, now=first)

    return granted


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "Scheduling | None":
    """Share the tests of `--dist loadgroup` out by modules, the longest first."""
    from tests.sharing import ModuleScheduling

    return ModuleScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each serial test its group: under `--dist loadgroup` a group stays together.

    What measures time is one group; what starts servers of its own is spread over the processes, a module or
    a group that shares a server at once, as each waits more than it works.
    """
    for item in items:
        if item.get_closest_marker("serial"):
            folder = item.path.relative_to(_TESTS).parts[0]
            module = item.path.stem
            group = _GROUPS.get(module) or _FOLDER_GROUPS.get(folder, module)
            item.add_marker(pytest.mark.xdist_group(group))
    if EXAMPLES < 1:
        _leave_each_once(config, items)
    if EXAMPLES != 1:
        _draw_more_or_fewer(items)


def _leave_each_once(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out all parameters of a test but its first; those of the client run nowhere else."""
    first: dict[str, pytest.Item] = {}
    for item in items:
        first.setdefault(item.nodeid.partition("[")[0], item)
    kept = {*first.values(), *(item for item in items if item.get_closest_marker("client"))}
    others = [item for item in items if item not in kept]
    items[:] = [item for item in items if item in kept]
    config.hook.pytest_deselected(items=others)


def _draw_more_or_fewer(items: Iterable[pytest.Item]) -> None:
    """Multiply the examples of each property test, whether it names their number or not."""
    tests = {
        getattr(item.obj, "__func__", item.obj)
        for item in items
        if isinstance(item, pytest.Function)
    }
    for test in tests:
        if getattr(test, "is_hypothesis_test", False):
            named = getattr(test, "_hypothesis_internal_use_settings", examples.default)
            other = examples(named, max_examples=max(1, round(named.max_examples * EXAMPLES)))
            # The library has no public way to say it.
            test._hypothesis_internal_use_settings = other


def pytest_collection_finish() -> None:
    """Let the collector walk what tests make, and never again what was loaded for them.

    Django is there: this process signs checkpoints as a worker does, whatever role a test takes.
    """
    from fanal.config.wiring import wire_keys

    wire_keys(_HOME, public_node=False)
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Sign Django in as the role that the test names; outside of a request it sees what a command sees."""
    from fanal.accounts import row_scope
    from fanal.kernel.actors import system_actor

    row_scope.show_to(system_actor("test"))
    marker = item.get_closest_marker("role")
    _SERVER.become(marker.args[0] if marker else "app")
    with item.config.stash[blocking_manager_key].unblock():
        kept.before(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """Undo what tests began with together, unless the next one begins with it too."""
    try:
        return (yield)
    finally:
        with item.config.stash[blocking_manager_key].unblock():
            kept.after(nextitem)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """Start the server and point Django at it, as the owner."""
    _SERVER.open()


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_modify_db_settings: None, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Give the rights once the tables are there; the owner comes back to drop them."""
    _SERVER.finish_set_up()
    yield
    with django_db_blocker.unblock():
        kept.after(None)
    _SERVER.become_owner()


@pytest.fixture
def database_urls(django_db_setup: None) -> Mapping[str, str]:
    """Address of the test database for each role: owner, app, worker, auditor, intake."""
    return _SERVER.urls()


@pytest.fixture
def committed(django_db_setup: None) -> TestServer:
    """All rows of the database, to be copied and put back as they were."""
    return _SERVER


@pytest.fixture
def servers_clock(django_db_setup: None) -> Iterator[None]:
    """Hold the acts of persons to the clock of the database, as in an installation."""
    with _SERVER.held_to_its_clock():
        yield


@pytest.fixture
def as_role(django_db_setup: None) -> Iterator[Callable[[str], object]]:
    """Return a function that opens a connection of a role's own, in autocommit.

    It sees committed rows only: use `django_db(transaction=True)` for what the test itself writes.
    """
    with _SERVER.connections() as connect:
        yield connect


@pytest.fixture
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture
def installed_keys() -> None:
    """Make this run's keys in its own folder and hand them to the process, as `fanal run` does.

    Before each test: whatever an earlier one put in their place is gone.
    """
    install_keys()
