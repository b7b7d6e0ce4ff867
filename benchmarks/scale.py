"""Large repositories, buckets and collections of reports: ``python benchmarks/scale.py [--quick] [NAME…]``.

Processor time and peak memory at three sizes, per version, model or report: a ratio above 1 means that the
cost grows faster than the input. The parent and its children are measured separately. The store is moto on
loopback, filled before it listens; its own processor time is listed separately, and a plain boto3 loop over
the same bucket is the reference. Needs ``pip install 'moto[server]'`` for the part ``store``. See
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from measure import chosen_parts, environment, machine
from run import ALL_VERSIONS, print_line, verdict
from stores import BUCKET, LOOP, Forwarder, environment_options
from trees import configuration, repository

VERSIONS = 3
#: Seconds between two measurements of the processes' memory.
_BETWEEN = 0.05
#: A size of weights that is too small for the model: each version has a finding.
_SHORT = b"\0" * 8
_GOAL, _GOAL_MEMORY = 1.2, 250.0

#: A moto server with the files of a tree below models/ in a bucket, put there without a request for each.
STORE = """
import sys
from pathlib import Path
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import main
port, bucket, tree = sys.argv[1], sys.argv[2], Path(sys.argv[3])
store = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
store.create_bucket(bucket, "us-east-1")
for path in sorted(tree.rglob("*")):
    if path.is_file():
        store.put_object(bucket, f"models/{path.relative_to(tree)}", path.read_bytes())
main(["-H", "127.0.0.1", "-p", port])
"""


@dataclass(frozen=True)
class Cost:
    """The cost of one run."""

    #: Processor seconds with all children.
    cpu: float
    #: Peak memory of the parent in MiB.
    parent: float
    #: Peak memory of the largest child in MiB.
    child: float


def watched(arguments: Sequence[str], codes: Sequence[int] = (0,)) -> Cost:
    """Returns the cost of ``ovms-doctor ARGUMENTS``. Raises RuntimeError if it ends with another exit code."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "ovms_doctor", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment(),
        )
        peaks: dict[int, int] = {}
        while True:
            for pid in _tree(process.pid):
                peaks[pid] = max(peaks.get(pid, 0), _peak(pid))
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(_BETWEEN)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in codes:
            errors.seek(0)
            text = errors.read().decode("utf-8", "replace").strip()
            raise RuntimeError(f"{' '.join(arguments)[:200]} ended with {process.returncode}: {text[-500:]}")
    parent = peaks.pop(process.pid, 0)
    return Cost(used.ru_utime + used.ru_stime, parent / 1024, max(peaks.values(), default=0) / 1024)


def _tree(pid: int) -> Iterator[int]:
    """Yields a process and all its descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{thread}/children").read_text().split():
                yield from _tree(int(child))


def _peak(pid: int) -> int:
    """Returns the peak memory in KiB of a process so far; 0 if it has ended."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as status:
        return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)
    return 0


def grown(title: str, unit: str, sizes: Sequence[int], cost_of: Callable[[int], Cost]) -> None:
    """Prints one line for each size. The processor time of each ``unit`` is a ratio to the time at the first size."""
    first = 0.0
    for size in sizes:
        cost = cost_of(size)
        each = cost.cpu / size
        first = first or each
        ratio = each / first
        last = size == sizes[-1]
        print_line(
            f"{title:34} {size:6} {unit:8} {cost.cpu:7.2f} s  {each * 1e3:6.3f} ms each  {ratio:5.2f}"
            f"  parent {cost.parent:4.0f} MiB, largest child {cost.child:4.0f} MiB"
            + (f"  {verdict(ratio, _GOAL)}; memory {verdict(cost.parent, _GOAL_MEMORY)}" if last else "")
        )


