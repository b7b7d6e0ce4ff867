"""Server paths to host paths and back through the mounts, compared with the kernel."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from ovms_doctor.model.container import ContainerMount
from ovms_doctor.model.facts import FileContent, ReadFile
from ovms_doctor.model.mounts import NO_MOUNTS, Mount, MountTable, UnavailablePath, covering, engine_order
from ovms_doctor.probes.filesystem import open_files
from tests.cli.run import ovms_doctor

TABLE = MountTable(
    [
        Mount("/srv/models", "/models"),
        Mount("/srv/a/", "/models/a/"),
        Mount("/etc/c.json", "/config.json", True),
    ]
)


@pytest.mark.parametrize(
    ("server", "host"),
    [
        ("/models", "/srv/models"),
        ("/models/", "/srv/models/"),
        ("/models/b/1/", "/srv/models/b/1/"),
        ("//models//./b", "/srv/models/./b"),
        ("/models/a", "/srv/a"),
        ("/models/a/1", "/srv/a/1"),
        ("/models/ab", "/srv/models/ab"),
        ("/modelsx", None),
        ("/", None),
        ("/config.json", "/etc/c.json"),
        # Below the mount the kernel resolves the path: ``b`` may be a link.
        ("/models/b/../c", "/srv/models/b/../c"),
        # Out of a mount, into it, into another.
        ("/models/../etc/x", None),
        ("/models/../models/b", "/srv/models/b"),
        ("/etc/../models/b/", "/srv/models/b/"),
        ("/models/a/../b", "/srv/models/b"),
        ("/models/b/../a/1", "/srv/a/1"),
        ("/../models/a", "/srv/a"),
    ],
)
def test_the_deepest_mount_decides(server: str, host: str | None) -> None:
    assert TABLE.to_host(server) == host


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("/srv/models/b", "/models/b"),
        ("/srv/models", "/models"),
        ("/srv/a/1", "/models/a/1"),
        ("/srv", None),
        # The path is hidden by another mount.
        ("/srv/models/a/1", None),
        ("/srv/modelsx", None),
    ],
)
def test_a_host_path_is_mapped_to_its_server_path(host: str, server: str | None) -> None:
    assert TABLE.to_server(host) == server


def test_a_later_mount_hides_an_earlier_one_at_or_below_its_path() -> None:
    assert MountTable([Mount("/a", "/m"), Mount("/b", "/m")]).to_host("/m/x") == "/b/x"
    hidden = MountTable([Mount("/a", "/m/x"), Mount("/b", "/m/")])
    assert hidden.to_host("/m/x/1") == "/b/x/1"
    assert hidden.to_server("/a/1") is None
    assert [mount.host for mount in hidden.mounts] == ["/b"]
    beside = MountTable([Mount("/a", "/mx"), Mount("/b", "/m")])
    assert beside.to_host("/mx/1") == "/a/1"


def test_an_engine_mounts_directories_before_what_is_below_them() -> None:
    """``docker run -v /a:/m/x -v /b:/m``, in either order."""
    mounts = (Mount("/a", "/m/x"), Mount("/b", "/m"), Mount("/c", "/m/x"))
    table = MountTable(engine_order(mounts))
    assert table.to_host("/m/x/1") == "/c/1"
    assert table.to_host("/m/y") == "/b/y"


def test_path_mounted_twice_has_the_server_path_that_no_mount_hides() -> None:
    table = MountTable([Mount("/a", "/one"), Mount("/a", "/two"), Mount("/b", "/one")])
    assert table.to_server("/a/x") == "/two/x"


def test_the_root_can_be_mounted() -> None:
    table = MountTable([Mount("/container", "/"), Mount("/", "/host")])
    assert table.to_host("/models/x") == "/container/models/x"
    assert table.to_host("/") == "/container"
    assert table.to_host("/host") == "/"
    assert table.to_host("/host/srv") == "/srv"
    assert table.to_server("/container/x") == "/x"
    assert table.to_server("/srv") == "/host/srv"


def test_without_mounts_every_path_is_its_own() -> None:
    assert NO_MOUNTS.to_host("//a/./b/") == "//a/./b/"
    assert NO_MOUNTS.to_server("/a") == "/a"
    assert NO_MOUNTS.mount_of("/a") is None


def test_read_only_is_taken_from_the_effective_mount() -> None:
    table = MountTable(
        [Mount("/a", "/m", True), Mount("/b", "/m/w"), Mount("/c", "/n", True), Mount("/d", "/n")]
    )
    assert table.read_only("/m")
    assert table.read_only("/m/x/y")
    assert not table.read_only("/m/w/x")
    assert table.read_only("/m/wx")
    assert not table.read_only("/n/x")
    assert not table.read_only("/elsewhere")


def test_only_the_paths_below_a_mount_are_available() -> None:
    image, volume = UnavailablePath("/", "in the image"), UnavailablePath("/m/v", "a volume")
    table = MountTable([Mount("/a", "/m"), Mount("/b", "/m/v/x")], [image, volume])
    assert table.unavailable("/etc") == "in the image"
    assert table.unavailable("/m/x") is None
    assert table.unavailable("/m/v/1") == "a volume"
    assert table.unavailable("/m/v/x/1") is None
    assert table.unavailable("/m/v/../x") is None


def test_the_mounts_of_a_container_over_one_path() -> None:
    outer, inner = ContainerMount("/m", "bind", "/a"), ContainerMount("/m/t/", "tmpfs")
    assert covering([inner, outer], "/m/t/x") == (inner, outer)
    assert covering([inner, outer], "/m/tx") == (outer,)
    assert covering([inner, outer], "/mt") == ()


# -- beside the kernel ---------------------------------------------------------------------------------

#: Mounts in the order of their creation: (directory of the host, path of the server, read-only).
ARRANGEMENTS = {
    "one": [("a", "/m", False)],
    "the same path": [("a", "/m", False), ("b", "/m", False)],
    "the same path, the first again": [("a", "/m", True), ("b", "/m", False), ("a", "/m", False)],
    "nested": [("a", "/m", False), ("b", "/m/x", True)],
    "nested twice": [("a", "/m", True), ("b", "/m/x", False), ("c", "/m/x/y", True)],
    "hidden by a parent": [("a", "/m/x", False), ("b", "/m", False)],
    "hidden, and mounted anew": [("a", "/m/x", False), ("b", "/m", True), ("c", "/m/x", False)],
    "beside": [("a", "/m", False), ("b", "/m2", False)],
    "into a mount's own tree": [("a", "/m", False), ("a/x", "/m/y", True)],
}
PATHS = [
    "/m", "/m/", "/m/name", "/m/x", "/m/x/", "/m/x/name", "/m/x/y/name", "/m/y/name", "/m//x/./name", "/m/x/../name",
    "/m/../m/x/name", "/m/../m2/name", "/m2/name", "/m2/x/name", "/m/x/../../m2/name", "/m/gone",
]  # fmt: skip


@pytest.mark.needs_root
@pytest.mark.needs_command("unshare", "mount", "chroot")
@pytest.mark.parametrize("arrangement", ARRANGEMENTS.values(), ids=list(ARRANGEMENTS))
def test_agrees_with_a_mount_namespace(arrangement: list[tuple[str, str, bool]], public_dir: Path) -> None:
    """A process behind real bind mounts sees the same files as the table and the probes find."""
    host = os.path.realpath(public_dir)
    for top in "abc":
        for below in ("", "/x", "/y", "/x/y"):
            directory = Path(host, top + below)
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "name").write_text(top + below)
    mounts = [Mount(f"{host}/{source}", server, read_only) for source, server, read_only in arrangement]
    contents, writable = _in_namespace(mounts, Path(host, "root"))
    table = MountTable(mounts)
    probes = open_files(None, (), table)
    for path in PATHS:
        mapped = table.to_host(path)
        observed = contents[path]
        assert (
            None if mapped is None or not os.path.isfile(mapped) else Path(mapped).read_text()
        ) == observed, path
        if ".." not in path and observed is not None:
            assert probes.answer(ReadFile(path, 100)) == FileContent(observed.encode(), len(observed))
        if observed is not None:
            assert table.read_only(path) is not writable[path], path
            assert mapped is not None
            assert os.path.samefile(
                table.to_host(table.to_server(os.path.normpath(mapped)) or "/") or "/", mapped
            )


def _in_namespace(mounts: list[Mount], root: Path) -> tuple[dict[str, str | None], dict[str, bool]]:
    """The contents of the paths, read by a process in a mount namespace of its own, and where it can write."""
    root.mkdir()
    lines = ["set -e"]
    for mount in mounts:
        host, at = shlex.quote(mount.host), shlex.quote(f"{root}{mount.server}")
        lines += [f"mkdir -p {at}", f"mount --bind {host} {at}"]
        if mount.read_only:
            lines.append(f"mount -o remount,bind,ro {at}")
    for path in PATHS:
        full = shlex.quote(f"{root}{path}")
        lines.append(
            f"if [ -f {full} ]; then cat {full}; if [ -w {full} ]; then echo ' w'; else echo ' r'; fi; else echo -; fi"
        )
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join(lines)]
    completed = subprocess.run(command, capture_output=True, text=True, check=True)
    answers = dict(zip(PATHS, completed.stdout.splitlines(), strict=True))
    contents = {path: None if text == "-" else text[:-2] for path, text in answers.items()}
    return contents, {path: text.endswith(" w") for path, text in answers.items()}


# -- as a user meets it --------------------------------------------------------------------------------


def test_a_remedy_is_for_the_checked_directory(public_dir: Path) -> None:
    """A mount of the command line replaces the run line's mount at the same path."""
    for name in ("a", "b"):
        (public_dir / name / "m").mkdir(parents=True)
    (public_dir / "b" / "m" / "model.onnx").write_bytes(b"\x08")
    line = (
        f"docker run -v {public_dir}/a:/models openvino/model_server:2025.4 --model_name m --model_path /models/m "
        "--port 9000"
    )
    result = ovms_doctor(
        "check",
        "--docker-run",
        line,
        "--mount",
        f"{public_dir}/b:/models",
        "--load",
        "none",
        "--format",
        "json",
    )
    commands = [
        step["command"]
        for finding in result.document["findings"]
        for step in finding["remedy"]["steps"]
        if step["command"]
    ]
    moves = [command for command in commands if command.startswith("mv ")]
    assert moves == [f"mv -- {public_dir}/b/m/model.onnx {public_dir}/b/m/1/"]
    assert not [command for command in commands if f"{public_dir}/a" in command]
    assert result.document["models"][0]["host_path"] == f"{public_dir}/b/m"


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_nested_mount_counts_in_either_order(order: tuple[int, int], public_dir: Path) -> None:
    (public_dir / "a" / "m").mkdir(parents=True)
    (public_dir / "b").mkdir()
    (public_dir / "b" / "model.onnx").write_bytes(b"\x08")
    pairs = [f"{public_dir}/a:/models", f"{public_dir}/b:/models/m"]
    mounts = [word for index in order for word in ("--mount", pairs[index])]
    arguments = ["--", "--model_name", "m", "--model_path", "/models/m", "--port", "9000"]
    result = ovms_doctor("check", *mounts, "--load", "none", "--format", "json", *arguments)
    assert result.document["models"][0]["host_path"] == f"{public_dir}/b"
    steps = [
        step["command"] for finding in result.document["findings"] for step in finding["remedy"]["steps"]
    ]
    assert f"mv -- {public_dir}/b/model.onnx {public_dir}/b/1/" in steps
