"""The project's own rules, checked for all of its code: imports, sizes, documents, packaging."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import ovms_doctor

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ovms_doctor"
MODULES = sorted(PACKAGE.rglob("*.py"))
PYTHON_FILES = [*MODULES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "fixtures").rglob("*.py"))]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LONGEST_MODULE = 500

# -- who may import whom -------------------------------------------------------------------------------

#: From top to bottom; packages on one line do not import each other.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("plugins",),
    ("plugin", "diagnosis"),
    ("checks", "report", "explain"),
    ("inputs", "prediction", "probes"),
    ("model", ""),
)
LEVEL = {unit: -number for number, layer in enumerate(LAYERS) for unit in layer}

#: Slow to import, or not safe to: only inside the function that uses it. ``import openvino`` writes into the
#: home directory and calls a host; every one of these costs a start-up that does not need it.
HEAVY = {
    "openvino",
    "numpy",
    "boto3",
    "botocore",
    "google",
    "docker",
    "psutil",
    "yaml",
    "elftools",
    "grpc",
    "prometheus_client",
    "requests",
}
#: Only packages that print may import libraries for terminals.
TERMINAL = {"typer", "click", "rich"}
TERMINAL_PACKAGES = {"cli", "report", "model"}

#: Packages that compute and nothing else, so that facts recorded on another host give the same answer.
PURE = {"model", "inputs", "prediction", "checks", "report", "explain"}
IMPURE_MODULES = {
    "ctypes", "glob", "multiprocessing", "pathlib", "shutil", "socket", "subprocess",
    "tempfile", "threading", "urllib.request",
}  # fmt: skip
PURE_OS = {"path", "fsdecode", "fsencode", "strerror", "sep"}
IMPURE_OS_PATH = {
    "exists", "expanduser", "expandvars", "getatime", "getctime", "getmtime", "getsize", "isdir", "isfile",
    "islink", "ismount", "lexists", "realpath", "samefile",
}  # fmt: skip

#: Modules that come with a distribution that is declared.
COMES_WITH = {"botocore": "boto3", "google": "google-cloud-storage", "requests": "docker"}


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _unit(path: Path) -> str:
    """The part of the package that a module belongs to: the name of a directory or a module."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py").replace("__init__", "")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), filename=str(path))


@cache
def _nodes(path: Path) -> list[ast.AST]:
    """All nodes of a module; most of these tests go through those of every module."""
    return list(ast.walk(_tree(path)))


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Line and dotted name of whatever import statements may load, ``from x import y`` as ``x.y``."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _at_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """The statements that run when a module is imported: not those in functions, nor for type checkers."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield statement
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from _at_import(statement.orelse)
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _at_import(getattr(statement, field, []))
        for handler in getattr(statement, "handlers", []):
            yield from _at_import(handler.body)


def _in(name: str, packages: set[str]) -> bool:
    return name.split(".")[0] in packages


def test_modules_are_short() -> None:
    lines = {_relative(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    long = {name: number for name, number in lines.items() if number > LONGEST_MODULE}
    assert not long, "does each of these still hold one idea?"


def test_modules_begin_with_a_docstring() -> None:
    assert [_relative(path) for path in PYTHON_FILES if not ast.get_docstring(_tree(path))] == []


def test_imports_point_downwards() -> None:
    """A module imports from its own package and from the layers below it."""
    unknown = {_unit(path) for path in MODULES} - set(LEVEL)
    assert not unknown, "these have no layer yet: give them one here and in CONTRIBUTING.md"
    wrong = [
        f"{_relative(path)}:{line}: {name}"
        for path in MODULES
        for line, name in _imports(_nodes(path))
        if name.startswith("ovms_doctor.") and not _may_import(_unit(path), name)
    ]
    assert not wrong


def _may_import(unit: str, name: str) -> bool:
    other = name.split(".")[1]
    if other not in LEVEL:  # a name of the package itself, such as __version__
        return True
    return other == unit or LEVEL[other] < LEVEL[unit]


@pytest.mark.parametrize(
    ("unit", "name", "allowed"),
    [
        ("cli", "ovms_doctor.diagnosis.run", True),
        ("diagnosis", "ovms_doctor.cli.entry", False),
        ("checks", "ovms_doctor.model.plan.Plan", True),
        ("checks", "ovms_doctor.report.json_report", False),
        ("prediction", "ovms_doctor.probes.walk", False),
        ("prediction", "ovms_doctor.checks.layout", False),
        ("model", "ovms_doctor.prediction.startup", False),
        ("cli", "ovms_doctor.__version__", True),
    ],
)
def test_the_import_rule(unit: str, name: str, allowed: bool) -> None:
    assert _may_import(unit, name) is allowed


def test_names_are_imported_from_the_module_that_defines_them() -> None:
    """``import X as X`` marks a name as one for others to import from here."""
    assert not [
        f"{_relative(path)}, line {node.lineno}: {alias.name}"
        for path in MODULES
        for node in _nodes(path)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name == alias.asname
    ]


def test_no_protocol_repeats_a_data_type() -> None:
    """A protocol is for methods: code that needs only the fields of a data type uses that type."""
    assert not [
        f"{_relative(path)}: {node.name}"
        for path in MODULES
        for node in _nodes(path)
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).startswith("Protocol") for base in node.bases)
        and all(isinstance(item, ast.FunctionDef) and item.decorator_list for item in node.body[1:])
    ]