def trees(directory: str, sizes: Sequence[int]) -> None:
    """Measures repositories in which all versions are requested: healthy, and with one finding each, as text and as
    JSON."""
    for size in sizes:
        repository(f"{directory}/healthy-{size}", size // VERSIONS, VERSIONS)
        faulty = repository(f"{directory}/faulty-{size}", size // VERSIONS, VERSIONS)
        for path in Path(faulty).rglob("*.bin"):
            path.write_bytes(_SHORT)
    report = ("--format", "json", "-o", f"{directory}/report.json")
    for kind, codes in (("healthy", (0,)), ("faulty", (1,))):
        for form, more in (("text", ()), ("json", report)):
            options = ("--load", "none", *ALL_VERSIONS, *more)
            grown(
                f"check, {kind}, {form}",
                "versions",
                sizes,
                partial(_tree_cost, directory, kind, options, codes),
            )


def _tree_cost(directory: str, kind: str, options: Sequence[str], codes: Sequence[int], size: int) -> Cost:
    return watched(("check", f"{directory}/{kind}-{size}", *options), codes)


def configured(directory: str, sizes: Sequence[int]) -> None:
    """Measures configuration files with this number of models of one version; some have misspelt base paths."""
    sizes = [size // VERSIONS for size in sizes]
    for size in sizes:
        config = configuration(f"{directory}/{size}", size)
        text = Path(config).read_text("ascii").replace("/models/model-", "/models/modell-")
        Path(f"{directory}/{size}/misspelt.json").write_text(text, "ascii")
    for title, name, codes in (
        ("config.json", "config", (0,)),
        ("config.json, all missing", "misspelt", (1,)),
    ):
        grown(f"check, {title}", "models", sizes, partial(_configured_cost, directory, name, codes))


def _configured_cost(directory: str, name: str, codes: Sequence[int], size: int) -> Cost:
    path = f"{directory}/{size}/{name}.json"
    return watched(("check", path, "--bare-metal", "--load", "none"), codes)


def store(directory: str, sizes: Sequence[int]) -> None:
    """Measures buckets of models with three versions each, compared with a plain loop of boto3; requests, and the
    store's own time."""
    sizes = [size // VERSIONS for size in sizes]
    costs: dict[int, Cost] = {}
    lines = []
    for size in sizes:
        tree = repository(f"{directory}/{size}", size, VERSIONS)
        with served(tree, directory) as (server, port):
            forwarder = Forwarder(port)
            began = server_cpu(server)
            # The store is slow on a busy machine: one listing of the whole bucket may take minutes.
            costs[size] = watched((*environment_options(forwarder.endpoint), "--timeout", "120"))
            check_seconds = server_cpu(server) - began
            requests = forwarder.counted.all
            forwarder.close()
            used = _children_cpu()
            loop = [sys.executable, "-c", LOOP, f"http://127.0.0.1:{port}", str(size)]
            subprocess.run(loop, check=True, env=environment(), stdin=subprocess.DEVNULL)
            loop_cpu = _children_cpu() - used
            loop_seconds = server_cpu(server) - began - check_seconds
        fewest = -(-size * VERSIONS * 2 // 1000) + size * VERSIONS
        lines.append(
            f"  {size:6} models: {requests} requests, {requests / fewest:.3f} of the least; CPU of check / of the loop "
            f"{costs[size].cpu / loop_cpu:.2f}; of the store {check_seconds:.1f} s, "
            f"beside {loop_seconds:.1f} s for the loop"
        )
    grown("check s3://", "models", sizes, costs.__getitem__)
    for line in lines:
        print_line(line)


@contextlib.contextmanager
def served(tree: str, directory: str) -> Iterator[tuple[int, int]]:
    """Yields a store with the files of ``tree``: its process and its port."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(f"{directory}/moto.log", "wb") as log:
        command = [sys.executable, "-c", STORE, str(port), BUCKET, tree]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        for _ in range(6000):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            if process.poll() is not None:
                break
            time.sleep(0.1)
        if process.poll() is not None:
            raise RuntimeError(f"moto did not come up: {Path(directory, 'moto.log').read_text()[-500:]}")
        yield process.pid, port
    finally:
        process.kill()
        process.wait()


def server_cpu(pid: int) -> float:
    """Returns the processor seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children_cpu() -> float:
    times = os.times()
    return times.children_user + times.children_system


def summaries(location: str, sizes: Sequence[int]) -> None:
    """Measures ``summary`` over this number of reports with 100 findings each, one report for each host, compared with
    ``json.loads``."""
    sizes = [size // VERSIONS for size in sizes]
    template = _report(location)
    directory = f"{location}/reports"
    os.makedirs(directory)
    made = 0

    def cost(size: int) -> Cost:
        nonlocal made
        for number in range(made, size):
            text = template.replace("HOST-NAME", f"host-{number:05}")
            Path(directory, f"{number:05}.json").write_text(text)
        made = size
        return watched(("summary", directory), (1,))

    grown("summary", "reports", sizes, cost)
    used = _children_cpu()
    plain = "import glob, json, sys; [json.load(open(name)) for name in glob.glob(sys.argv[1] + '/*')]"
    subprocess.run([sys.executable, "-c", plain, directory], check=True)
    print_line(
        f"  json.load of each of {made}: {_children_cpu() - used:.2f} s of {len(template) >> 10} KiB each"
    )


def _report(directory: str) -> str:
    """Returns a report with 100 findings."""
    tree = repository(f"{directory}/hundred", 100)
    for path in Path(tree).rglob("*.bin"):
        path.write_bytes(_SHORT)
    path = f"{directory}/hundred.json"
    watched(("check", tree, "--load", "none", "--host-name", "HOST-NAME", "-f", "json", "-o", path), (1,))
    text = Path(path).read_text()
    if len(json.loads(text)["findings"]) != 100 or "HOST-NAME" not in text:
        raise RuntimeError("the report has not 100 findings or no host")
    return text


PARTS: dict[str, Callable[[str, Sequence[int]], None]] = {
    "trees": trees,
    "configured": configured,
    "store": store,
    "summaries": summaries,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures how cost grows with the size of the input.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these parts: " + ", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes: indicative only")
    typed = parser.parse_args()
    names = chosen_parts(parser, typed.names, PARTS)
    sizes = (300, 999, 3000) if typed.quick else (3000, 9999, 30000)
    print_line(machine())
    for name in names:
        with tempfile.TemporaryDirectory(prefix="ovms-doctor-benchmark-") as directory:
            # The files are read as the server's user, which is another user.
            os.chmod(directory, 0o755)  # noqa: S103
            try:
                PARTS[name](directory, sizes)
            except RuntimeError as error:
                print_line(f"{name}: could not be measured: {error}")
            finally:
                shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
