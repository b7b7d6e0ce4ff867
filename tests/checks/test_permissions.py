"""Denied access: facts in, findings out.

What the server does without a right is recorded, or read in localfilesystem.cpp, modelinstance.cpp and
modelmanager.cpp. Since 2025.1 a load of a version that cannot be listed ends in an exception, and the version is not
tried again.
"""

from __future__ import annotations

import errno

import pytest
from msgspec.structs import replace

from ovms_doctor.checks import permissions
from ovms_doctor.checks.context import Context
from ovms_doctor.model.causes import AccessFails
from ovms_doctor.model.deployment import ModelEntry, VersionPolicy
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Denial,
    Denials,
    Facts,
    Failure,
    LoadReport,
    StatPath,
)
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.host import User
from tests.configuration.build import configured_files, deployed
from tests.prediction.memory import MemoryFiles, deployment, model_of, settle

WHO = "uid 5000 gid 5000"
NOTHING = "The server keeps running and answers “ready”, but serves nothing under this name."
STUCK = (
    "An exception leaves the load half done: the version stays LOADING/OK, and is not tried again even after the "
    "permission is granted"
)
THREW = "Exception occurred while loading model: filesystem error: "


def findings(
    files: MemoryFiles, release: str = "2026.3", mode: str = "config", **more: object
) -> list[Finding]:
    server = deployment(release, mode, **more)
    return list(permissions.check(Context(server, settle(server, files), Facts(complete=True))))


def only(files: MemoryFiles, release: str = "2026.3", mode: str = "config", **more: object) -> Finding:
    (finding,) = findings(files, release, mode, **more)
    return finding


def denied(path: str, right: str, *versions: str) -> MemoryFiles:
    files = model_of(*(versions or ("1",)))
    files.denied[path] = right
    return files


@pytest.mark.parametrize(
    ("path", "right", "release", "mode", "code", "message", "detail", "recovers", "line"),
    [
        ("/m", "search", "2026.3", "config", "OVD201", "has no permission (x) to enter the directory /m",
         f"{STUCK}. {NOTHING}", "config_change", f"{THREW}status: Permission denied [/m/1];"),
        ("/m/1", "read", "2026.3", "config", "OVD202", "has no read permission (r) on /m/1",
         f"{STUCK}. {NOTHING}", "config_change",
         f"{THREW}directory iterator cannot open directory: Permission denied [/m/1];"),
        ("/m/1", "read", "2026.3", "single", "OVD202", "has no read permission (r) on /m/1",
         f"{STUCK}. {NOTHING}", "restart",
         f"{THREW}directory iterator cannot open directory: Permission denied [/m/1];"),
        ("/m/1", "read", "2025.0", "config", "OVD202", "has no read permission (r) on /m/1",
         NOTHING, "next_poll", "Missing model directory /m/1"),
        ("/m", "read", "2026.3", "config", "OVD202", "has no read permission (r) on /m: the server cannot read /m",
         NOTHING, "next_poll", "Couldn't list directories in path: /m"),
        ("/m", "read", "2026.3", "single", "OVD202", "has no read permission (r) on /m: the server cannot read /m",
         "The server ends with exit code 1 before it serves anything.", "restart",
         "Couldn't list directories in path: /m"),
        ("/m/1/a.onnx", "read", "2026.3", "config", "OVD203", "has no read permission (r) on /m/1/a.onnx",
         f"OpenVINO reports the same as for a broken file. {NOTHING}", "next_poll",
         "Error occurred while loading model: m; version: 1; error: Internal server error"),
        # Since 2026.3 the parser of the arguments looks for files of a generative model in --model_path.
        ("/m", "search", "2026.3", "single", "OVD201",
         "has no permission (x) to enter the directory /m, and the server looks for config.json there before "
         "anything else",
         "The server ends with exit code 64.", "restart",
         "error parsing options: filesystem error: status: Permission denied [/m/config.json]"),
    ],
)  # fmt: skip
def test_the_result_of_a_missing_right(
    path: str,
    right: str,
    release: str,
    mode: str,
    code: str,
    message: str,
    detail: str,
    recovers: str,
    line: str,
) -> None:
    finding = only(denied(path, right), release, mode)
    assert (finding.code, finding.severity, finding.message) == (code, "error", f"{WHO} {message}")
    assert (finding.detail, finding.recovers) == (detail, recovers)
    assert (finding.subject.model, finding.subject.path) == ("m", path)
    assert line in finding.server_log
    missing = "enter it (x)" if right == "search" else "read it (r)"
    evidence = f"{path}: owner uid 0 gid 0, mode 0700; {WHO} has no permission to {missing}"
    assert [item.observation for item in finding.evidence] == [evidence]
    rights = "r" if path.endswith(".onnx") else "rx"
    assert [step.command for step in finding.remedy.steps] == [
        f"chmod o+{rights} {path}",
        f"setfacl -m u:5000:{rights} {path}",
    ]


