"""Compose files with the recorded output of ``docker compose config``; ``python -m tests.inputs.compose_cases
PROGRAM`` runs it again and writes ``tests/data/compose/config.json``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[1] / "data" / "compose" / "config.json"
#: The directory of each file, in the recording and in the tests.
PROJECT = "/srv/ovms"
ENVIRONMENT = {"HOME": "/home/ann", "TAG": "2025.4", "EMPTY": ""}
FILES = {
    ".env": "PORT=9001\nTAG=none\nQUOTED='a b' # c\n",
    "a.env": 'export A="1 ${TAG}"\n# no\nB=b # c\nEMPTY=\nC: d\nNONE\n',
    "base.yaml": "services: {base: {image: ovms, volumes: ['./far:/far', 'vol:/v'], mem_limit: 1g, cap_drop: [ALL]}}\n"
    "volumes: {vol: {}}\n",
}
#: Keys of the service ``ovms``; an image is added where they contain none.
SERVICES = (
    "volumes: ['/a:/m', '/b:/m']", "volumes: ['/a:/m:ro', './b:/m/']", "volumes: ['.:/x', '..:/y', '~/m:/z']",
    "volumes: ['/x:/y:rw,z', '/x:/z:foo']", "volumes: ['/x/:/y/../z']", "volumes: ['/only']",
    "volumes: [{type: bind, source: x, target: /t, read_only: true, bind: {create_host_path: false}}]",
    "volumes: [{type: bind, source: ./x, target: /t, bind: {selinux: z, propagation: rslave}}]",
    "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 64m}}, {type: volume, target: /v}]", "volumes: ['data:/m:ro']",
    "volumes: ['x/y:/m']", "volumes: ['/x:']", "volumes: ['a:b:c:d:e']", "volumes: ['v:/m']\nVOLUMES",
    "volumes: ['vol:/m', 'mine:/n', 'out:/o', 'dir:/p:ro']\nVOLUMES", "tmpfs: /t", "tmpfs: [/t, '/u:size=64m']",
    "ports: ['9000:9000/TCP', 8000]", "ports: ['127.0.0.1::9000', '[::1]:80:81']", "ports: ['9000-9001:9000-9001']",
    "ports: ['0:9000', ':9001', '${NOPE}:9002']", "ports: [{target: '9000', published: 80, mode: host}]",
    "ports: [{published: 80}]", "ports: ['1:99999']", "ports: [9000.5]", "ports: ['1-2:1-3']", "ports: {a: b}",
    "mem_limit: 2147483648", "mem_limit: 2.5g\nmem_reservation: 512MiB", "mem_limit: lots",
    "mem_limit: 1g\ndeploy: {resources: {limits: {memory: 2g}}}", "memswap_limit: -1\nmem_limit: 1g",
    "deploy: {resources: {limits: {cpus: '0.5', memory: 512M, pids: 9}, reservations: {memory: 256M}}}",
    "cpus: '2'\ncpuset: '0,1'\npids_limit: 64", "cpu_quota: 50000\ncpu_period: 100000", "cpus: lots", "cpuset: 0",
    "ulimits: {nofile: 65536}", "ulimits: {nofile: {soft: 1, hard: 2}}", "ulimits: {nofile: {soft: 1}}",
    "shm_size: 64M", "environment: {A: true, B: 1.0, C: 1e3, D: 0x10, HOME: , NOPE: }",
    "environment: [TAG, NOPE, B=c, C=]", "environment: {A: [1]}", "env_file: a.env\nenvironment: {B: own}",
    "env_file: [{path: gone, required: false}]", "env_file: [a.env]\ncommand: --a $$A",
    'command: a "b c" \'d\' e\\ f', 'command: \'a "b c" ; d\'', "command: 'a # b'", "command: 'a#b'",
    'command: --a {"x":1}', "command: echo $$HOME $(id)", "command: (a)", 'command: "\'"',
    "command: |\n  --a b\n  --c d", "command: ''", "command: []\nentrypoint: []", "entrypoint: ''\ncommand: [a, '']",
    "command: [a, 1]", "command: [a, null]", "command: {a: b}", "command: --port ${PORT:?no} ${TAG-x} ${EMPTY:-y}",
    "command: a ${EMPTY-x} ${NOPE:+z} ${TAG:+set} ${NOPE:-${TAG}}", "command: ${NOPE:?set it}", "command: ${1}",
    "command: '${PORT'", "command: ${QUOTED}", 'command: "${QUOTED} b"', "image: 'ovms:${TAG}'", "image: ''",
    "user: ':'", "user: '1000:1000'\ngroup_add: [44, video]", "user: 5000", "user: ''", "working_dir: /w",
    "devices: [/dev/dri, '/dev/accel:/dev/accel:rw']",
    "devices: [{source: /dev/dri, target: /dev/dri, permissions: rw}]", "gpus: all",
    "deploy: {resources: {reservations: {devices: [{driver: x, count: 1, capabilities: [gpu]}]}}}",
    "read_only: 'yes'\nprivileged: 'no'", "privileged: maybe", "read_only: '${NOPE:-true}'", "cap_drop: ALL",
    "cap_drop: [ALL, CHOWN]\nsecurity_opt: ['no-new-privileges:true']", "restart: always", "restart: on-failure:3",
    "deploy: {restart_policy: {condition: on-failure, max_attempts: 3}}", "network_mode: host", "userns_mode: host",
    "network_mode: host\nnetworks: [default]", "networks: [default]", "healthcheck: {test: a b, interval: 1m30s}",
    "healthcheck: {test: [CMD, a], retries: 3, timeout: 5s}", "healthcheck: {test: [a]}",
    "healthcheck: {interval: 10}", "healthcheck: {disable: true}",
    "extends: {service: base, file: base.yaml}\nvolumes: ['./own:/far']\nVOLUMES",
    "extends: {service: base, file: gone.yaml}", "extends: ovms", "extends: {service: none, file: base.yaml}",
    "x-any: 1", "comand: a", "stdin_open: true\ntty: true\ninit: true\nlabels: {a: b}\nstop_grace_period: 5s",
    "logging: {driver: none}\npull_policy: always\nplatform: linux/amd64\nhostname: h\nextra_hosts: ['a:1.2.3.4']",
    "restart: no", "container_name: serving", "secrets: [s]", "configs: [{source: c, target: /c.json}]\nVOLUMES",
    "image: ovms\nbuild: .", "volumes: *a", "environment: {<<: {A: 1}, B: 2}", "command: yes", "command: 1:30",
)  # fmt: skip
TAIL = (
    "volumes: {v: , vol: , mine: {name: own}, out: {external: true},"
    " dir: {driver_opts: {type: none, o: bind, device: /srv/m}}}\nconfigs: {c: {file: ./c.json}}\n"
)


def compose_file(keys: str) -> str:
    """The file with a service that has these keys."""
    tail = TAIL if keys.endswith("VOLUMES") else ""
    lines = keys.removesuffix("VOLUMES").splitlines()
    if not any(line.startswith("image:") for line in lines):
        lines.insert(0, "image: openvino/model_server:2026.3")
    return "services:\n  ovms:\n" + "".join(f"    {line}\n" for line in lines) + tail


def _config(program: str, keys: str) -> dict[str, Any] | None:
    """The program's output for the service; None if it refuses the file."""
    with tempfile.TemporaryDirectory() as top:
        directory = Path(top, "ovms")
        directory.mkdir()
        for name, text in (*FILES.items(), ("ovms.yaml", compose_file(keys))):
            (directory / name).write_text(text, "utf-8")
        arguments = [program, "-f", str(directory / "ovms.yaml"), "config", "--format", "json"]
        made = subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin", **ENVIRONMENT},
        )
        if made.returncode:
            return None
        text = made.stdout.replace(str(directory), PROJECT).replace(top, "/srv")
    document = json.loads(text)
    remaining = {name: value for name, value in document["services"]["ovms"].items() if value is not None}
    named = {key: volume.get("name") for key, volume in document.get("volumes", {}).items()}
    return {"service": remaining, "volumes": named}


if __name__ == "__main__":
    version = subprocess.run([sys.argv[1], "version", "--short"], capture_output=True, text=True, check=True)
    made = {
        "version": version.stdout.strip(),
        "cases": {keys: _config(sys.argv[1], keys) for keys in SERVICES},
    }
    RECORDED.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", "utf-8")
