"""A command imports only what it uses: checked by the imported modules, not by time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.helpers import good_model

ROOT = Path(__file__).parents[1]

#: Runs the command line as the console script does, then writes the list of imported modules.
SCRIPT = """
import sys
place = sys.argv.pop(1)
try:
    if sys.argv[1:] != ["nothing"]:
        from ovms_doctor.cli.entry import main
        main()
except SystemExit as end:
    code = end.code
else:
    code = 0
with open(place, "w") as file:
    file.write("\\n".join(sys.modules))
sys.exit(code)
"""

#: Modules that only children import, or only other commands need.
NEVER = {
    "boto3",
    "botocore",
    "docker",
    "elftools",
    "google",
    "jinja2",
    "numpy",
    "openvino",
    "psutil",
    "pydantic",
    "requests",
    "urllib3",
    "yaml",
}
#: Modules that are not needed to read a log line, a configuration or a terminal.
NOT_IMPORTED = {
    "asyncio",
    "email",
    "http",
    "importlib.resources",
    "logging",
    "pickle",
    "rapidjson",
    "rich.console",
    "ssl",
}


class ImportedModules:
    """The modules that a command imported, beyond those that any run of this interpreter does."""

    def __init__(self, modules: set[str], code: int, out: str) -> None:
        self.modules = modules
        self.code = code
        self.out = out

    def of(self, names: set[str]) -> set[str]:
        """Those of ``names`` that were imported, themselves or something in them."""
        return {name for name in names if any(f"{item}.".startswith(f"{name}.") for item in self.modules)}

    @property
    def packages(self) -> set[str]:
        """The packages of ovms_doctor from which a module was imported."""
        parts = (item.split(".") for item in self.modules)
        return {item[1] for item in parts if item[0] == "ovms_doctor" and len(item) > 1}


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The modules without ovms-doctor: site-packages may contain files that import something at every start."""
    return _run(tmp_path_factory.mktemp("bare") / "modules", ["nothing"]).modules


@pytest.fixture
def imported(bare: set[str], tmp_path: Path) -> Run:
    return Run(bare, tmp_path / "modules")


class Run:
    """Runs a command in a process of its own."""

    def __init__(self, bare: set[str], path: Path) -> None:
        self._bare = bare
        self._path = path

    def __call__(self, *arguments: str | Path) -> ImportedModules:
        completed = _run(self._path, [str(word) for word in arguments])
        return ImportedModules(completed.modules - self._bare, completed.code, completed.out)


def _run(path: Path, arguments: list[str]) -> ImportedModules:
    command = [sys.executable, "-c", SCRIPT, str(path), *arguments]
    completed = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )
    # collect prints what it wrote.
    assert completed.stderr == "" or arguments[0] == "collect"
    return ImportedModules(set(path.read_text().split("\n")), completed.returncode, completed.stdout)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    good_model(tmp_path / "models" / "m" / "1")
    return tmp_path / "models" / "m"


def test_version_builds_no_parser(imported: Run) -> None:
    result = imported("--version")
    assert result.code == 0
    assert result.out.startswith("ovms-doctor ")
    assert {item for item in result.modules if item.startswith("ovms_doctor")} == {
        "ovms_doctor",
        "ovms_doctor.cli",
        "ovms_doctor.cli.entry",
        "ovms_doctor.cli.streams",
    }
    assert not result.of(
        {"dataclasses", "inspect", "json", "re", "rich", "subprocess", "typer", "typing"} | NEVER
    )


def test_a_code_needs_the_index_only(imported: Run) -> None:
    result = imported("explain", "OVD101")
    assert result.code == 0
    assert "OVD101" in result.out
    assert not result.of(
        NEVER
        | NOT_IMPORTED
        | {"ctypes", "hashlib", "inspect", "platform", "rich", "subprocess", "tempfile", "typer"}
        | {"typing_extensions"}
    )
    assert result.packages <= {"cli", "explain", "model", "probes"}


@pytest.mark.parametrize(
    "arguments", [["No version found for model in path: /m"], ["/m", "is", "nothing", "known"]]
)
def test_a_log_line_needs_the_index_only(imported: Run, arguments: list[str]) -> None:
    result = imported("explain", *arguments, "--format", "json")
    assert not result.of(NEVER | NOT_IMPORTED | {"ctypes", "hashlib", "rich"})
    assert result.packages <= {"cli", "explain", "model", "plugins", "probes"}


def test_the_list_of_checks_imports_no_check(imported: Run) -> None:
    result = imported("checks")
    assert result.code == 0
    assert not result.of(NEVER | NOT_IMPORTED | {"ctypes", "rich"})
    assert not result.packages & {"checks", "diagnosis"}