class Unresolved(MemoryFiles):
    """A model whose one file, a link, cannot be followed."""

    number = errno.ELOOP

    def answer(self, question: AnyQuestion) -> Answer:
        if getattr(question, "path", "") == "/m/1/a.onnx":
            return Failure(self.number)
        return super().answer(question)


@pytest.mark.parametrize(
    ("number", "text", "remedy"),
    [
        (errno.ELOOP, "Too many levels of symbolic links", "Replace the link /m/1/a.onnx, which leads back to itself"),
        (errno.ENAMETOOLONG, "File name too long", "Change the destination of the link /m/1/a.onnx"),
        (errno.EIO, "Input/output error", "Give the server's user"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("release", "code"), [("2024.5", "OVD203"), ("2026.3", "OVD110")])
def test_a_model_file_that_cannot_be_resolved(
    number: int, text: str, remedy: str, release: str, code: str
) -> None:
    files = Unresolved({"/m/1/a.onnx": "good"}, other_kinds={"/m/1/a.onnx": "link"})
    files.number = number
    finding = only(files, release)
    is_path = number != errno.EIO
    assert (finding.code, finding.remedy is None) == (code, False)
    assert finding.message == f"/m/1/a.onnx cannot be opened{'' if is_path else f' by {WHO}'}: {text}"
    assert [item.observation for item in finding.evidence] == [f"/m/1/a.onnx: {text}"]
    if is_path or code == "OVD203":
        assert remedy in finding.remedy.summary
    commands = [step.command for step in finding.remedy.steps]
    assert commands == (["namei -- /m/1/a.onnx", None] if number == errno.ELOOP else [])
    if number == errno.ELOOP:
        assert remedy in finding.remedy.steps[1].text
    if code == "OVD110":
        assert "not tried again even after the path is repaired" in finding.detail


def test_the_version_that_a_denied_one_replaces_is_unloaded() -> None:
    """An exception is no failure for the model manager: the version that is not requested is retired."""
    finding = only(denied("/m/2", "read", "1", "2"))
    assert finding.subject.version == 2
    assert finding.detail == f"{STUCK}, and a version that it replaces is unloaded. {NOTHING}"


def test_a_version_that_stays_requested_is_not_unloaded() -> None:
    all_versions = ModelEntry("m", "/m", VersionPolicy("all"))
    finding = only(denied("/m/2", "read", "1", "2"), entry=all_versions)
    assert finding.detail.startswith(f"{STUCK}. ")


@pytest.mark.parametrize(("mode", "recovers"), [("single", "restart"), ("config", "config_change")])
@pytest.mark.parametrize("version", ["1", "2"])
def test_a_model_is_served_without_a_mapping_that_cannot_be_read(
    version: str, mode: str, recovers: str
) -> None:
    """The server says nothing: for it, there is no such file (``parseModelMapping``, modelconfig.cpp)."""
    path = f"/m/{version}/mapping_config.json"
    files = denied(path, "read", "1", "2")
    files.files[path] = '{"inputs": {"x": "y"}, "outputs": {}}'
    expected = [] if version == "1" else [path]
    found = findings(files, mode=mode)
    assert [item.subject.path for item in found] == expected
    for finding in found:
        assert (finding.code, finding.severity, finding.server_log) == ("OVD204", "warning", ())
        assert finding.message == (
            f"{WHO} has no read permission (r) on {path}: the model is served without its mapping_config.json"
        )
        assert (finding.subject.model, finding.subject.version) == ("m", 2)
        assert (finding.recovers, finding.remedy.steps[0].command) == (recovers, f"chmod o+r {path}")
        assert finding.evidence[0].observation.startswith(f"{path}: owner uid 0 gid 0, mode 0700; ")


@pytest.mark.parametrize(("name", "code"), [("mapping_config.json", "OVD204"), ("a.onnx", "OVD201")])
def test_a_link_into_a_directory_that_cannot_be_entered(name: str, code: str) -> None:
    """The directory needs the rights, not the file."""

    class Linked(MemoryFiles):
        def answer(self, question: AnyQuestion) -> Answer:
            if question == StatPath(f"/m/1/{name}"):
                return Failure(13, missing("/store", "search"))
            return super().answer(question)

    (finding,) = findings(Linked(model_of("1").files))
    assert (finding.code, finding.subject.path) == (code, "/store")
    assert finding.remedy.steps[0].command == "chmod o+rx /store"


@pytest.mark.parametrize(
    ("message", "quoted"),
    [("Unable to read\nPermission denied\n", ["Permission denied"]), (" \n", []), (None, [])],
)
def test_what_openvino_says_is_quoted(message: str | None, quoted: list[str]) -> None:
    server = deployment()
    plan = settle(server, denied("/m/1/a.onnx", "read"))
    (model,), (version,) = plan.models, plan.models[0].versions
    attempt = version.attempt
    assert attempt is not None
    assert isinstance(attempt.cause, AccessFails)
    report = None if message is None else LoadReport("read", "failed", "read", message, "test")
    attempt = replace(attempt, cause=replace(attempt.cause, report=report))
    model = replace(model, versions=(replace(version, attempt=attempt),))
    context = Context(server, replace(plan, models=(model,)), Facts(complete=True))
    (finding,) = permissions.check(context)
    found = [
        item.observation for item in finding.evidence if item.how == "OpenVINO test as the server's user"
    ]
    assert found == quoted


@pytest.mark.parametrize(
    ("path", "right", "code", "lacks", "command"),
    [
        ("/c/config.json", "read", "OVD205", "read permission (r) on /c/config.json", "chmod o+r /c/config.json"),
        ("/c", "search", "OVD205", "permission (x) to enter the directory /c", "chmod o+rx /c"),
    ],
)  # fmt: skip
def test_a_configuration_file_that_cannot_be_read(
    path: str, right: str, code: str, lacks: str, command: str
) -> None:
    files = configured_files({"model_config_list": []})
    files.denied[path] = right
    server = deployed("2026.3")
    (finding,) = permissions.check(Context(server, settle(server, files), Facts(complete=True)))
    assert (finding.code, finding.severity, finding.message) == (code, "error", f"{WHO} has no {lacks}")
    assert (finding.detail, finding.recovers) == ("The server ends with exit code 1.", "restart")
    assert (finding.subject.model, finding.subject.path) == (None, path)
    assert finding.remedy.steps[0].command == command
    assert finding.evidence[0].observation.startswith(f"{path}: owner uid 0 gid 0, mode 0700; ")


# -- remedies --------------------------------------------------------------------------------------------


def missing(path: str, right: str = "read", uid: int = 0, gid: int = 0) -> Denial:
    return Denial(path, right, uid, gid, 0o700, "predicted")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "command"),
    [
        # Below a directory without the right, everything that lacks one too; nothing beside it.
        ("/m/1", "chmod o+rx /m/1 /m/1/sub && chmod o+r /m/1/a.bin"),
        # Of a file's version directory, the other files.
        ("/m/1/a.onnx", "chmod o+r /m/1/a.onnx /m/1/a.bin && chmod o+rx /m/1/sub"),
    ],
)
def test_one_command_gives_all_rights_that_the_version_needs(path: str, command: str) -> None:
    server = deployment()
    plan = settle(server, denied(path, "read"))
    others = Denials(
        (missing("/m/1"), missing("/m/1/sub"), missing("/n")),
        (missing("/m/1/a.bin"), missing("/m/10/a.bin"), missing("/n/1/a.bin")),
    )
    if path != "/m/1":
        others = replace(others, directories=others.directories[1:])
    (finding,) = permissions.check(Context(server, replace(plan, denials=others), Facts(complete=True)))
    step = finding.remedy.steps[0]
    assert sorted((step.command or "").split(" && ")) == sorted(command.split(" && "))
    assert step.text == "Give everyone the rights that are missing, on 3 paths."


