"""Links and key files whose targets are under no mount: one finding for all of them; none where a mount
covers them.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.model.facts import Unavailable
from ovms_doctor.model.mounts import Mount, MountTable
from ovms_doctor.probes.access import Ids
from ovms_doctor.probes.filesystem import open_files
from tests.cli.helpers import good_model
from tests.cli.run import Result, ovms_doctor

IMAGE = "openvino/model_server:2026.3"
SERVED = ("--model_path", "/models/m", "--model_name", "m", "--port", "9000")


def run(top: Path, *arguments: str, options: tuple[str, ...] = (), image: str = IMAGE) -> Result:
    """A container that has ``top``/models at /models."""
    line = shlex.join(["docker", "run", "-v", f"{top}/models:/models", *options, image, *arguments])
    return ovms_doctor("check", "--format", "json", "--docker-run", line)


def found(result: Result, code: str = "OVD126") -> list[dict[str, Any]]:
    return [item for item in result.document["findings"] if item["code"] == code]


def codes(result: Result) -> list[str]:
    return [item["code"] for item in result.document["findings"]]


def linked(top: Path, name: str = "m", *, relative: bool = False) -> Path:
    """A model whose files are links into ``top``/store."""
    store = good_model(top / "store" / name)
    directory = top / "models" / name / "1"
    directory.mkdir(parents=True)
    for file in store.iterdir():
        text = f"../../../store/{name}/{file.name}" if relative else str(file)
        (directory / file.name).symlink_to(text)
    return directory


# -- links -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("relative", [False, True])
def test_links_out_of_the_mount(relative: bool, public_dir: Path) -> None:
    linked(public_dir, relative=relative)
    result = run(public_dir, *SERVED)
    (finding,) = found(result)
    assert (result.code, finding["severity"], finding["subject"]["model"]) == (1, "error", "m")
    assert len(finding["evidence"]) == 2
    (dangling,) = found(result, "OVD313")
    assert dangling["caused_by"] == [finding["fingerprint"]]
    assert "which no mount covers" in dangling["message"]
    assert result.document["server"]["outcome"] == "exits"


@pytest.mark.parametrize("relative", [False, True])
def test_the_mount_of_the_remedy_helps(relative: bool, public_dir: Path) -> None:
    linked(public_dir, relative=relative)
    mount = found(run(public_dir, *SERVED))[0]["remedy"]["steps"][0]["command"]
    assert codes(run(public_dir, *SERVED, options=tuple(shlex.split(mount)))) == []


def test_the_copy_of_the_remedy_helps(public_dir: Path) -> None:
    linked(public_dir)
    command = found(run(public_dir, *SERVED))[0]["remedy"]["steps"][1]["command"]
    subprocess.run(["sh", "-ec", command], check=True)
    (public_dir / "models").rename(public_dir / "old")
    (public_dir / "models.copy").rename(public_dir / "models")
    assert codes(run(public_dir, *SERVED)) == []


def test_all_files_of_all_models_at_once(public_dir: Path) -> None:
    linked(public_dir, "a")
    linked(public_dir, "b", relative=True)
    good_model(public_dir / "store" / "whole")
    (public_dir / "models" / "c").mkdir()
    (public_dir / "models" / "c" / "1").symlink_to(public_dir / "store" / "whole")
    (public_dir / "models" / "d").symlink_to(public_dir / "store" / "d")
    good_model(public_dir / "store" / "d" / "1")
    good_model(public_dir / "models" / "good" / "1")
    names = ("a", "b", "c", "d", "good")
    entries = [{"config": {"name": name, "base_path": f"/models/{name}"}} for name in names]
    (public_dir / "models" / "c.json").write_text(json.dumps({"model_config_list": entries}))
    result = run(public_dir, "--config_path", "/models/c.json", "--port", "9000")
    (finding,) = found(result)
    assert finding["message"].startswith("6 files are not in the container")
    assert {item["subject"]["model"] for item in result.document["findings"]} == {None, "a", "b", "c", "d"}
    others = [item for item in result.document["findings"] if item["code"] != "OVD126"]
    assert {item["code"] for item in others} == {"OVD313", "OVD101", "OVD106"}
    assert all(item["caused_by"] == [finding["fingerprint"]] for item in others)
    (state,) = [item["served_versions"] for item in result.document["models"] if item["name"] == "good"]
    assert state == [1]
    mount = finding["remedy"]["steps"][0]["command"]
    after = run(
        public_dir, "--config_path", "/models/c.json", "--port", "9000", options=tuple(shlex.split(mount))
    )
    assert codes(after) == []


def test_a_version_without_links_keeps_its_own_cause(public_dir: Path) -> None:
    """The links of another model do not explain its failure."""
    linked(public_dir, "a")
    (public_dir / "models" / "empty").mkdir()
    entries = [{"config": {"name": name, "base_path": f"/models/{name}"}} for name in ("a", "empty")]
    (public_dir / "models" / "c.json").write_text(json.dumps({"model_config_list": entries}))
    (other,) = found(run(public_dir, "--config_path", "/models/c.json", "--port", "9000"), "OVD101")
    assert other["caused_by"] == []


def test_a_snapshot_of_hugging_face(public_dir: Path) -> None:
    """Its files are links to a directory beside the mount: only the snapshot of the cache is mounted."""
    cache = public_dir / "hub" / "models--x"
    snapshot = cache / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    good_model(cache / "blobs")
    for name in ("openvino_model", "openvino_tokenizer", "openvino_detokenizer"):
        for suffix in ("xml", "bin"):
            (snapshot / f"{name}.{suffix}").symlink_to(f"../../blobs/model.{suffix}")
    (cache / "blobs" / "config").write_text('{"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"}')
    (snapshot / "config.json").symlink_to("../../blobs/config")
    line = f"docker run -v {snapshot}:/models/x {IMAGE} --model_path /models/x --model_name x --port 9000"
    result = ovms_doctor("check", "--format", "json", "--docker-run", line)
    # Another finding explains how to mount such a cache.
    assert codes(result) == ["OVD384"]


def test_a_mapping_is_left_out(public_dir: Path) -> None:
    version = good_model(public_dir / "models" / "m" / "1")
    (public_dir / "mapping.json").write_text('{"inputs": {}, "outputs": {}}')
    (version / "mapping_config.json").symlink_to(public_dir / "mapping.json")
    result = run(public_dir, *SERVED)
    (finding,) = found(result)
    assert (result.code, finding["severity"]) == (0, "warning")
    assert "mapping_config.json" in finding["detail"]


def test_a_remedy_for_compose_has_the_form_of_compose(public_dir: Path) -> None:
    linked(public_dir)
    service = {"image": IMAGE, "command": list(SERVED), "volumes": [f"{public_dir}/models:/models"]}
    (public_dir / "compose.yaml").write_text(json.dumps({"services": {"ovms": service}}))
    result = ovms_doctor("check", "--format", "json", "--compose", public_dir / "compose.yaml")
    step = found(result)[0]["remedy"]["steps"][0]
    assert (step["where"], step["command"]) == (
        "compose",
        f'volumes: ["{public_dir}/store/m:{public_dir}/store/m:ro"]',
    )


def test_a_target_with_mounts(public_dir: Path) -> None:
    linked(public_dir)
    arguments = (
        "check",
        "--format",
        "json",
        "--mount",
        f"{public_dir}/models:/models",
        public_dir / "models",
    )
    assert len(found(ovms_doctor(*arguments))) == 1


# -- where there must be no finding ---------------------------------------------------------------------------


def test_links_within_the_mounts(public_dir: Path) -> None:
    good_model(public_dir / "models" / "store")
    (public_dir / "models" / "m" / "1").mkdir(parents=True)
    for suffix in ("xml", "bin"):
        (public_dir / "models" / "m" / "1" / f"model.{suffix}").symlink_to(f"/models/store/model.{suffix}")
    good_model(public_dir / "other")
    (public_dir / "models" / "m" / "2").symlink_to("/data")
    assert found(run(public_dir, *SERVED, options=("-v", f"{public_dir}/other:/data"))) == []


def test_unused_links_are_not_reported(public_dir: Path) -> None:
    version = good_model(public_dir / "models" / "m" / "1")
    (public_dir / "notes").mkdir()
    for name in ("README.md", "labels.txt"):
        (version / name).symlink_to(public_dir / "notes" / name)
    (public_dir / "models" / "m" / "docs").symlink_to(public_dir / "notes")
    assert codes(run(public_dir, *SERVED)) == []


@pytest.mark.parametrize("path", ["/srv/models/m", "/elsewhere/m"])
def test_a_base_path_outside_all_mounts_has_a_separate_finding(path: str, public_dir: Path) -> None:
    good_model(public_dir / "models" / "m" / "1")
    arguments = ("--model_path", path, "--model_name", "m", "--port", "9000")
    result = run(public_dir, *arguments)
    assert found(result) == []
    assert codes(result) == ["OVD106"]
    assert "Give the server the path /models/m." in json.dumps(result.document) or path != "/srv/models/m"


def test_a_custom_image_may_contain_the_files(public_dir: Path) -> None:
    linked(public_dir)
    assert found(run(public_dir, *SERVED, image="registry.example.com/ours/server:1")) == []


def test_a_link_into_the_image_may_resolve(public_dir: Path) -> None:
    directory = good_model(public_dir / "models" / "m" / "1")
    (directory / "model.bin").unlink()
    (directory / "model.bin").symlink_to("/usr/share/models/model.bin")
    assert found(run(public_dir, *SERVED)) == []


def test_on_this_host_all_links_lead_somewhere(public_dir: Path) -> None:
    linked(public_dir)
    arguments = ("--model_path", public_dir / "models" / "m", "--model_name", "m", "--port", "9000")
    assert codes(ovms_doctor("check", "--format", "json", "--", *arguments)) == []


# -- keys ------------------------------------------------------------------------------------------------


def test_credentials_for_google(public_dir: Path) -> None:
    good_model(public_dir / "models" / "m" / "1")
    (public_dir / "key.json").write_text("{}")
    options = ("-e", f"GOOGLE_APPLICATION_CREDENTIALS={public_dir}/key.json")
    arguments = ("--model_path", "gs://bucket/m", "--model_name", "m", "--port", "9000")
    result = run(public_dir, *arguments, options=options)
    (finding,) = found(result)
    assert finding["severity"] == "error"
    assert f"{public_dir}/key.json, which is not in the container" in finding["message"]
    (end,) = found(result, "OVD640")
    assert end["caused_by"] == [finding["fingerprint"]]
    # They are not read for a model that is in no store.
    assert codes(run(public_dir, *SERVED, options=options)) == []


@pytest.mark.parametrize(
    ("keys", "count"), [((), 1), (("-e", "AWS_ACCESS_KEY_ID=A", "-e", "AWS_SECRET_ACCESS_KEY=B"), 0)]
)
def test_credentials_for_amazon(keys: tuple[str, ...], count: int, public_dir: Path) -> None:
    """With keys in the environment, no file is read."""
    good_model(public_dir / "models" / "m" / "1")
    (public_dir / "credentials").write_text("[default]\n")
    options = ("-e", f"AWS_SHARED_CREDENTIALS_FILE={public_dir}/credentials", "-e", "AWS_PROFILE=p", *keys)
    options += ("-e", "S3_ENDPOINT=http://127.0.0.1:9")
    arguments = ("--model_path", "s3://bucket/m", "--model_name", "m", "--port", "9000")
    assert len(found(run(public_dir, *arguments, options=options))) == count


def test_the_file_of_the_api_key(public_dir: Path) -> None:
    good_model(public_dir / "models" / "m" / "1")
    (public_dir / "api.key").write_text("secret")
    arguments = (*SERVED, "--api_key_file", f"{public_dir}/api.key")
    result = run(public_dir, *arguments)
    assert result.document["server"]["exit_code"] == 64
    (finding,) = found(result)
    assert finding["message"].startswith("--api_key_file names ")
    mount = finding["remedy"]["steps"][0]["command"]
    assert codes(run(public_dir, *arguments, options=tuple(shlex.split(mount)))) == []


def test_a_key_of_a_custom_loader(public_dir: Path) -> None:
    good_model(public_dir / "models" / "m" / "1")
    (public_dir / "model.key").write_text("secret")
    loader = {
        "config": {"loader_name": "l", "library_path": "/models/l.so", "loader_config_file": "relative"}
    }
    options = {"loader_name": "l", "key_file": f"{public_dir}/model.key", "model_file": "model.xml"}
    entry = {"config": {"name": "m", "base_path": "/models/m", "custom_loader_options": options}}
    document = {"model_config_list": [entry], "custom_loader_config_list": [loader]}
    (public_dir / "models" / "c.json").write_text(json.dumps(document))
    (finding,) = found(run(public_dir, "--config_path", "/models/c.json", "--port", "9000"))
    assert (finding["severity"], finding["subject"]["model"]) == ("warning", "m")
    assert "custom_loader_options.key_file names" in finding["message"]


# -- a version that is a link ------------------------------------------------------------------------------


def test_a_version_with_a_dangling_link(public_dir: Path) -> None:
    (public_dir / "m").mkdir()
    (public_dir / "m" / "1").symlink_to("gone")
    result = ovms_doctor("check", "--format", "json", "--as", "model", public_dir / "m")
    (finding,) = result.document["findings"]
    assert finding["code"] == "OVD101"
    assert "“1” is a link whose destination is not a directory" in finding["message"]
    assert finding["remedy"]["steps"] == []


# -- the walk --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "outside"),
    [
        ("/data/a/b", "/data/a/b"),
        ("/data/", "/data"),
        ("../../data/x/../y", "/data/y"),
        ("/data/../models/good", "/models/good"),
        ("good", None),
    ],
)
def test_full_path_under_no_mount_is_reported(text: str, outside: str | None, public_dir: Path) -> None:
    (public_dir / "good").write_text("x")
    (public_dir / "link").symlink_to(text)
    files = open_files(
        Ids(0, 0), (), MountTable((Mount(str(public_dir), "/models"), Mount(str(public_dir), "/models/top")))
    )
    answer = files.status("/models/top/link")
    assert (answer.outside if isinstance(answer, Unavailable) else None) == outside
    if outside is not None:
        below = files.status("/models/top/link/below")
        assert isinstance(below, Unavailable)
        assert re.search(re.escape(f"{outside}/below") + "$", below.reason)
