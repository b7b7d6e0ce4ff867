"""The values that the server reads from its host, by release; recorded facts contain them for another machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ovms_doctor.cli.check_options import options_from
from ovms_doctor.diagnosis.deploy import deployment_for
from ovms_doctor.diagnosis.saved_options import options_from_json, options_to_json
from ovms_doctor.inputs.host import limits_on
from ovms_doctor.model import option_values
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.host import Host
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.releases import parse_release
from ovms_doctor.probes.host import read_host

MODEL = ("--model_path", "/m", "--model_name", "m", "--port", "9000", "--rest_port", "8000")
PLAIN = Host(online=16, affinity=8, quota=4, contained=False, open_files=1024)
INSIDE = Host(online=16, affinity=8, quota=4, contained=True, open_files=1024)


@pytest.mark.parametrize(
    ("host", "release", "cores"),
    [
        (PLAIN, "2022.1", 16),
        (PLAIN, "2026.1", 16),
        (PLAIN, "2026.3", 16),
        (INSIDE, "2026.1", 16),
        (INSIDE, "2026.2", 4),
        (Host(online=16, affinity=2, quota=4, contained=True), "2026.3", 2),
        (Host(online=16, affinity=8, quota=0, contained=True), "2026.3", 8),
        (Host(online=16, contained=True), "2026.3", None),
        (Host(online=16), "2026.3", None),
        (Host(), "2025.4", None),
    ],
)
def test_the_cores_that_a_release_counts(host: Host, release: str, cores: int | None) -> None:
    limits = limits_on(host, parse_release(release))
    assert (limits.cores, limits.open_files) == (cores, host.open_files)
    assert (limits.threads, limits.quota) == (host.affinity, host.quota)


def deployed(host: Host | None, release: str, *arguments: str) -> Deployment:
    """A deployment with a host from recorded facts: through the header of a facts file."""
    request = CheckOptions(
        arguments=(*MODEL, *arguments), release=release, bare_metal=host is not None, host=host
    )
    again = options_from_json(json.loads(json.dumps(options_to_json(request))))
    assert again == request
    return deployment_for(again, Facts(complete=True))


def refusal(host: Host | None, release: str, *args: str) -> str | None:
    arguments = deployed(host, release, *args).arguments
    assert arguments is not None
    return arguments.usage_error


ONE = Host(online=1, affinity=1, quota=0, contained=False, open_files=1024)
FEW = Host(online=4, affinity=4, quota=0, contained=False, open_files=64)
RANGE = "rest_workers count should be from 2 to 10000"


@pytest.mark.parametrize(
    ("host", "release", "arguments", "expected"),
    [
        # A machine with one core, and no --rest_workers at all.
        (ONE, "2024.5", (), None),
        (ONE, "2025.0", (), RANGE),
        (ONE, "2026.1", (), RANGE),
        (ONE, "2026.2", (), None),
        (None, "2026.1", (), None),
        # --rest_workers 1
        (PLAIN, "2026.1", ("--rest_workers", "1"), RANGE),
        (PLAIN, "2026.2", ("--rest_workers", "1"), None),
        # --grpc_workers 8 beside a quota of 4
        (INSIDE, "2026.1", ("--grpc_workers", "8"), None),
        (
            INSIDE,
            "2026.2",
            ("--grpc_workers", "8"),
            "grpc_workers count should be from 1 to CPU core count : 4",
        ),
        (PLAIN, "2026.2", ("--grpc_workers", "8"), None),
        (
            PLAIN,
            "2025.4",
            ("--grpc_workers", "17"),
            "grpc_workers count should be from 1 to CPU core count : 16",
        ),
        (None, "2026.3", ("--grpc_workers", "17"), None),
        # few files may be open
        (FEW, "2026.1", ("--rest_workers", "9"), None),
        (FEW, "2026.2", ("--rest_workers", "8"), None),
        (
            FEW,
            "2026.2",
            ("--rest_workers", "9"),
            "rest_workers count cannot be larger than 8 due to open files limit. Current open files limit: 64",
        ),
    ],
)
def test_workers_that_exceed_the_limits_of_the_host(
    host: Host | None, release: str, arguments: tuple[str, ...], expected: str | None
) -> None:
    assert refusal(host, release, *arguments) == expected


def test_workers_are_followed_if_the_cores_are_known() -> None:
    known = deployed(PLAIN, "2026.3", "--grpc_workers", "2").arguments
    unknown = deployed(None, "2026.3", "--grpc_workers", "2").arguments
    assert known is not None
    assert unknown is not None
    assert (known.not_predicted, unknown.not_predicted) == ((), ("--grpc_workers",))


@pytest.mark.parametrize(
    "data", [[], {"online": "4"}, {"open_files": -1}, {"contained": 1}, {"online": True}]
)
def test_invalid_host_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="not the options of a run"):
        options_from_json({"user": {"uid": 1, "gid": 1, "groups": []}, "host": data})


def test_facts_of_an_older_minor_version_know_no_host() -> None:
    data = options_to_json(CheckOptions(arguments=MODEL))
    del data["host"]
    assert options_from_json(data).host is None


def check_options(
    arguments: list[str] | None, *, bare_metal: bool = False, mounts: tuple[str, ...] = ()
) -> CheckOptions:
    parsed = {
        "targets": ["/m"] if arguments is None else None,
        "bare_metal": bare_metal,
        "mounts": [option_values.mount(text) for text in mounts],
        "load": "none",
    }
    return options_from(parsed, arguments)


def test_only_a_server_on_this_host_is_judged_by_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    # The free memory differs from call to call.
    host = read_host()
    monkeypatch.setattr("ovms_doctor.probes.host.read_host", lambda: host)
    arguments = list(MODEL)
    assert check_options(arguments).host == host
    assert check_options(arguments, bare_metal=True, mounts=("/h:/m",)).host == host
    container = check_options(arguments, mounts=("/h:/m",))
    assert (container.host, container.mounts) == (None, (Mount("/h", "/m"),))
    assert check_options(None).host is None
    assert check_options(None, bare_metal=True).host == host


@pytest.mark.parametrize(
    ("files", "contained", "quota"),
    [
        ({}, False, 0),
        ({"proc/self/cgroup": "0::/user.slice\n"}, False, 0),
        ({"proc/self/cgroup": "12:cpu:/docker/ab\n"}, True, 0),
        ({"proc/self/cgroup": "0::/kubepods.slice/x\n"}, True, 0),
        ({".dockerenv": ""}, True, 0),
        ({"run/.containerenv": ""}, True, 0),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, False, 0),
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, False, 2),
        ({"sys/fs/cgroup/cpu.max": "50000 100000\n"}, False, 1),
        ({"sys/fs/cgroup/cpu.max": "nonsense\n"}, False, 0),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "400000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            False,
            4,
        ),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            False,
            0,
        ),
    ],
)
def test_the_marks_of_a_container(tmp_path: Path, files: dict[str, str], contained: bool, quota: int) -> None:
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    host = read_host(str(tmp_path))
    assert (host.contained, host.quota) == (contained, quota)
    assert (host.online or 0) >= 1
    assert (host.open_files or 0) > 0
