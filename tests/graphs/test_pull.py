"""Models that the server will pull: existing ones, paths without write access, the variables that it reads.

No test contacts Hugging Face.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.prediction.pull import size_by_name
from tests.cli.run import Result, ovms_doctor
from tests.graphs.models import graph, unpack, without_version

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"


@pytest.fixture
def repository(public_dir: Path) -> Path:
    """A repository that belongs to the server's user, with one pulled model: OpenVINO/Tiny."""
    root = public_dir / "models"
    (root / "OpenVINO").mkdir(parents=True)
    directory = unpack("llm-2025.4", public_dir)
    without_version(directory)
    directory.rename(root / "OpenVINO" / "Tiny")
    model = root / "OpenVINO" / "Tiny"
    text = "# File created with: OpenVINO Model Server 2026.3\n" + graph("text_generation")
    (model / "graph.pbtxt").write_text(text)
    (model / ".git").mkdir()
    subprocess.run(["chown", "-R", "5000:5000", root], check=True)
    subprocess.run(["chmod", "-R", "u+rwX", root], check=True)
    return root


def start(
    repository: Path,
    *arguments: str,
    release: str = "2026.3",
    options: tuple[str, ...] = (),
    task: str | None = "text_generation",
    source: str = "OpenVINO/Tiny",
    readonly: bool = False,
) -> Result:
    """``--source_model`` in a container with the repository at /models."""
    mount = f"{repository}:/models" + (":ro" if readonly else "")
    pull_arguments = ("--source_model", source, "--model_repository_path", "/models", "--rest_port", "8000")
    pull_arguments += ("--task", task) if task else ()
    return ovms_doctor(
        "check", "--ovms-version", release, "--load", "none", "--format", "json", "--mount", mount, *options,
        "--", *pull_arguments, *arguments,
    )  # fmt: skip


def findings(result: Result) -> dict[str, Any]:
    return {item["code"]: item for item in json.loads(result.out)["findings"] if item["severity"] != "info"}


def server(result: Result) -> Any:
    return json.loads(result.out)["server"]


pytestmark = pytest.mark.needs_root


@pytest.mark.parametrize("release", ["2025.2", "2025.3", "2025.4", "2026.1", "2026.2", "2026.3"])
@pytest.mark.sample(every=3)
def test_a_second_start_serves_the_pulled_model(repository: Path, release: str) -> None:
    result = start(repository, release=release)
    # The model's chat template is in a file that 2025.2 does not read.
    expected = ["OVD377"] if release == "2025.2" else []
    assert (list(findings(result)), result.code) == (expected, 0)
    (model,) = json.loads(result.out)["models"]
    assert (model["name"], model["base_path"]) == ("OpenVINO/Tiny", "/models/OpenVINO/Tiny")
    assert model["versions"][0]["state"] == "AVAILABLE"
    named = start(repository, "--model_name", "chat", release=release)
    assert json.loads(named.out)["models"][0]["name"] == "chat"


def test_the_task_is_inferred_since_2026_3(repository: Path) -> None:
    assert start(repository, task=None).code == 0
    assert server(start(repository, task=None, release="2026.2"))["exit_code"] == 64
    (repository / "OpenVINO" / "Tiny" / "config.json").write_text("{}")
    assert server(start(repository, task=None))["exit_code"] == 64


@pytest.mark.parametrize("release", ["2025.4", "2026.3"])
def test_a_read_only_repository(repository: Path, release: str) -> None:
    """graph.pbtxt is written at every start."""
    result = start(repository, release=release, readonly=True)
    assert list(findings(result)) == ["OVD385"]
    assert server(result)["exit_code"] == 1
    finding = findings(result)["OVD385"]
    assert finding["server_log"] == ["Unable to open file: /models/OpenVINO/Tiny/graph.pbtxt"]
    assert "The server ends with exit code 1" in finding["detail"]
    commands = [step["command"] for step in finding["remedy"]["steps"]]
    assert f"-v {repository}:/models" in commands
    # The alternative: serve the existing model.
    arguments = next(command for command in commands if command.startswith("--model_path")).split()
    served = ovms_doctor(
        "check", "--ovms-version", release, "--load", "none", "--format", "json", "--mount",
        f"{repository}:/models:ro", "--", *arguments, "--rest_port", "8000",
    )  # fmt: skip
    assert (findings(served), served.code) == ({}, 0)


