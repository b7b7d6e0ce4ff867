"""Findings about hosts and containers with one fault, and whether each is gone after its remedy."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import Result, ovms_doctor

#: The user who runs the tests: its files can be repaired without root.
ME = f"{os.getuid()}:{os.getgid()}"
OVMS = "openvino/model_server"


def codes(run: Result) -> list[str]:
    return [finding["code"] for finding in run.document["findings"]]


def steps(run: Result) -> list[dict[str, Any]]:
    (finding,) = run.document["findings"]
    found: list[dict[str, Any]] = finding["remedy"]["steps"]
    return found


def follow(run: Result) -> None:
    """Runs the commands of the only finding unchanged."""
    for step in steps(run):
        subprocess.run(["/bin/sh", "-c", step["command"]], check=True)


def on_this_host(host: Path, *arguments: str, user: str = ME) -> Result:
    model = [
        "--model_path",
        str(host / "models" / "dense"),
        "--model_name",
        "dense",
        "--target_device",
        "CPU",
    ]
    options = ["-f", "json", "--memory", "1g", "--user", user]
    return ovms_doctor("check", *options, "--", *model, "--port", "9000", *arguments)


def to_be_run(host: Path, options: str, arguments: str = "", release: str = "2026.3") -> Result:
    line = f"docker run -v {host}/models:/models:ro {options} {OVMS}:{release} --model_path /models/dense"
    return ovms_doctor(
        "check", "--docker-run", f"{line} --model_name m --port 9000 {arguments}", "-f", "json"
    )


# -- the cache -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_a_dangling_link_is_not_a_cache_directory(host: Path, below: str) -> None:
    """As libstdc++'s create_directories: mkdir(2) finds the link, whatever the rights."""
    link = host / "cache" / "link"
    link.symlink_to("/nowhere/at/all")
    run = on_this_host(host, "--cache_dir", f"{link}{below}")
    assert codes(run) == ["OVD501"]
    assert "a link whose destination does not exist" in run.document["findings"][0]["message"]
    assert "File exists" in run.document["findings"][0]["server_log"][0]
    assert run.document["server"]["exit_code"] == 1
    follow(run)
    assert codes(on_this_host(host, "--cache_dir", f"{link}{below}")) == []


def test_a_file_at_the_path_of_the_cache_is_moved_away(host: Path) -> None:
    (host / "cache" / "file").write_text("x")
    run = on_this_host(host, "--cache_dir", f"{host}/cache/file/cache")
    assert codes(run) == ["OVD501"]
    follow(run)
    assert codes(on_this_host(host, "--cache_dir", f"{host}/cache/file/cache")) == []


def test_a_read_only_mount_of_another_users_directory_needs_two_steps(host: Path) -> None:
    (host / "cache").chmod(0o755)
    mounts = ["--mount", f"{host}/models:/models"]
    arguments: list[str | Path] = [
        host / "models",
        "--cache-dir",
        "/cache",
        "--user",
        "4321:4321",
        "-f",
        "json",
        *mounts,
    ]
    run = ovms_doctor("check", *arguments, "--mount", f"{host}/cache:/cache:ro")
    assert codes(run) == ["OVD505"]
    mount, owner = [step["command"] for step in steps(run)]
    assert mount == f"-v {host}/cache:/cache:rw"
    assert owner.startswith("chown -R 4321:4321 ")
    assert codes(ovms_doctor("check", *arguments, "--mount", f"{host}/cache:/cache:rw")) == ["OVD505"]
    (host / "cache").chmod(0o777)
    run = ovms_doctor("check", *arguments, "--mount", f"{host}/cache:/cache:ro")
    assert [step["command"] for step in steps(run)] == [mount]


@pytest.mark.parametrize("shared", ["/", "/usr", "/var/lib", "/usr/local/"])
def test_the_owner_of_a_system_directory_is_not_changed(host: Path, shared: str) -> None:
    run = ovms_doctor("check", host / "models", "--cache-dir", shared, "--user", "4321:4321", "-f", "json")
    assert codes(run) == ["OVD505"]
    (step,) = steps(run)
    assert step["command"].startswith("install -d -o 4321 -g 4321 -m 0750 ")
    assert step["command"].endswith(f"{shared.rstrip('/')}/ovms-cache")


def test_models_in_the_cache_directory_keep_their_owner(host: Path) -> None:
    run = ovms_doctor(
        "check", host / "models", "--cache-dir", host / "models", "--user", "4321:4321", "-f", "json"
    )
    (step,) = steps(run)
    assert step["command"] == f"chown 4321:4321 {host}/models && chmod u+rwx {host}/models"