def test_a_path_is_named_once() -> None:
    server, top = deployment(), missing("/m", "search")
    context = Context(server, settle(server, model_of("1")), Facts(complete=True))
    further = Denials((top, missing("/m/1")), ())
    steps = permissions.steps_for(context, top, directory=True, further=further)
    assert steps[0].command == "chmod o+rx /m /m/1"


def steps_of(*denials: Denial) -> list[tuple[str, str | None]]:
    """The steps for files that uid 5000, in the groups 5000 and 44, may not read."""
    server = replace(deployment(), user=User(5000, 5000, (44,)))
    context = Context(server, settle(server, model_of("1")), Facts(complete=True))
    steps = permissions.steps_for(context, denials[0], directory=False, further=Denials((), denials[1:]))
    return [(step.text, step.command) for step in steps]


ALONE = "it to the server's user alone (needs the package acl)."
ACL = "setfacl -m u:5000:r /m/1/a.onnx"
OWNER = "Or run the server as the owner."


@pytest.mark.parametrize(
    ("uid", "gid", "expected"),
    [
        # Only the bits of the first class that a user is in count.
        (5000, 44, [("Give the owner, who is the server's user, the right.", "chmod u+r /m/1/a.onnx")]),
        (7, 44, [
            ("Give the group 44, which the server's user is in, the right.", "chmod g+r /m/1/a.onnx"),
            (f"Or give {ALONE}", ACL), (OWNER, "--user 7:44"),
        ]),
        (7, 5000, [
            ("Give the group 5000, which the server's user is in, the right.", "chmod g+r /m/1/a.onnx"),
            (f"Or give {ALONE}", ACL), (OWNER, "--user 7:5000"),
        ]),
        (7, 8, [
            ("Give everyone the right.", "chmod o+r /m/1/a.onnx"), (f"Or give {ALONE}", ACL), (OWNER, "--user 7:8"),
        ]),
        # Nobody is advised to run a server as root.
        (0, 0, [("Give everyone the right.", "chmod o+r /m/1/a.onnx"), (f"Or give {ALONE}", ACL)]),
    ],
)  # fmt: skip
def test_the_right_is_given_to_the_class_of_the_user(
    uid: int, gid: int, expected: list[tuple[str, str]]
) -> None:
    assert steps_of(missing("/m/1/a.onnx", uid=uid, gid=gid)) == expected


