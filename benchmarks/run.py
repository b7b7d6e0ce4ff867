"""The cost of a run compared with a reference: ``python benchmarks/run.py [--quick] [NAME…]``.

Every figure is a ratio of two commands that ran in turns, so that a slow or busy machine slows both. See
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from measure import (
    Command,
    Runs,
    alternate,
    chosen_parts,
    doctor,
    imports_of,
    least,
    machine,
    middle,
    once,
    peak_memory,
    python,
)
from trees import configuration, repository

#: Prevents ``import openvino`` from sending telemetry, which costs time and needs a network.
QUIET = "import sys; sys.modules['openvino_telemetry'] = None; "
ONE = "import openvino as ov; ov.Core().read_model(sys.argv[1])"
LOOP = (
    "import glob, openvino as ov; core = ov.Core(); "
    "[{} for path in sorted(glob.glob(sys.argv[1] + '/*/1/model.xml'))]"
)
READ_LOOP = LOOP.format("core.read_model(path)")
COMPILE_LOOP = LOOP.format("core.compile_model(core.read_model(path), 'CPU')")

#: Requests every version of every model.
ALL_VERSIONS = ("--model-version-policy", '{"all": {}}')

#: The reference for a configuration: json.load, and the entries of each base path.
PLAIN_LOOK = """
import json, os, sys
with open(sys.argv[1], encoding="utf-8") as file:
    listed = json.load(file)["model_config_list"]
found = sum(len(list(os.scandir(item["config"]["base_path"]))) for item in listed)
if found != len(listed):
    sys.exit(f"{found} versions of {len(listed)} models")
if len(sys.argv) > 2:
    with open("/proc/self/status") as status, open(sys.argv[2], "w") as file:
        file.write(next(line.split()[1] for line in status if line.startswith("VmHWM:")))