@pytest.mark.parametrize("cache_path", ["/dev/null", "fifo", "cache"])
def test_cache_path_that_is_not_a_directory(host: Path, cache_path: str) -> None:
    os.mkfifo(host / "fifo")
    run = ovms_doctor("check", host / "models", "--cache-dir", host / cache_path, "-f", "json")
    assert codes(run) == ([] if cache_path == "cache" else ["OVD506"])


def test_unknown_cache_is_not_reported_as_good(host: Path) -> None:
    run = ovms_doctor("check", host / "models", "--cache-dir", host / "missing", "-f", "json")
    (check,) = [item for item in run.document["checks"] if item["name"] == "cache"]
    assert (codes(run), check["status"], run.code) == ([], "could_not_look", 3)


@pytest.mark.parametrize("arguments", ["", "--cache_dir /opt/cache"])
def test_a_cache_in_a_volume_is_unavailable(host: Path, arguments: str) -> None:
    run = to_be_run(host, "-v ovms-cache:/opt/cache", f"--target_device CPU {arguments}")
    (check,) = [item for item in run.document["checks"] if item["name"] == "cache"]
    assert (codes(run), check["status"], run.code) == ([], "could_not_look", 3)


# -- processors and memory -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("release", "options", "expected"),
    [
        ("2025.4", "--cpus 0.5 --cpuset-cpus 0-3", ["OVD745"]),
        ("2026.1", "--cpus 2 --cpuset-cpus 0-3", ["OVD745"]),
        ("2026.2", "--cpus 0.5 --cpuset-cpus 0-3", []),
        ("2026.3", "--cpus 2 --cpuset-cpus 0-3", []),
        ("2025.4", "--cpus 3 --cpuset-cpus 0-3", []),
        ("2025.4", "--cpuset-cpus 0-3", []),
    ],
)
def test_the_server_passes_on_a_quota_since_2026_2(
    host: Path, release: str, options: str, expected: list[str]
) -> None:
    assert codes(to_be_run(host, options, "--target_device CPU", release)) == expected


@pytest.mark.parametrize(("config", "count"), [({}, 1), ({"ENABLE_MMAP": "NO"}, 2)])
def test_a_file_that_is_read_instead_of_mapped_is_named(
    host: Path, config: dict[str, str], count: int
) -> None:
    entry = {"name": "m", "base_path": str(host / "models" / "dense"), "plugin_config": config}
    path = host / "config.json"
    path.write_text(json.dumps({"model_config_list": [{"config": {**entry, "target_device": "CPU"}}]}))
    run = ovms_doctor("check", path, "--memory", "8m", "-f", "json")
    assert codes(run) == ["OVD741"]
    assert len(steps(run)) == count
    assert "1 MiB of mapped" not in run.document["findings"][0]["detail"]


# -- devices -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "arguments", "release"),
    [
        ("--privileged", "GPU", "2026.3-gpu"),
        ("-v /dev/dri:/dev/dri", "GPU", "2026.3-gpu"),
        ("", "AUTO:GPU,CPU", "2024.1"),
    ],
)
@pytest.mark.skipif(os.path.exists("/dev/dri"), reason="this host's own GPU decides here")
def test_an_unknown_device_is_not_reported_as_good(
    host: Path, options: str, arguments: str, release: str
) -> None:
    run = to_be_run(host, options, f"--target_device {arguments}", release)
    (check,) = [item for item in run.document["checks"] if item["name"] == "devices"]
    assert (codes(run), check["status"], run.code) == ([], "could_not_look", 3)


def test_a_target_has_no_known_devices(host: Path) -> None:
    run = ovms_doctor("check", host / "models", "--target-device", "GPU", "-f", "json")
    assert (codes(run), run.code) == ([], 3)


# -- remote storage ------------------------------------------------------------------------------------


def test_the_store_of_a_container_without_mounts_is_queried() -> None:
    line = f"docker run -e https_proxy=http://u:canary@proxy.test {OVMS}:2026.3"
    arguments = "--model_path s3://bucket/m --model_name m --port 9000"
    run = ovms_doctor("check", "--docker-run", f"{line} {arguments}", "-f", "json")
    assert codes(run) == ["OVD601"]
    assert run.document["server"]["exit_code"] == 1
    assert "canary" not in run.text


# -- extensions ----------------------------------------------------------------------------------------


def test_the_remedy_of_a_denied_extension_removes_its_finding(host: Path) -> None:
    (host / "ext.so").write_bytes(b"text")
    (host / "ext.so").chmod(0o600)
    arguments: list[str | Path] = [
        host / "models",
        "--cpu-extension",
        host / "ext.so",
        "--user",
        "4321:4321",
        "-f",
        "json",
    ]
    run = ovms_doctor("check", *arguments)
    assert codes(run) == ["OVD351"]
    follow(run)
    assert codes(ovms_doctor("check", *arguments)) == ["OVD352"]