def test_mode_bits_do_not_replace_an_access_control_list() -> None:
    """With a list, the bits of the group are its mask."""
    denial = replace(missing("/m/1/a.onnx"), acl="u::rw-,u:5000:---,m::r--")
    assert steps_of(denial) == [(f"Give {ALONE}", ACL)]
    assert steps_of(missing("/m/1/a.xml"), denial)[0][0] == f"Give {ALONE}"


def test_several_classes_in_one_command() -> None:
    first, other = missing("/m/1/a.onnx", uid=7, gid=8), missing("/m/1/b.bin", uid=5000)
    assert steps_of(first, other) == [
        (
            "Give everyone and the owner, who is the server's user, the rights that are missing, on 2 paths.",
            "chmod o+r /m/1/a.onnx && chmod u+r /m/1/b.bin",
        ),
        # To run as the owner of one of them does not give the right on the other.
        (f"Or give {ALONE}", f"{ACL} /m/1/b.bin"),
    ]


@pytest.mark.parametrize(("count", "whole"), [(8, False), (9, True)])
def test_the_rights_on_many_paths_are_given_to_the_whole_tree(count: int, whole: bool) -> None:
    paths = [f"/m/1/{number}" for number in range(count)]
    commands = [command for _, command in steps_of(*map(missing, paths))]
    if whole:
        assert commands == ["chmod -R o+rX /m/1", "setfacl -R -m u:5000:rX /m/1"]
    else:
        assert commands == [f"chmod o+r {' '.join(paths)}", f"setfacl -m u:5000:r {' '.join(paths)}"]
