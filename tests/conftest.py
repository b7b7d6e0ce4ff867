"""What all tests share: directories that every user can enter, and the requirements that a test has on the
machine.

A test that needs root, a program or a module is skipped on a machine that lacks it. With ``CI=true`` it fails
instead, so that every test runs somewhere.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NoReturn

import hypothesis
import pytest
from hypothesis.internal.conjecture import providers

from tests.worker_copies import use_copies, use_started_workers

# pytest rewrites their assertions as it does those of the tests.
pytest.register_assert_rewrite(
    "tests.checks.helpers",
    "tests.cli.helpers",
    "tests.cli.run",
    "tests.configuration.build",
    "tests.extension.run",
    "tests.stores.reports",
)
pytest_plugins = ("tests.stores.fixtures",)
use_copies()

#: Fixtures that use a container engine.
ENGINES = {"engine", "_shared_engine"}
#: Fixtures that use a server on the loopback interface.
SERVERS = {
    *("moto", "moto_iam", "swift", "gcs_emulator", "squid", "faulty", "rights", "emulated", "fake"),
    *("_moto", "_moto_iam", "_squid"),
}
#: Modules whose tests share no set-up: with several workers, each test can run on any worker.
SPREAD = ("tests/test_cases.py", "tests/parameters/test_recorded.py", "tests/delivery/test_pythons.py")
#: The environment of tests/delivery/conftest.py that takes long to create.
LIGHT = "light_installation"

#: The number of parameter sets collected so far, by test function with the marker ``sample``.
_SAMPLED: Counter[str] = Counter()

#: A user that no test machine has, but whose id the image of the server uses.
SERVER_UID = 5000

# Every run draws the same examples, so that a test that passed does not fail by chance. ``--hypothesis-profile random``
# draws others. How long an example takes says something about the machine.
_ANY_SPEED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("same", derandomize=True, print_blob=True, **_ANY_SPEED)
hypothesis.settings.register_profile("few", hypothesis.settings.get_profile("same"), max_examples=10)
hypothesis.settings.register_profile("random", print_blob=True, **_ANY_SPEED)
hypothesis.settings.load_profile("same")

# Where this module is there, jsonschema has it make forty parsers of international addresses, which takes longer than
# to import all of ovms-doctor; no schema of the tests has a format that they parse.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]

# In a job of GitHub Actions the text report has additional lines, and a summary would be written.
for _name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "FORCE_HYPERLINK"):
    os.environ.pop(_name, None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--one-of-each",
        action="store_true",
        help="run each test function once, with its first parameters, and with few examples of hypothesis",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("one_of_each"):
        hypothesis.settings.load_profile("few")
    if config.getoption("--hypothesis-profile") != "random":
        # Hypothesis also draws constants of the modules that are loaded, and which are depends on the tests before.
        providers._get_local_constants = lambda: providers._local_constants


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leaves what is collected out of garbage collection, which otherwise goes through all modules and tests of the
    run again and again: most of the time of a test that makes many objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Applies ``--one-of-each``; with several workers, runs modules with slow tests first.

    Then no worker waits at the end of a run for another that has just started with minutes of work.
    """
    if hasattr(config, "workerinput"):
        long = {
            item.path
            for item in items
            if any(item.get_closest_marker(name) for name in ("engine", "server", "slow"))
        }
        items.sort(key=lambda item: item.path not in long)
    if not config.getoption("one_of_each"):
        return
    selected: dict[str, pytest.Item] = {}
    others = []
    for item in items:
        if selected.setdefault(item.nodeid.partition("[")[0], item) is not item:
            others.append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = selected.values()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks a test with what it requires and with its worker group.

    Tests of one module share servers and files that are created once. All tests of the container engine are
    one group, so that one daemon is started for any number of workers; all tests of the light installation
    are another group.
    """
    module = item.nodeid.partition("::")[0]
    fixtures = set(getattr(item, "fixturenames", ()))
    _mark_slow_unless_sampled(item)
    if fixtures & ENGINES:
        item.add_marker(pytest.mark.engine)
        item.add_marker(pytest.mark.xdist_group("engine"))
        return
    if fixtures & SERVERS:
        item.add_marker(pytest.mark.server)
    if LIGHT in fixtures:
        item.add_marker(pytest.mark.xdist_group(LIGHT))
    elif module not in SPREAD:
        item.add_marker(pytest.mark.xdist_group(module))


def _mark_slow_unless_sampled(item: pytest.Item) -> None:
    """Applies the marker ``sample``: counts the parameter sets of each test function in the order of collection."""
    marker = item.get_closest_marker("sample")
    if marker is not None:
        function = item.nodeid.partition("[")[0]
        number = _SAMPLED[function]
        _SAMPLED[function] += 1
        if number % marker.kwargs["every"]:
            item.add_marker(pytest.mark.slow)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Evaluates the ``needs_…`` markers."""
    if item.get_closest_marker("needs_root") and (reason := _not_root()):
        skip_or_fail(reason)
    if item.get_closest_marker("needs_fuse") and (reason := _no_fuse()):
        skip_or_fail(reason)
    for marker in item.iter_markers("needs_command"):
        for name in marker.args:
            if shutil.which(name) is None:
                skip_or_fail(f"the program {name} is missing")
    for marker in item.iter_markers("needs_module"):
        for name in marker.args:
            if importlib.util.find_spec(name) is None:
                skip_or_fail(f"the module {name} is missing")