def test_no_import_cycle() -> None:
    """No two modules import each other when they are loaded, directly or through others."""
    names = {_dotted(path): path for path in MODULES}
    graph = {
        name: {
            other
            for _, imported in _imports(_at_import(_tree(path).body))
            if (other := imported if imported in names else imported.rpartition(".")[0]) in names
        }
        for name, path in names.items()
    }
    TopologicalSorter(graph).prepare()


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_imports_are_cheap() -> None:
    wrong = [
        f"{_relative(path)}:{line}: {name}"
        for path in MODULES
        for line, name in _imports(_at_import(_tree(path).body))
        if _in(name, HEAVY)
    ]
    assert not wrong, "import it inside the function that uses it"


def test_terminal_libraries_are_imported_by_renderers_only() -> None:
    wrong = [
        f"{_relative(path)}:{line}: {name}"
        for path in MODULES
        if _unit(path) not in TERMINAL_PACKAGES
        for line, name in _imports(_nodes(path))
        if _in(name, TERMINAL)
    ]
    assert not wrong


def test_pure_packages_do_no_io() -> None:
    pure = [path for path in MODULES if _unit(path) in PURE]
    assert pure
    assert [f"{_relative(path)}:{text}" for path in pure for text in _io(_tree(path))] == []


@pytest.mark.parametrize(
    "code",
    [
        "import socket",
        "from pathlib import Path",
        "open('a')",
        "import os\nos.stat('a')",
        "os.path.exists('a')",
    ],
)
def test_io_is_recognised(code: str) -> None:
    assert list(_io(ast.parse(code)))


def _io(tree: ast.Module) -> Iterator[str]:
    """Each line at which the module reads or writes something outside of the process, as ``line: call``."""
    nodes = list(ast.walk(tree))
    yield from (f"{line}: import of {name}" for line, name in _imports(nodes) if _imports_io(name))
    for node in nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("open", "print", "input"):
            yield f"{node.lineno}: {ast.unparse(node.func)}()"
        if isinstance(node, ast.Attribute):
            module, _, name = ast.unparse(node).rpartition(".")
            if (module == "os" and name not in PURE_OS) or (
                module in ("os.path", "posixpath") and name in IMPURE_OS_PATH
            ):
                yield f"{node.lineno}: {module}.{name}"


def _imports_io(name: str) -> bool:
    if name.startswith("pathlib.Pure"):
        return False
    return any(name == module or name.startswith(f"{module}.") for module in IMPURE_MODULES)


def test_starting_the_program_loads_nothing_heavy() -> None:
    """The same as above for the running program: through every import of the command line."""
    script = "import sys, ovms_doctor.cli.entry; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    loaded = set(result.stdout.split())
    assert "ovms_doctor" in loaded
    assert not loaded & HEAVY


# -- what is shipped -----------------------------------------------------------------------------------


def _project() -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project