@pytest.mark.parametrize("schema", ["report", "facts"])
def test_a_schema_reads_no_files(imported: Run, schema: str) -> None:
    result = imported("schema", schema)
    assert result.code == 0
    assert not result.of(NEVER | NOT_IMPORTED | {"ctypes", "rich"})
    assert not result.packages & {"checks", "diagnosis", "plugins"}


def test_recorded_facts_need_no_collector(imported: Run, model: Path, tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    assert imported("collect", model, "--load", "none", "-o", file).code == 0
    result = imported("check", "--facts", file)
    assert result.code == 0
    assert not result.of(NEVER | NOT_IMPORTED | {"ctypes"})
    assert not {item for item in result.modules if item.startswith("ovms_doctor.probes.local")}


@pytest.mark.parametrize("load", ["none", "read"])
def test_crash_prone_imports_are_in_child_processes(imported: Run, model: Path, load: str) -> None:
    result = imported("check", model, "--load", load)
    assert result.code == 0
    assert not result.of(NEVER | NOT_IMPORTED | {"inspect", "platform", "subprocess", "typer"})
    collecting = {item for item in result.modules if item.startswith("ovms_doctor.probes.")}
    assert "ovms_doctor.probes.local" in collecting
    in_children = ("inspect", "library", "processes.worker", "runtime", "stores")
    assert not collecting & {f"ovms_doctor.probes.{name}" for name in in_children}


def test_a_good_local_model_imports_no_other_rules(imported: Run, model: Path) -> None:
    result = imported("check", model, "--load", "none")
    assert result.code == 0
    unused = {
        *("hashlib", "ipaddress", "random", "secrets", "shlex", "urllib.parse"),
        *("ovms_doctor.checks.storage", "ovms_doctor.cli.redaction", "ovms_doctor.report.document"),
        *("ovms_doctor.prediction.graphs.follow", "ovms_doctor.report.live_text"),
    }
    assert not result.of(unused)


def test_unqueried_store_imports_no_client(imported: Run) -> None:
    """The path and the environment decide, as always for Azure: no child is started."""
    for path in ("s3://", "az://container/m"):
        result = imported("check", path)
        assert not result.of(NEVER | NOT_IMPORTED)
        assert not {item for item in result.modules if item.startswith("ovms_doctor.probes.stores")}


def test_a_configuration_is_read_with_the_servers_parser(imported: Run, model: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"model_config_list": []}')
    result = imported("check", config, "--load", "none")
    assert result.of(NEVER | NOT_IMPORTED) == {"rapidjson"}


def test_a_report_for_programs_needs_no_renderer(imported: Run, model: Path) -> None:
    result = imported("check", model, "--load", "none", "--format", "json")
    assert result.code == 0
    assert not result.of({"rich"})
    assert not {item for item in result.modules if item.startswith("ovms_doctor.report.text")}


def test_no_pattern_is_compiled_by_an_import(model: Path, tmp_path: Path) -> None:
    """Compiling the patterns of all modules took a twelfth of a run, which uses few of them."""
    script = tmp_path / "script.py"
    script.write_text(
        "import re, sys\n"
        "compile, places = re.compile, []\n"
        "def noting(*arguments):\n"
        "    frame = sys._getframe(1)\n"
        "    if frame.f_code.co_name == '<module>' and 'ovms_doctor' in frame.f_globals['__name__']:\n"
        "        places.append(f'{frame.f_code.co_filename}:{frame.f_lineno}')\n"
        "    return compile(*arguments)\n"
        "re.compile = noting\n"
        "import ovms_doctor.cli.app\n"
        "assert ovms_doctor.cli.app.run(sys.argv[1:]) == 0\n"
        "print(*places, sep='\\n', file=sys.stderr)\n"
    )
    completed = subprocess.run(
        [sys.executable, str(script), "check", str(model), "--load", "none"],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        check=False,
    )
    assert completed.stderr.split() == []


@pytest.mark.slow
def test_every_module_can_be_imported_first() -> None:
    """No import cycle depends on the order; each module is imported in a process of its own."""
    package = Path(__file__).parents[1] / "ovms_doctor"
    script = (
        "import importlib, os, sys\n"
        "for name in sys.argv[1:]:\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        try:\n"
        "            importlib.import_module(name)\n"
        "        except ImportError as error:\n"
        "            print(name, error, flush=True)\n"
        "        os._exit(0)\n"
        "    os.waitpid(child, 0)\n"
    )
    names = [
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted(package.rglob("*.py"))
        if path.name != "__main__.py"
    ]
    assert len(names) > 400
    completed = subprocess.run(
        [sys.executable, "-c", script, *names],
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (completed.stdout, completed.stderr) == ("", "")
