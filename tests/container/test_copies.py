"""--mount of a copy at the path of a volume: content and layout are checked; rights only if the user asks for it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.diagnosis.from_container import options_from_container
from ovms_doctor.model.container import Container, ContainerMount
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Failure,
    PathStatus,
    StatHost,
    StatPath,
    Unavailable,
    Writability,
)
from ovms_doctor.model.mounts import Mount, MountTable
from ovms_doctor.model.option_values import mount
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.probes.collector import Collector
from ovms_doctor.probes.local import LocalCollector
from tests.cli.helpers import good_model
from tests.cli.run import Result, ovms_doctor

IMAGE = "openvino/model_server:2026.3"
SERVED = ["--model_path", "/models/m", "--model_name", "m", "--port", "9000"]


def manifest(top: Path, volume: dict[str, Any]) -> Path:
    container = {
        "name": "ovms",
        "image": IMAGE,
        "args": SERVED,
        "volumeMounts": [{"name": "m", "mountPath": "/models"}],
    }
    spec = {"containers": [container], "volumes": [{"name": "m", **volume}]}
    (top / "pod.json").write_text(json.dumps({"apiVersion": "v1", "kind": "Pod", "spec": spec}))
    return top / "pod.json"


def check(top: Path, *arguments: str, volume: dict[str, Any] | None = None) -> Result:
    """Checks a pod whose models are in a persistent volume claim."""
    claim = {"persistentVolumeClaim": {"claimName": "models"}}
    file = manifest(top, claim if volume is None else volume)
    return ovms_doctor("check", "--format", "json", "--kubernetes", file, *arguments)


def codes(result: Result) -> list[str]:
    return [item["code"] for item in result.document["findings"]]


def notes(result: Result) -> str:
    return " ".join(str(note) for note in result.document["run"]["notes"])


def closed(directory: Path) -> Path:
    """A directory that only its owner, the user of this process, can read."""
    os.chmod(directory, 0o700)
    return directory


# -- what is written -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("third", "read_only", "rights"),
    [
        ("", False, ""),
        (":ro", True, ""),
        (":rw", False, ""),
        (":rights", False, "kept"),
        (":ro,rights", True, "kept"),
    ],
)
def test_the_option(third: str, read_only: bool, rights: str) -> None:
    assert mount(f"/copy:/models{third}") == Mount("/copy", "/models", read_only, rights)  # type: ignore[arg-type]


@pytest.mark.parametrize("third", [":", ":right", ":ro,rw", ":ro,", ":rights:ro"])
def test_refused_options(third: str) -> None:
    with pytest.raises(UsageError, match="--mount"):
        mount(f"/copy:/models{third}")


@pytest.mark.parametrize(
    ("mounted", "typed", "rights"),
    [
        (ContainerMount("/models", "claim", name="m"), Mount("/copy", "/models"), "copy"),
        (
            ContainerMount("/models", "volume", "/var/lib/docker/volumes/m/_data"),
            Mount("/copy", "/models"),
            "copy",
        ),
        (ContainerMount("/models", "bind", "/srv/m"), Mount("/copy", "/models"), "copy"),
        (ContainerMount("/models", "bind", "/srv/m"), Mount("/copy", "/models", False, "kept"), "kept"),
        (ContainerMount("/other", "bind", "/srv/m"), Mount("/copy", "/models"), "copy"),
        # The same content as in the container, perhaps only a part of it.
        (ContainerMount("/models", "bind", "/srv/m"), Mount("/srv/m", "/models"), ""),
        (ContainerMount("/models", "bind", "/srv/m"), Mount("/srv/m/a", "/models/a"), ""),
    ],
)
def test_mounts_that_count_as_a_copy(mounted: ContainerMount, typed: Mount, rights: str) -> None:
    container = Container("docker-run", "c", image=IMAGE, arguments=(), mounts=(mounted,))
    options = options_from_container(CheckOptions(mounts=(typed,)), container)
    assert options.mounts[-1].rights == rights


# -- what is judged --------------------------------------------------------------------------------------


@pytest.mark.needs_root
def test_permissions_of_a_copy_are_not_checked(public_dir: Path) -> None:
    good_model(public_dir / "copy" / "m" / "1")
    closed(public_dir / "copy" / "m")
    arguments = ("--mount", f"{public_dir}/copy:/models")
    result = check(public_dir, *arguments)
    assert (result.code, codes(result)) == (0, [])
    assert result.document["models"][0]["served_versions"] == [1]
    assert "content and layout, but not its permissions" in notes(result)
    assert f"--mount {public_dir}/copy:/models:rights" in notes(result)
    text = ovms_doctor("check", "--kubernetes", public_dir / "pod.json", *arguments).text
    assert "content and layout, but not its permissions" in " ".join(text.split())


@pytest.mark.needs_root
def test_rights_of_a_copy_that_has_those_of_the_original(public_dir: Path) -> None:
    good_model(public_dir / "copy" / "m" / "1")
    closed(public_dir / "copy" / "m")
    result = check(public_dir, "--mount", f"{public_dir}/copy:/models:rights")
    assert codes(result) == ["OVD201"]
    assert "with its permissions" in notes(result)


@pytest.mark.needs_root
def test_a_mount_of_this_host_keeps_its_rights(public_dir: Path) -> None:
    good_model(public_dir / "copy" / "m" / "1")
    closed(public_dir / "copy" / "m")
    bound = {"hostPath": {"path": f"{public_dir}/copy"}}
    for arguments in ((), ("--mount", f"{public_dir}/copy:/models")):
        result = check(public_dir, *arguments, volume=bound)
        assert codes(result) == ["OVD201"]
        assert "copy" not in notes(result)


@pytest.mark.needs_root
def test_only_the_copy_of_two_mounts_is_exempt(public_dir: Path) -> None:
    for name in ("volume", "bound"):
        closed(good_model(public_dir / name / "1").parent)
    entries = [{"config": {"name": name, "base_path": f"/{name}"}} for name in ("volume", "bound")]
    (public_dir / "c.json").write_text(json.dumps({"model_config_list": entries}))
    volumes = ["vol:/volume", f"{public_dir}/bound:/bound", f"{public_dir}/c.json:/c.json"]
    service = {"image": IMAGE, "command": ["--config_path", "/c.json", "--port", "9000"], "volumes": volumes}
    (public_dir / "compose.yaml").write_text(
        json.dumps({"services": {"ovms": service}, "volumes": {"vol": None}})
    )
    arguments = ("--compose", public_dir / "compose.yaml", "--mount", f"{public_dir}/volume:/volume")
    result = ovms_doctor("check", "--format", "json", *arguments)
    found = [(item["code"], item["subject"]["model"]) for item in result.document["findings"]]
    assert found == [("OVD202", "bound")]


def test_layout_and_content_of_a_copy(public_dir: Path) -> None:
    (public_dir / "copy" / "m").mkdir(parents=True)
    (public_dir / "copy" / "m" / "model.onnx").write_bytes(b"x")
    assert codes(check(public_dir, "--mount", f"{public_dir}/copy:/models")) == ["OVD101"]
    good_model(public_dir / "copy" / "m" / "1")
    (public_dir / "copy" / "m" / "1" / "model.bin").write_bytes(b"")
    assert codes(check(public_dir, "--mount", f"{public_dir}/copy:/models")) == ["OVD308"]


class _Answers(LocalCollector):
    """Gives the same answer to each question and records the questions."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.questions = answer, list[AnyQuestion]()

    def collect(self, questions: Sequence[AnyQuestion], progress: object = None) -> dict[AnyQuestion, Answer]:
        self.questions += questions
        return dict.fromkeys(questions, self.answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Failure(errno.EACCES), Unavailable("this program's own user has no right to read the copy")),
        (Failure(errno.ENOENT), Failure(errno.ENOENT)),
        (PathStatus("regular", 1), PathStatus("regular", 1)),
        (
            Writability("directory", 0, 0, 0o700, False, False, False, False, "tried"),
            Writability("directory", 0, 0, 0o700, True, True, True, False, "tried"),
        ),
    ],
)
def test_copy_is_read_as_this_user(answer: Answer, expected: Answer) -> None:
    """A path that the user of this program cannot read is not a finding about the server."""
    table = MountTable(
        (Mount("/copy", "/models", rights="copy"), Mount("/srv", "/data"), Mount("/c", "/k", rights="kept"))
    )
    local, copies = _Answers(Failure(errno.EACCES)), _Answers(answer)
    collector = Collector(local, lambda: pytest.fail("no store is asked"), (), lambda: copies, table)
    of_copy, others = StatPath("/models/m"), [StatPath("/data/m"), StatPath("/k"), StatHost("/models/m")]
    answers = collector.collect([of_copy, *others])
    assert answers == {of_copy: expected, **dict.fromkeys(others, Failure(errno.EACCES))}
    assert (copies.questions, local.questions) == ([of_copy], others)


@pytest.mark.needs_root
def test_a_cache_in_a_copy(public_dir: Path) -> None:
    """Whether the server can write into the volume is not known."""
    good_model(public_dir / "copy" / "m" / "1")
    (public_dir / "copy" / "cache").mkdir()
    file = manifest(public_dir, {"persistentVolumeClaim": {"claimName": "models"}})
    document = json.loads(file.read_text())
    document["spec"]["containers"][0]["args"] = [*SERVED, "--cache_dir", "/models/cache"]
    file.write_text(json.dumps(document))
    arguments = ("check", "--format", "json", "--kubernetes", file, "--mount")
    assert codes(ovms_doctor(*arguments, f"{public_dir}/copy:/models")) == []
    assert codes(ovms_doctor(*arguments, f"{public_dir}/copy:/models:rights")) == ["OVD505"]
