"""The proxy of this host, which a container that will run here does not get automatically."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import ovms_doctor

ARGUMENTS = "--model_path s3:// --model_name m --port 9000"
LINE = f"docker run {{}} openvino/model_server:2026.3 {ARGUMENTS}"
COMPOSE = f"""services:
  ovms:
    image: openvino/model_server:2026.3
    command: {ARGUMENTS}
"""


def found(*arguments: str | Path, **environment: str) -> list[dict[str, Any]]:
    """The findings about the proxy. The path names no bucket, so no store is contacted."""
    run = ovms_doctor(
        "check",
        *arguments,
        "-f",
        "json",
        environment={"HOME": "/nonexistent", "PATH": "/usr/bin", **environment},
    )
    return [item for item in run.document["findings"] if item["code"] == "OVD608"]


def test_a_run_line_without_the_proxy() -> None:
    (item,) = found("--docker-run", LINE.format(""), HTTPS_PROXY="http://someone:canary@proxy.test:3128")
    assert "canary" not in str(item)
    (step,) = item["remedy"]["steps"]
    assert step["command"] == '-e https_proxy="$HTTPS_PROXY"'


def test_a_compose_file_without_the_proxy(tmp_path: Path) -> None:
    file = tmp_path / "compose.yml"
    file.write_text(COMPOSE)
    (item,) = found("--compose", file, https_proxy="http://proxy.test:3128")
    (step,) = item["remedy"]["steps"]
    assert step["command"] == 'environment: {https_proxy: "${https_proxy}"}'
    file.write_text(COMPOSE + '    environment: {https_proxy: "${https_proxy}"}\n')
    assert found("--compose", file, https_proxy="http://proxy.test:3128") == []


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        ("", {}),
        ("-e https_proxy=http://proxy.test:3128", {"https_proxy": "http://proxy.test:3128"}),
        # Another host's engine.
        ("", {"https_proxy": "http://proxy.test:3128", "DOCKER_HOST": "tcp://10.0.0.1:2376"}),
    ],
)
def test_no_proxy_to_be_passed_on(options: str, environment: dict[str, str]) -> None:
    assert found("--docker-run", LINE.format(options), **environment) == []


def test_dockers_client_passes_its_own_proxies_on(tmp_path: Path) -> None:
    environment = {"https_proxy": "http://proxy.test:3128", "DOCKER_CONFIG": str(tmp_path)}
    assert len(found("--docker-run", LINE.format(""), **environment)) == 1
    (tmp_path / "config.json").write_text(
        '{"proxies": {"default": {"httpsProxy": "http://proxy.test:3128"}}}'
    )
    assert found("--docker-run", LINE.format(""), **environment) == []


def test_local_models_need_no_proxy() -> None:
    line = LINE.format("").replace("s3://", "/models/m")
    assert found("--docker-run", line, https_proxy="http://proxy.test:3128") == []
