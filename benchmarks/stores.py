"""Models in S3: requests, bytes, memory and time of a check, ``python benchmarks/stores.py [--quick]``.

The server is moto on loopback. The time is a ratio to a plain loop with boto3 that lists every model and
reads every XML one after another; both run in turns and without the forwarder. Requests and bytes are counted
in a separate run, by a forwarder between program and server. Needs ``pip install 'moto[server]'``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import contextlib

from measure import alternate, doctor, least, machine, middle, once, peak_memory, python
from run import judged, print_line, verdict
from trees import repository

BUCKET, PAGE = "benchmark", 1000
KEYS = ("AKIDBENCHMARK", "benchmark-secret")
ALL = '{"all": {}}'
LOOP = """
import sys, boto3
from botocore.config import Config
endpoint, models = sys.argv[1], int(sys.argv[2])
client = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id="AKIDBENCHMARK",
    aws_secret_access_key="benchmark-secret", region_name="us-east-1",
    config=Config(s3={"addressing_style": "path"}))
found = 0
for number in range(models):
    listed = client.list_objects_v2(Bucket="benchmark", Prefix=f"models/model-{number:05}/")
    for item in listed["Contents"]:
        if item["Key"].endswith(".xml"):
            client.get_object(Bucket="benchmark", Key=item["Key"])["Body"].read()
            found += 1
if found != 3 * models:
    sys.exit(f"{found} XMLs of {models} models")
"""


@dataclass
class Counted:
    """The transferred data."""

    #: Number of requests by method.
    requests: dict[str, int]
    #: Bytes that the server sent.
    received: int = 0

    @property
    def all(self) -> int:
        return sum(self.requests.values())


class Forwarder:
    """Forwards the connections of a port to another port, and counts."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._lock = threading.Lock()
        self.counted = Counted({})
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listening.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", self._to))
            threading.Thread(target=self._carry, args=(accepted, upstream, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(upstream, accepted, False), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, asking: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                with self._lock:
                    if asking:
                        # Requests without a body, each sent in one piece.
                        for method in re.findall(rb"(?:^|\r\n\r\n)(GET|HEAD|PUT|POST|DELETE) /", data):
                            name = method.decode()
                            self.counted.requests[name] = self.counted.requests.get(name, 0) + 1
                    else:
                        self.counted.received += len(data)
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()


def started(directory: str) -> tuple[subprocess.Popen[bytes], int]:
    """Starts moto's server; returns its process and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with open(f"{directory}/moto.log", "wb") as log:
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process, port
        except OSError:
            time.sleep(0.1)
    process.kill()
    raise RuntimeError(f"moto did not come up: {Path(directory, 'moto.log').read_text()[-500:]}")


def client(port: int) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, max_pool_connections=16),
    )


def fill(port: int, tree: str) -> int:
    """Writes the files of ``tree`` below models/ in the bucket; returns their number."""
    s3 = client(port)
    s3.create_bucket(Bucket=BUCKET)
    files = [path for path in Path(tree).rglob("*") if path.is_file()]

    def put(path: Path) -> None:
        s3.put_object(Bucket=BUCKET, Key=f"models/{path.relative_to(tree)}", Body=path.read_bytes())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, files))
    return len(files)


def environment_options(endpoint: str) -> tuple[str, ...]:
    """Returns the arguments of the check: every version is requested, and read statically."""
    environment = (
        f"S3_ENDPOINT={endpoint}",
        f"AWS_ACCESS_KEY_ID={KEYS[0]}",
        f"AWS_SECRET_ACCESS_KEY={KEYS[1]}",
    )
    environment_options = tuple(part for pair in environment for part in ("--env", pair))
    return (
        "check",
        f"s3://{BUCKET}/models",
        "--load",
        "none",
        "--model-version-policy",
        ALL,
        *environment_options,
    )


def measure(directory: str, models: int, times: int) -> None:
    tree = repository(f"{directory}/tree-{models}", models, 3)
    server, port = started(directory)
    try:
        keys = fill(port, tree)
        xmls = sum(path.stat().st_size for path in Path(tree).rglob("*.xml"))
        print_line(
            f"{models} models x 3 versions, {keys} keys: {judged(environment_options(f'http://127.0.0.1:{port}'))}"
        )
        forwarder = Forwarder(port)
        once(doctor(*environment_options(forwarder.endpoint)))
        check_count = forwarder.counted
        forwarder.close()
        forwarder = Forwarder(port)
        once(python(LOOP, forwarder.endpoint, str(models)))
        loop_count = forwarder.counted
        forwarder.close()
        lists = -(-keys // PAGE)
        fewest = lists + 3 * models
        methods = ", ".join(f"{name} {count}" for name, count in sorted(check_count.requests.items()))
        ratio = check_count.all / fewest
        print_line(
            f"  requests {check_count.all} ({methods}); least {fewest}; {ratio:.2f}  {verdict(ratio, 1.5)}; "
            f"loop {loop_count.all}"
        )
        print_line(
            f"  bytes received {check_count.received / 2**20:.2f} MiB; the XMLs alone {xmls / 2**20:.2f} MiB; loop "
            f"{loop_count.received / 2**20:.2f} MiB"
        )
        endpoint = f"http://127.0.0.1:{port}"
        runs = alternate(
            {"check": doctor(*environment_options(endpoint)), "loop": python(LOOP, endpoint, str(models))},
            times,
        )
        a, b = runs["check"].wall, runs["loop"].wall
        ratio = middle(a) / middle(b)
        print_line(
            f"  wall {middle(a):.2f} s beside {middle(b):.2f} s of the loop: {ratio:.2f} (of the least "
            f"{least(a) / least(b):.2f})  {verdict(ratio, 0.5)}"
        )
        ratio = middle(runs["check"].cpu) / middle(runs["loop"].cpu)
        print_line(
            f"  CPU  {middle(runs['check'].cpu):.2f} s beside {middle(runs['loop'].cpu):.2f} s: {ratio:.2f}"
        )
        print_line(f"  most memory of the parent {peak_memory(environment_options(endpoint)):.0f} MiB")
    finally:
        server.kill()
        server.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures what a check of models in S3 costs.")
    parser.add_argument("--quick", action="store_true", help="20 models only")
    options = parser.parse_args()
    print_line(machine())
    directory = tempfile.mkdtemp(prefix="ovms-doctor-benchmark-")
    try:
        for models, times in ((20, 2),) if options.quick else ((100, 5), (1000, 3)):
            measure(directory, models, times)
    except RuntimeError as error:
        print_line(f"could not be measured: {error}")
        return 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