"""


@dataclass(frozen=True)
class Setting:
    """The amount of work."""

    #: Number of runs of short commands.
    short: int
    #: Number of runs of long commands.
    long: int
    #: Number of models in the small tree.
    models: int
    #: Number of models in the tree of medium size.
    many: int
    #: How many times more models the large tree has.
    factor: int
    #: Whether ``import openvino`` is also measured with its telemetry.
    plain: bool
    #: Number of models in the configuration.
    entries: int


NORMAL = Setting(short=15, long=5, models=200, many=1000, factor=10, plain=False, entries=2000)
QUICK = Setting(short=5, long=2, models=40, many=100, factor=5, plain=False, entries=200)


def print_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def verdict(value: float, goal: float | None) -> str:
    if goal is None:
        return ""
    return f"goal {goal:g}: {'met' if value <= goal else 'MISSED'}"


def compare(title: str, measured: Runs, other: Runs, kind: str, goal: float | None) -> None:
    """Prints one line: both medians, their ratio, which is compared with the goal, and the ratio of the minima."""
    a, b = measured.of(kind), other.of(kind)
    ratio = middle(a) / middle(b)
    print_line(
        f"{title:46} {kind:4} {middle(a) * 1e3:9.0f} ms {middle(b) * 1e3:9.0f} ms {ratio:6.2f} "
        f"{least(a) / least(b):6.2f}  {verdict(ratio, goal)}"
    )


def absolute(title: str, value: float, unit: str, goal: float | None) -> None:
    print_line(f"{title:46} {'':4} {value:9.2f} {unit:3} {'':26}  {verdict(value, goal)}")


def start(directory: str, setting: Setting) -> None:
    runs = alternate(
        {"pass": python("pass"), "version": doctor("--version"), "explain": doctor("explain", "OVD101")},
        setting.short,
    )
    compare("--version / python -c pass", runs["version"], runs["pass"], "cpu", 2.5)
    compare("explain OVD101 / python -c pass", runs["explain"], runs["pass"], "cpu", 5)
    tree = repository(f"{directory}/imported", 1)
    runs = alternate({"pass": python("pass"), "imports": imports_of(("check", tree))}, setting.short)
    compare("all imports of check / python -c pass", runs["imports"], runs["pass"], "cpu", 12)


def one(directory: str, setting: Setting) -> None:
    tree = repository(f"{directory}/one", 1)
    path = f"{tree}/model-00000/1/model.xml"
    commands = {"check": doctor("check", tree), "load": python(QUIET + ONE, path)}
    if setting.plain:
        commands["plain"] = python("import sys; " + ONE, path)
    runs = alternate(commands, setting.short)
    compare("check, one model / read_model, telemetry stubbed", runs["check"], runs["load"], "wall", 0.6)
    compare("  the same", runs["check"], runs["load"], "cpu", None)
    if setting.plain:
        compare("check, one model / read_model as it is", runs["check"], runs["plain"], "wall", 0.6)


def loading(directory: str, setting: Setting) -> None:
    tree = repository(f"{directory}/some", setting.models)
    for level, loop in (("read", READ_LOOP), ("compile", COMPILE_LOOP)):
        commands = {"check": doctor("check", tree, "--load", level), "loop": python(QUIET + loop, tree)}
        runs = alternate(commands, setting.long)
        title = f"check --load {level}, {setting.models} models / one loop"
        compare(title, runs["check"], runs["loop"], "wall", 1.0)
        compare("  the same", runs["check"], runs["loop"], "cpu", None)


def walking(directory: str, setting: Setting) -> None:
    tree = repository(f"{directory}/many", setting.many, 3)
    arguments = ("check", tree, "--load", "none")
    every = (*arguments, *ALL_VERSIONS)
    commands = {
        "check": doctor(*arguments),
        "every": doctor(*every),
        "find": Command(["find", tree]),
        "pass": python("pass"),
    }
    runs = alternate(commands, setting.long)
    versions = setting.many * 3
    title = f"check --load none, {versions} versions"
    compare(f"{title} / find", runs["check"], runs["find"], "wall", None)
    compare("  the same", runs["check"], runs["find"], "cpu", None)
    # 1.2 s on a machine that takes 12 ms to start a bare Python.
    goal = 100 if setting.many == NORMAL.many else None
    compare(f"{title} / python -c pass", runs["check"], runs["pass"], "cpu", goal)
    absolute("  CPU time, with all children", middle(runs["check"].cpu), "s", None)
    absolute("  most memory of the parent", peak_memory(arguments), "MiB", 150)
    shutil.rmtree(tree)
    large = repository(f"{directory}/large", setting.many * setting.factor, 3)
    arguments = ("check", large, "--load", "none", *ALL_VERSIONS)
    slowest = min(once(doctor(*arguments))[1] for _ in range(2))
    each = (slowest / setting.factor) / least(runs["every"].cpu)
    absolute(
        f"  all requested: CPU for each of {versions * setting.factor} to each of {versions}", each, "", 1.2
    )
    absolute("  all requested: most memory of the parent", peak_memory(arguments), "MiB", 150)


def configured(directory: str, setting: Setting) -> None:
    config = configuration(f"{directory}/configured", setting.entries)
    arguments = ("check", config, "--load", "none")
    plain = [PLAIN_LOOK, config]
    runs = alternate({"check": doctor(*arguments), "plain": python(*plain)}, setting.long)
    title = f"check a configuration of {setting.entries} / json, scandir"
    compare(title, runs["check"], runs["plain"], "wall", 20)
    compare("  the same", runs["check"], runs["plain"], "cpu", None)
    peak = f"{directory}/peak"
    once(python(*plain, peak))
    with open(peak) as file:
        other = int(file.read()) / 1024
    absolute("  most memory of the parent", peak_memory(arguments), "MiB", None)
    absolute("  most memory of json, scandir", other, "MiB", None)
    print_line(f"  judged: {judged(arguments)}")


def judged(arguments: Sequence[str]) -> str:
    """Checks a run: its figures count only if every model was checked. Raises RuntimeError otherwise."""
    with tempfile.TemporaryDirectory() as directory:
        report = f"{directory}/report.json"
        once(doctor(*arguments, "--format", "json", "-o", report))
        with open(report, encoding="utf-8") as file:
            document = json.load(file)
    versions = [version for model in document["models"] for version in model["versions"]]
    known = [version for version in versions if not version["requested"] or version["state"] is not None]
    if document["summary"]["verdict"] == "incomplete" or len(known) < len(versions):
        raise RuntimeError(f"of {len(versions)} versions only {len(known)} were judged")
    return f"{len(document['models'])} models, {len(versions)} versions, verdict {document['summary']['verdict']}"


PARTS: dict[str, Callable[[str, Setting], None]] = {
    "start": start,
    "one": one,
    "loading": loading,
    "walking": walking,
    "configured": configured,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures what a run costs, as ratios.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these parts: " + ", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="smaller trees and fewer runs")
    parser.add_argument(
        "--plain",
        action="store_true",
        help="import openvino as it is too: it reports the import over the network, where there is one",
    )
    options = parser.parse_args()
    names = chosen_parts(parser, options.names, PARTS)
    base = QUICK if options.quick else NORMAL
    setting = Setting(base.short, base.long, base.models, base.many, base.factor, options.plain, base.entries)
    print_line(f"{machine()}{'; --quick: indicative only' if options.quick else ''}")
    print_line(f"{'':46} {'':4} {'ours':>12} {'other':>12} {'ratio':>6} {'of min':>6}")
    directory = tempfile.mkdtemp(prefix="ovms-doctor-benchmark-")
    try:
        # The files are read as the server's user, which is another user.
        os.chmod(directory, 0o755)  # noqa: S103
        for name in names:
            try:
                PARTS[name](directory, setting)
            except RuntimeError as error:
                print_line(f"{name}: could not be measured: {error}")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