def _no_fuse() -> str:
    """The reason why this process cannot mount a file system; empty if it can."""
    if not os.path.exists("/dev/fuse"):
        return "needs /dev/fuse (modprobe fuse)"
    status = Path("/proc/self/status").read_text()
    capabilities = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    may_mount = 1 << 21
    return "" if int(capabilities, 16) & may_mount else "needs root, to mount a file system (CAP_SYS_ADMIN)"


def skip_or_fail(reason: str) -> NoReturn:
    """Skips the test for this reason; with ``CI=true``, fails it."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{reason}, and CI must run this test", pytrace=False)
    pytest.skip(reason)


@cache
def _not_root() -> str:
    """The reason why this process cannot change to another user; empty if it can."""
    if os.geteuid() != 0:
        return "needs root, to take on other users' ids"
    try:
        subprocess.run(["true"], user=SERVER_UID, group=SERVER_UID, extra_groups=[39, 44], check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"root may not take on other users' ids here: {error}"
    return ""


@pytest.fixture
def started_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starts workers as a user's command does, instead of copying them."""
    use_started_workers(monkeypatch)


@pytest.fixture
def public_dir() -> Iterator[Path]:
    """An empty directory that every user can enter and list; the umask is 022 while the test runs."""
    with public_directory() as path:
        yield path


@contextmanager
def public_directory() -> Iterator[Path]:
    """As ``public_dir``, for fixtures of a wider scope.

    It is not below ``tmp_path``, which pytest creates for its own user only. It is removed afterwards,
    whatever modes the test has set in it.
    """
    path = Path(tempfile.mkdtemp(prefix="ovms-doctor-test-", dir=_open_to_all()))
    path.chmod(0o755)
    umask = os.umask(0o022)
    try:
        yield path
    finally:
        os.umask(umask)
        _remove(path)


def _open_to_all() -> str:
    """A directory for temporary files that every user can reach."""
    for directory in (tempfile.gettempdir(), "/var/tmp", "/tmp"):
        resolved = Path(directory).resolve()
        steps = (resolved, *resolved.parents)
        if os.access(resolved, os.W_OK) and all(step.stat().st_mode & stat.S_IXOTH for step in steps):
            return str(resolved)
    return tempfile.gettempdir()


def _remove(top: Path) -> None:
    """Removes a tree whose directories may be closed even for their owner. Links are not followed."""
    top.chmod(0o700)
    for directory, subdirectories, _ in os.walk(top):
        # The walk lists a directory only after this loop over its parent: it can enter what is repaired here.
        for name in subdirectories:
            path = os.path.join(directory, name)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(top)