def _canonical(name: str) -> str:
    """A distribution's name as the package index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_library_used_is_declared() -> None:
    """A normal installation gives the whole tool: every imported library is declared."""
    requirements = _project()["dependencies"]
    assert isinstance(requirements, list)
    declared = {_canonical(re.split(r"[^\w.-]", text)[0]) for text in requirements}
    imports = (name for path in MODULES for _, name in _imports(_nodes(path)))
    used = {name.split(".")[0] for name in imports} - set(sys.stdlib_module_names) - {"ovms_doctor"}
    distributions = packages_distributions()
    undeclared = {
        name
        for name in used
        if _canonical(COMES_WITH.get(name, "")) not in declared
        and not {_canonical(item) for item in distributions.get(name, [name])} & declared
    }
    assert not undeclared


@pytest.mark.needs_module("hatchling")
def test_wheel_contains_the_whole_package(tmp_path: Path) -> None:
    """Data files and the marker for type checkers are shipped; nothing but the package and its manual page is."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
        entry_points = archive.read(f"ovms_doctor-{ovms_doctor.__version__}.dist-info/entry_points.txt")
    expected = {
        _relative(path) for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    expected.add(f"ovms_doctor-{ovms_doctor.__version__}.data/data/share/man/man1/ovms-doctor.1")
    assert shipped == expected
    assert "ovms_doctor/py.typed" in shipped
    assert b"ovms-doctor = ovms_doctor.cli.entry:run_program" in entry_points


def test_version_has_a_changelog_entry() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.search(rf"^## {re.escape(ovms_doctor.__version__)}\b", changelog, re.MULTILINE)


# -- documents -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("heading", ["Quick start", "Tests"])
def test_readme_gives_one_command(heading: str) -> None:
    """The first block below the heading is one line, and that is a script of ours that can be run."""
    readme = (ROOT / "README.md").read_text("utf-8")
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", readme, re.MULTILINE | re.DOTALL)
    assert section, f"no heading {heading}"
    block = re.search(r"^```\w*\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL)
    assert block, "no block"
    (command,) = block[1].splitlines()
    script = ROOT / command
    assert script.is_file()
    assert script.stat().st_mode & 0o111


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert re.search(r"^CI=true exec \./scripts/test$", (ROOT / ".ci/run").read_text("utf-8"), re.MULTILINE)


def test_links_between_documents_lead_somewhere() -> None:
    links = [(path, target) for path in DOCUMENTS for target in _local_links(path)]
    assert links
    assert [
        f"{_relative(path)}: {target}" for path, target in links if not (path.parent / target).exists()
    ] == []


def _local_links(path: Path) -> list[str]:
    """The targets of a document's links to files, without the part after ``#``."""
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]


#: Names that do not say what the thing is, for types, functions and modules; CONTRIBUTING.md describes good names.
COINED = frozenset(
    "Sight Meeting Surroundings Told Given Words Begun Asked Said Shown Seen Paper Place Stops Broken "
    "NotRead Refused Died Threw Came General World ask_aside setbacks contained fate by_place "
    "everything aside room rooms meeting begun told said asked seen shown given wanted done came "
    "trouble place places words what where why heard unmet foretold threw nobody world_directory "
    "DeviceWorld worlds host_world look look_at look_ahead looked_up time_to_look cannot_look HungLooks "
    "hung_looks LookRemedy LiveLook KnownWords known_words who what_then what_else why_unknown "
    "ask_worker ask_host ask_ahead ask_openvino ask_model say become essence likeness in_trouble strike "
    "learned see_host see_devices Brought bring Sheet Odd Means Way way_phrase ways_text turn_to "
    "take_begun spoiled WELL MOMENT really tells_names_with_dots seeming_entry speaks_as_requested gone "
    "make_room strangers size_in_words in_words from_words redact_words read_words google_words "
    "brings_tokenizers takes_the_time breaks_off carriers Carriers stays TELLING BACK STAND_IN "
    "odd_worker Pass Hidden".split()
)
#: The same for variables, parameters and fields.
COINED_VARIABLES = frozenset(
    "told said asked seen unseen untold unsaid unmet paper seat aside meeting fate sight setbacks begun "
    "room rooms heard foretold given wanted done came trouble troubles place places what where why who "
    "blamed threw deed fed dear nobody look looked looked_at patience tired in_vain in_a_row wave mine "
    "strange strangers sure near culprit meanwhile nowhere way ways sees everybody everything chance me "
    "victim act odd junk baked blind gate".split()
)
#: The same for variables outside of the package, where arguments and outputs were often called so.
COINED_TEST_VARIABLES = COINED_VARIABLES | frozenset(
    "words shown here there world world_dir how which".split()
)
#: Code that is no part of the package, but read by the same people.
OTHER_CODE = sorted(
    path for name in ("tests", "scripts", "benchmarks", "fixtures") for path in (ROOT / name).rglob("*.py")
)


def test_names_are_plain() -> None:
    found = {_relative(path): names for path in MODULES if (names := set(_coined(_tree(path))))}
    others = {
        _relative(path): names
        for path in OTHER_CODE
        if (names := set(_coined(_tree(path), COINED_TEST_VARIABLES)))
    }
    assert found | others == {}
    assert not [_relative(path) for path in [*MODULES, *OTHER_CODE] if path.stem in COINED | COINED_VARIABLES]


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("class Sight: pass", {"Sight"}),
        ("class NearSight: pass\nshown = 1\ndef asked_by(x): pass", set()),
        ("def fate(): pass", {"fate"}),
        ("def f(told, *, seen=1): pass", {"told", "seen"}),
        ("for said in x: pass\nwith y as paper: z.seat = 1", {"said", "paper", "seat"}),
        ("class A:\n    unseen: int = 0", {"unseen"}),
        ("'told'; told; x.said(); f(seen=1)", set()),
    ],
)
def test_coined_names_are_found(code: str, found: set[str]) -> None:
    assert set(_coined(ast.parse(code))) == found