def test_a_repository_of_another_user(repository: Path) -> None:
    subprocess.run(["chown", "-R", "0:0", repository], check=True)
    result = start(repository)
    finding = findings(result)["OVD385"]
    assert not [step for step in finding["remedy"]["steps"] if "DIRECTORY" in (step["command"] or "")]
    (command,) = (step["command"] for step in finding["remedy"]["steps"] if step["effect"] == "needs root")
    subprocess.run(["bash", "-c", command], check=True)
    assert findings(start(repository)) == {}


def test_a_new_model(repository: Path) -> None:
    """The content of the download is not known, but nothing prevents the download."""
    result = start(repository, source="OpenVINO/Qwen3-8B-int4-ov")
    assert list(findings(result)) == ["OVD903"]
    assert "https://huggingface.co/OpenVINO/Qwen3-8B-int4-ov" in findings(result)["OVD903"]["message"]
    assert result.code == 3
    subprocess.run(["chown", "-R", "0:0", repository], check=True)
    refused = start(repository, source="OpenVINO/Qwen3-8B-int4-ov")
    assert list(findings(refused)) == ["OVD385"]
    assert server(refused)["exit_code"] == 1


def test_a_repository_that_no_mount_holds() -> None:
    line = (
        "docker run --rm openvino/model_server:2026.3 --source_model OpenVINO/Qwen3-8B-int4-ov "
        "--model_repository_path {} --task text_generation --rest_port 8000"
    )
    found = findings(ovms_doctor("check", "--docker-run", line.format("/models"), "--format", "json"))
    commands = [step["command"] for step in found["OVD385"]["remedy"]["steps"]]
    assert "-v DIRECTORY:/models" in commands
    temporary = findings(ovms_doctor("check", "--docker-run", line.format("/tmp/m"), "--format", "json"))
    assert "OVD385" not in temporary


@pytest.mark.parametrize(
    ("release", "git", "expected"),
    [
        ("2025.4", True, ["OVD367", "OVD386"]),
        ("2026.0", True, ["OVD367", "OVD386"]),
        ("2026.1", True, ["OVD903"]),
        ("2026.3", True, ["OVD903"]),
        ("2026.3", False, ["OVD367", "OVD386"]),
    ],
)
def test_a_half_finished_pull(repository: Path, release: str, git: bool, expected: list[str]) -> None:
    model = repository / "OpenVINO" / "Tiny"
    (model / "openvino_model.bin").write_text(POINTER)
    if not git:
        (model / ".git").rmdir()
    result = start(repository, release=release)
    assert sorted(findings(result)) == expected
    if "OVD386" in expected:
        steps = findings(result)["OVD386"]["remedy"]["steps"]
        assert steps[0]["command"] == "--overwrite_models"
        again = start(repository, "--overwrite_models", release=release)
        assert list(findings(again)) == ["OVD903"]


@pytest.mark.parametrize("release", ["2026.2", "2026.3"])
def test_the_marker_of_an_unfinished_pull(repository: Path, release: str) -> None:
    (repository / "OpenVINO" / "Tiny.lfswip").touch()
    assert list(findings(start(repository, release=release))) == ["OVD903"]


@pytest.mark.parametrize(
    ("existing", "arguments", "downloads"),
    [
        ("tiny.gguf", (), False),
        ("other.gguf", (), True),
        ("tiny.gguf", ("--overwrite_models",), True),
        ("tiny.gguf", ("--overwrite_models", "false"), False),
    ],
)
def test_a_file_of_llama_cpp_is_kept(
    repository: Path, existing: str, arguments: tuple[str, ...], downloads: bool
) -> None:
    """Only one file of a GGUF repository is downloaded; the result depends on whether that file exists."""
    (repository / "OpenVINO" / "Tiny" / existing).write_bytes(b"GGUF")
    result = start(
        repository, "--gguf_filename", "tiny.gguf", *arguments, source="OpenVINO/Tiny", task="text_generation"
    )
    pulled = "https://huggingface.co/OpenVINO/Tiny" in result.text
    assert pulled is downloads, result.text[:3000]


def test_a_custom_graph_is_replaced(repository: Path) -> None:
    own = repository / "OpenVINO" / "Tiny" / "graph.pbtxt"
    own.write_text(graph("text_generation", "cache_size: 4"))
    result = start(repository)
    assert list(findings(result)) == ["OVD392"]
    assert "ends" not in findings(result)["OVD392"]["detail"]
    assert result.code == 0