def _coined(tree: ast.Module, variables: frozenset[str] = COINED_VARIABLES) -> Iterator[str]:
    """The coined names that the code defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names, coined = (node.name.strip("_"),), COINED
        elif isinstance(node, ast.arg):
            names, coined = (node.arg.strip("_"),), variables
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names, coined = (node.id.strip("_"),), variables
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names, coined = (node.attr.strip("_"),), variables
        else:
            continue
        yield from coined.intersection(names)


def test_no_helper_is_imported_from_a_test_module() -> None:
    wrong = [
        f"{_relative(path)}:{line}: {name}"
        for path in PYTHON_FILES
        for line, name in _imports(_nodes(path))
        if name.startswith("tests.") and any(part.startswith("test_") for part in name.split(".")[:-1])
    ]
    assert wrong == []


def test_no_private_attribute_is_tested() -> None:
    """A name that starts with one underscore belongs to the module or class that defines it."""
    wrong = [
        f"{_relative(path)}:{line}: {name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for line, name in _imports(_nodes(path))
        if name.startswith("ovms_doctor") and any(re.match("_[a-z]", part) for part in name.split("."))
    ]
    assert wrong == []


#: The files at the top of the checkout; a file that a command left there by mistake must not be committed.
TOP_LEVEL = set(
    ".ci .dockerignore .gitignore .pre-commit-hooks.yaml CHANGELOG.md CONTRIBUTING.md Dockerfile LICENSE README.md "
    "action.yml benchmarks deploy docs fixtures ovms_doctor pyproject.toml scripts templates tests".split()
)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no git checkout")
def test_top_level_contains_only_the_project() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.partition("/")[0] for line in tracked.splitlines()} == TOP_LEVEL


def test_benchmarks_import_existing_names() -> None:
    """They are run by hand, so that a renamed function would be noticed late."""
    trees = {path.stem: ast.parse(path.read_text("utf-8")) for path in (ROOT / "benchmarks").glob("*.py")}
    missing = [
        f"{name}: {alias.name} of {node.module}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in trees
        for alias in node.names
        if alias.name not in _names_in(trees[node.module])
    ]
    assert trees
    assert missing == []


def _names_in(tree: ast.Module) -> set[str]:
    """The names that a module has after its import."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {
                inner.id for target in targets for inner in ast.walk(target) if isinstance(inner, ast.Name)
            }
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names