@pytest.mark.parametrize(
    ("source", "arguments", "release", "expected"),
    [
        ("Qwen3-8B-int4-ov", (), "2026.3", {"OVD387", "OVD903"}),
        ("Qwen/Qwen3-8B", (), "2026.3", {"OVD390", "OVD903"}),
        ("Qwen/Qwen3-8B", ("--weight-format", "int4"), "2026.3", {"OVD903"}),
        ("someone/Qwen3-8B-int4-ov", (), "2026.3", {"OVD903"}),
        ("Qwen/Qwen3-8B", (), "2025.3", {"OVD903"}),
        ("OpenVINO/Qwen3-8B", ("--weight-format", "int4"), "2026.3", {"OVD406"}),
        ("Qwen/Qwen3-8B", (), "2025.2", {"OVD903"}),
    ],
)
def test_names(
    repository: Path, source: str, arguments: tuple[str, ...], release: str, expected: set[str]
) -> None:
    assert set(findings(start(repository, *arguments, source=source, release=release))) == expected


def test_2025_2_pulls_openvino_s_own_models_only(repository: Path) -> None:
    result = start(repository, "--pull", source="Qwen/Qwen3-8B", release="2025.2")
    assert server(result)["exit_code"] == 64
    assert "only OpenVINO models" in findings(result)["OVD406"]["server_log"][0]


@pytest.mark.parametrize(
    ("image", "missing"),
    [
        ("openvino/model_server:2026.3", True),
        ("openvino/model_server:2026.3-gpu", True),
        ("openvino/model_server:2026.3-py", False),
        ("example.com/own:2026.3", False),
    ],
)
def test_the_image_that_converts(repository: Path, image: str, missing: bool) -> None:
    line = (
        f"docker run --rm -v {repository}:/models {image} --source_model Qwen/Qwen3-8B --model_repository_path "
        "/models --task text_generation --weight-format int8 --rest_port 8000"
    )
    result = ovms_doctor("check", "--docker-run", line, "--ovms-version", "2026.3", "--format", "json")
    assert ("OVD390" in findings(result)) is missing
    assert server(result)["exit_code"] == (1 if missing else None)


@pytest.mark.parametrize(
    ("variable", "code", "ends"),
    [
        ("HF_ENDPOINT=hf-mirror.example.com", "OVD388", True),
        ("HF_ENDPOINT=", "OVD388", True),
        ("HF_ENDPOINT=https://hf-mirror.example.com", None, False),
        ("GIT_OPT_SET_SERVER_TIMEOUT=ten", "OVD388", True),
        ("GIT_OPT_SET_SERVER_TIMEOUT=10000", None, False),
        ("HUGGING_FACE_HUB_TOKEN=hf_secret", "OVD389", False),
        ("HF_TOKEN=hf_secret", None, False),
        ("HTTPS_PROXY=http://proxy.example.com:3128", "OVD603", False),
        ("https_proxy=http://proxy.example.com:3128", None, False),
    ],
)
@pytest.mark.sample(every=3)
def test_the_environment(repository: Path, variable: str, code: str | None, ends: bool) -> None:
    result = start(repository, options=("--env", variable), source="OpenVINO/Other")
    assert set(findings(result)) == ({code} if code else set()) | (set() if ends else {"OVD903"})
    assert "hf_secret" not in result.text
    # The existing model does not need it.
    assert findings(start(repository, options=("--env", variable))) == {}


def test_a_token_under_both_names(repository: Path) -> None:
    options = ("--env", "HF_TOKEN=a", "--env", "HUGGING_FACE_HUB_TOKEN=a")
    assert list(findings(start(repository, options=options, source="OpenVINO/Other"))) == ["OVD903"]


@pytest.mark.parametrize(
    ("source", "method", "size"),
    [
        ("OpenVINO/Qwen3-8B-int4-ov", "clone", 4e9),
        ("OpenVINO/Qwen3-8B-int8-ov", "clone", 8e9),
        ("OpenVINO/Qwen3-8B-fp16-ov", "clone", 16e9),
        ("Qwen/Qwen3-0.6B", "optimum", 1.2e9),
        ("OpenVINO/Qwen3-30B-A3B-int4-ov", "clone", 15e9),
        ("OpenVINO/bge-base-en-v1.5-int8-ov", "clone", None),
        ("OpenVINO/whisper-large-v3-fp16-ov", "clone", None),
    ],
)
def test_the_size_by_the_name(source: str, method: Any, size: float | None) -> None:
    assert size_by_name(source, method) == size


def test_a_model_that_is_larger_than_the_file_system(repository: Path) -> None:
    """By its name it needs more space than any disk has."""
    result = start(repository, source="OpenVINO/Gigantic-9000B-fp16-ov")
    found = [item for item in json.loads(result.out)["findings"] if item["code"] == "OVD391"]
    assert bool(found) == (_free(repository) < 18e12)
    for item in found:
        (text,) = re.findall(r"has ([0-9.]+) GB free", item["message"])
        # Other processes write to the file system at the same time.
        assert abs(float(text) - _free(repository) / 1e9) < max(5, _free(repository) / 1e10)


def _free(path: Path) -> int:
    import os

    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


# -- pulling alone, and the other modes ---------------------------------------------------------------


def test_pull_alone(repository: Path) -> None:
    result = start(repository, "--pull")
    assert (server(result)["outcome"], server(result)["exit_code"], result.code) == ("exits", 0, 0)
    assert start(repository, "--pull", source="OpenVINO/Other").code == 3


@pytest.mark.parametrize("release", ["2025.4", "2026.1", "2026.2"])
def test_source_model_without_a_task_pulls_nothing(repository: Path, release: str) -> None:
    result = start(repository, task=None, release=release)
    assert server(result)["exit_code"] == 64


@pytest.fixture
def other(repository: Path) -> Callable[..., Result]:
    def run(*arguments: str, release: str = "2026.3", readonly: bool = False) -> Result:
        mount = f"{repository}:/models" + (":ro" if readonly else "")
        return ovms_doctor(
            "check", "--ovms-version", release, "--load", "none", "--format", "json", "--mount", mount, "--",
            *arguments,
        )  # fmt: skip

    return run


def test_add_to_config(repository: Path, other: Callable[..., Result]) -> None:
    arguments = ("--add_to_config", "--config_path", "/models/config.json", "--model_name", "OpenVINO/Tiny")
    arguments += ("--model_repository_path", "/models")
    good = other(*arguments)
    assert (server(good)["exit_code"], good.code) == (0, 0)
    (model,) = json.loads(good.out)["models"]
    assert (model["base_path"], model["versions"][0]["state"]) == ("/models/OpenVINO/Tiny", "AVAILABLE")
    (repository / "OpenVINO" / "Tiny" / "graph.pbtxt").unlink()
    assert list(findings(other(*arguments))) == ["OVD381"]
    listed = {"model_config_list": [{"config": {"name": "OpenVINO/Tiny", "base_path": "/x"}}]}
    (repository / "config.json").write_text(json.dumps(listed))
    twice = other(*arguments)
    assert (list(findings(twice)), server(twice)["exit_code"]) == (["OVD393"], 1)
    (repository / "config.json").unlink()
    refused = other(*arguments, readonly=True)
    assert (list(findings(refused)), server(refused)["exit_code"]) == (["OVD385"], 1)


def test_a_missing_base_path_is_added(other: Callable[..., Result]) -> None:
    arguments = ("--add_to_config", "--config_path", "/models/config.json", "--model_name", "m")
    result = other(*arguments, "--model_path", "/models/none")
    assert (list(findings(result)), server(result)["exit_code"]) == (["OVD106"], 0)


def test_until_2025_3_the_option_names_the_file(other: Callable[..., Result]) -> None:
    arguments = ("--model_name", "OpenVINO/Tiny", "--model_repository_path", "/models")
    result = other("--add_to_config", "/models/config.json", *arguments, release="2025.3")
    assert (server(result)["exit_code"], result.code) == (0, 0)


def test_configure_and_list_models(repository: Path, other: Callable[..., Result]) -> None:
    arguments = ("--configure", "--model_path", "/models/OpenVINO/Tiny")
    assert (server(other(*arguments))["exit_code"], other(*arguments).code) == (0, 0)
    refused = other(*arguments, readonly=True)
    assert (list(findings(refused)), server(refused)["exit_code"]) == (["OVD385"], 1)
    listing = other("--list_models", "--model_repository_path", "/models")
    assert (server(listing)["exit_code"], listing.code) == (0, 0)


def test_options_that_the_parser_of_the_task_accepts(repository: Path) -> None:
    assert findings(start(repository, "--tool_parser", "hermes3")) == {}
    refused = start(repository, "--pooling", "CLS")
    assert server(refused)["exit_code"] == 64
    assert "unmatched arguments : --pooling, CLS," in findings(refused)["OVD406"]["server_log"][0]


def test_the_options_of_the_task_reach_the_graph(repository: Path) -> None:
    assert "OVD374" in findings(start(repository, "--tool_parser", "qwen3", release="2026.2"))
