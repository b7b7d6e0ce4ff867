"""What the rest of a run line or compose file shows about a setting: the endpoint, the ports, the device."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.checks.container import check as check_container
from ovms_doctor.checks.context import Context
from ovms_doctor.inputs.arguments import read_arguments
from ovms_doctor.model.container import Container, ContainerState, Source
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.plan import Plan
from ovms_doctor.model.releases import parse_release
from tests.cli.helpers import good_model
from tests.cli.run import Result, ovms_doctor

STOCK = "openvino/model_server:2026.3"


def run(*options: str, arguments: tuple[str, ...], image: str = STOCK, engine: str = "docker") -> Result:
    line = shlex.join([engine, "run", *options, image, *arguments])
    return ovms_doctor("check", "--format", "json", "--ovms-version", "2026.3", "--docker-run", line)


def found(result: Result, code: str) -> list[dict[str, Any]]:
    return [item for item in result.document["findings"] if item["code"] == code]


def steps(finding: dict[str, Any]) -> str:
    return "\n".join(f"{step['text']} {step['command'] or ''}" for step in finding["remedy"]["steps"])


# -- S3_ENDPOINT=http://localhost ------------------------------------------------------------------------

S3 = ("--model_path", "s3://bucket/m", "--model_name", "m", "--port", "9000")
KEYS = ("-e", "AWS_ACCESS_KEY_ID=a", "-e", "AWS_SECRET_ACCESS_KEY=b", "-e", "AWS_REGION=us-east-1")


def endpoint(value: str) -> tuple[str, ...]:
    return (*KEYS, "-e", f"S3_ENDPOINT={value}")


@pytest.mark.parametrize(
    "value",
    [
        "http://localhost:9000",
        "localhost:9000",
        "http://127.0.0.1:9000",
        "https://127.0.1.1",
        "http://LOCALHOST:9000",
        "http://0.0.0.0:9000",
    ],
)
@pytest.mark.parametrize("network", [(), ("--network", "bridge"), ("--network", "shop")])
def test_an_endpoint_that_is_the_container(value: str, network: tuple[str, ...]) -> None:
    """Nothing on this host is contacted, whatever listens here."""
    result = run(*network, *endpoint(value), arguments=S3)
    (finding,) = found(result, "OVD648")
    assert (result.code, finding["severity"]) == (1, "error")
    assert result.document["server"]["outcome"] == "exits"
    assert "curlCode: 7" in finding["server_log"][0]
    assert "host.docker.internal" in steps(finding)
    assert "OVD903" not in [item["code"] for item in result.document["findings"]]


GCS = ("--model_name", "m", "--model_path", "gs://bucket/m", "--port", "9000")


@pytest.mark.parametrize("value", ["http://localhost:4443", "127.0.0.1:4443", "http://[::1]:4443"])
def test_an_emulator_of_google_storage_that_is_the_container(value: str) -> None:
    result = run("-e", f"CLOUD_STORAGE_TESTBENCH_ENDPOINT={value}", arguments=GCS)
    (finding,) = found(result, "OVD668")
    assert (result.code, finding["severity"]) == (1, "error")
    assert finding["server_log"] == ["Directory does not exist: gs://bucket/m"]
    assert "CLOUD_STORAGE_TESTBENCH_ENDPOINT=http://host.docker.internal:4443" in steps(finding)


@pytest.mark.parametrize(
    "options",
    [
        ("--network", "host", "-e", "CLOUD_STORAGE_TESTBENCH_ENDPOINT=http://localhost:9"),
        ("-e", "CLOUD_STORAGE_TESTBENCH_ENDPOINT=http://localhost.example.invalid:9"),
        ("-e", "CLOUD_STORAGE_TESTBENCH_ENDPOINT=http://localhost:9", "-e", "http_proxy=http://127.0.0.1:9"),
    ],
)
def test_an_emulator_of_google_storage_on_another_host(options: tuple[str, ...]) -> None:
    line = shlex.join(["docker", "run", *options, STOCK, *GCS])
    result = ovms_doctor("check", "--format", "json", "--timeout", "1", "--docker-run", line)
    assert found(result, "OVD668") == []


def test_podman_calls_the_host_otherwise() -> None:
    (finding,) = found(run(*endpoint("http://localhost:9000"), arguments=S3, engine="podman"), "OVD648")
    assert "host.containers.internal" in steps(finding)


def test_in_a_compose_file(public_dir: Path) -> None:
    environment = {
        "S3_ENDPOINT": "http://localhost:9000",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    service = {"image": STOCK, "command": list(S3), "environment": environment}
    services = {"ovms": service, "minio": {"image": "minio/minio"}}
    (public_dir / "compose.yaml").write_text(json.dumps({"services": services}))
    result = ovms_doctor("check", "--format", "json", "--compose", f"{public_dir}/compose.yaml:ovms")
    assert "http://SERVICE:9000" in steps(found(result, "OVD648")[0])
    service["network_mode"] = "service:minio"
    (public_dir / "compose.yaml").write_text(json.dumps({"services": services}))
    result = ovms_doctor(
        "check", "--format", "json", "--timeout", "2", "--compose", f"{public_dir}/compose.yaml:ovms"
    )
    assert found(result, "OVD648") == []


@pytest.mark.parametrize(
    "options",
    [
        ("--network", "host", *endpoint("http://localhost:9")),
        ("--network", "container:minio", *endpoint("http://localhost:9")),
        endpoint("http://localhost.example.com:9"),
        endpoint("http://minio:9"),
        endpoint("http://192.0.2.1:9"),
        # The proxy receives the request, so localhost is the proxy's host.
        (*endpoint("http://localhost:9"), "-e", "http_proxy=http://192.0.2.1:9"),
        KEYS,
    ],
)
@pytest.mark.sample(every=3)
def test_an_endpoint_at_another_address(options: tuple[str, ...]) -> None:
    line = shlex.join(["docker", "run", *options, STOCK, *S3])
    result = ovms_doctor("check", "--format", "json", "--timeout", "1", "--docker-run", line)
    assert found(result, "OVD648") == []


def test_on_this_host_localhost_is_this_host() -> None:
    arguments = ("--env", "S3_ENDPOINT=http://localhost:9", "--timeout", "1")
    result = ovms_doctor("check", "--format", "json", *arguments, "--", *S3)
    assert found(result, "OVD648") == []


# -- ports -----------------------------------------------------------------------------------------------


@pytest.fixture
def models(public_dir: Path) -> tuple[str, ...]:
    good_model(public_dir / "m" / "1")
    return ("-v", f"{public_dir}:/models")


def ports(models: tuple[str, ...], options: str, arguments: str, image: str = STOCK) -> Result:
    named = ("--model_path", "/models/m", "--model_name", "m", *arguments.split())
    return run(*models, *options.split(), arguments=named, image=image)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ("-p 9000:9000", "--port 9000 --rest_port 8000"),
        ("-p 127.0.0.1:9001:9000", "--rest_port=8000 --port=9000"),
        ("-p 9000:9000 --network bridge", "--port 9000 --rest_port 8000"),
    ],
)
@pytest.mark.sample(every=3)
def test_only_grpc_is_published(options: str, arguments: str, models: tuple[str, ...]) -> None:
    result = ports(models, options, arguments)
    (finding,) = found(result, "OVD720")
    assert (result.code, finding["severity"]) == (0, "warning")
    assert "-p 8000:8000" in steps(finding)
    assert found(ports(models, f"{options} -p 8000:8000", arguments), "OVD720") == []


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ("", "--port 9000 --rest_port 8000"),
        ("-p 8000:8000", "--port 9000 --rest_port 8000"),
        ("-p 9000:9000", "--port 9000"),
        ("-P", "--port 9000 --rest_port 8000"),
        # Other containers reach it by the container's name, scrape it, or call it from inside.
        ("-p 9000:9000 --network shop", "--port 9000 --rest_port 8000"),
        ("-p 9000:9000 --network host", "--port 9000 --rest_port 8000"),
        ("-p 9000:9000", "--port 9000 --rest_port 8000 --metrics_enable"),
        ("-p 9000:9000", "--port 9000 --rest_port 8000 --rest_bind_address 127.0.0.1"),
    ],
)
@pytest.mark.sample(every=3)
def test_a_port_that_may_be_grpc_is_not_reported(
    options: str, arguments: str, models: tuple[str, ...]
) -> None:
    assert found(ports(models, options, arguments), "OVD720") == []


def test_a_health_check_uses_rest(models: tuple[str, ...]) -> None:
    health = ("--health-cmd", "curl -f http://localhost:8000/v2/health/ready", "-p", "9000:9000")
    named = ("--model_path", "/models/m", "--model_name", "m", "--port", "9000", "--rest_port", "8000")
    assert found(run(*models, *health, arguments=named), "OVD720") == []


@pytest.mark.parametrize(
    ("options", "arguments", "step"),
    [
        ("-p 9000:9000 -p 8000:8000", "--port 9000", "--rest_port 8000"),
        ("-p 8000:8000 -p 9178:9178", "--rest_port 8000", "--port 9178"),
    ],
)
def test_nothing_listens_on_a_published_port(
    options: str, arguments: str, step: str, models: tuple[str, ...]
) -> None:
    result = ports(models, options, arguments)
    (finding,) = found(result, "OVD721")
    assert (result.code, finding["severity"]) == (0, "warning")
    assert step in steps(finding)
    assert found(ports(models, options, f"{arguments} {step}"), "OVD721") == []


@pytest.mark.parametrize(
    ("options", "arguments", "image"),
    [
        ("-p 9000:9000 -p 8000:8000 -p 2112:2112", "--port 9000 --rest_port 8000", STOCK),
        ("-p 9000:9000 -p 2112:2112", "--port 9000", "registry.example.com/with-exporter:1"),
        ("-p 9000:9000 -p 8000:8000/udp", "--port 9000", STOCK),
        ("-p 9000:9000 -p 8000:8000 --network host", "--port 9000", STOCK),
    ],
)
def test_another_port_may_be_published(
    options: str, arguments: str, image: str, models: tuple[str, ...]
) -> None:
    assert found(ports(models, options, arguments, image), "OVD721") == []


# -- devices whose plugin or driver the image may not have -----------------------------------------------


@pytest.mark.parametrize(
    ("device", "image"),
    [
        ("NVIDIA", STOCK),
        ("NVIDIA", "ours/ovms:1"),
        ("NVIDIA.0", STOCK),
        ("HETERO:NVIDIA,CPU", STOCK),
        ("OURS", "ours/ovms:1"),
        ("GPU", "ours/ovms:1"),
        ("NPU", "registry.example.com/team/server:2026.3"),
    ],
)
def test_a_device_driver_in_an_unknown_image_is_unknown(
    device: str, image: str, models: tuple[str, ...]
) -> None:
    nodes = ("--device", "/dev/null:/dev/dri/renderD128", "--device", "/dev/null:/dev/accel/accel0")
    named = ("--model_path", "/models/m", "--model_name", "m", "--port", "9000", "--target_device", device)
    result = run(*models, *nodes, arguments=named, image=image)
    assert result.code == 3
    (devices,) = [item for item in result.document["checks"] if item["name"] == "devices"]
    assert devices["status"] == "could_not_look"
    assert "is not known" in devices["reason"]
    assert result.document["findings"] == []


@pytest.mark.parametrize(
    ("device", "image", "codes"),
    [
        ("CPU", "ours/ovms:1", []),
        ("AUTO", "ours/ovms:1", []),
        ("AUTO:NVIDIA,CPU", STOCK, []),
        ("AUTO:GPU,CPU", "ours/ovms:1", []),
        ("GPU", "openvino/model_server:2026.3-gpu", []),
        ("GPU", "ours/ovms:2026.3-gpu", []),
        ("GPU", STOCK, ["OVD728"]),
        # No OpenVINO has these devices, whatever the image is.
        ("OURS", STOCK, ["OVD432"]),
        ("cpu", "ours/ovms:1", ["OVD432"]),
    ],
)
@pytest.mark.sample(every=3)
def test_known_facts_of_the_image(device: str, image: str, codes: list[str], models: tuple[str, ...]) -> None:
    node = ("--device", "/dev/null:/dev/dri/renderD128")
    named = ("--model_path", "/models/m", "--model_name", "m", "--port", "9000", "--target_device", device)
    result = run(*models, *node, arguments=named, image=image)
    assert [item["code"] for item in result.document["findings"]] == codes
    assert result.code == (1 if "OVD432" in codes else 0)


# -- a server that ended with a signal -------------------------------------------------------------------


def ended(code: int, *arguments: str, source: Source = "docker") -> Finding:
    release = parse_release("2026.3")
    server_arguments = ("--model_name", "m", "--model_path", "/models/m", "--port", "9000", *arguments)
    state = ContainerState("exited", exit_code=code)
    container = Container(
        source, "ovms", name="ovms", engine="docker", image=STOCK, arguments=server_arguments, state=state
    )
    deployment = Deployment(
        "single",
        release,
        "given",
        arguments=read_arguments(list(server_arguments), release),
        container=container,
    )
    context = Context(deployment, Plan("single", "serves"), Facts(complete=True))
    (finding,) = [item for item in check_container(context) if item.code in ("OVD706", "OVD707", "OVD708")]
    return finding


def texts(finding: Finding) -> list[str]:
    assert finding.remedy is not None
    return [f"{step.text} {step.command or ''}" for step in finding.remedy.steps]


@pytest.mark.parametrize(
    ("code", "first", "cause"),
    [
        (132, "-e avx -e avx2 /proc/cpuinfo", "AVX"),
        (134, "--load compile", "newer OpenVINO"),
        (135, "--load compile", "overwritten"),
        (139, "--load compile", "newer OpenVINO"),
    ],
)
def test_the_usual_causes_come_before_the_log(code: int, first: str, cause: str) -> None:
    finding = ended(code)
    assert first in texts(finding)[0]
    assert "docker logs" in texts(finding)[-1]
    assert cause in finding.detail
    assert not any("cpu_extension" in text for text in texts(finding)), "none is named"


@pytest.mark.parametrize("code", [132, 134, 139])
def test_an_extension_that_is_named(code: int) -> None:
    assert any(
        "without --cpu_extension /ext/lib.so" in text
        for text in texts(ended(code, "--cpu_extension", "/ext/lib.so"))
    )


def test_a_saved_document_is_named() -> None:
    assert "ovms-doctor check --inspect ovms --load compile" in texts(ended(139, source="inspect"))[0]


def test_a_mount_of_the_model_instead_of_its_repository(tmp_path: Path) -> None:
    """The suggested path repairs it."""
    good_model(tmp_path / "models" / "m" / "1")
    options = ("-v", f"{tmp_path}/models/m:/models")
    result = run(*options, arguments=("--model_path", "/models/m", "--model_name", "m", "--port", "9000"))
    (finding,) = found(result, "OVD106")
    assert "/models has the versions of a model itself" in finding["message"]
    assert "Give the server the path /models." in steps(finding)
    repaired = run(*options, arguments=("--model_path", "/models", "--model_name", "m", "--port", "9000"))
    assert (repaired.code, repaired.document["findings"]) == (0, [])


# -- arguments that do not reach the server as they are written ------------------------------------------


def served(top: Path) -> tuple[str, ...]:
    if not (top / "models").exists():
        good_model(top / "models" / "m" / "1")
    return ("-v", f"{top}/models:/models")


MODEL = ("--model_path", "/models/m", "--model_name", "m", "--port", "9000")


def test_arguments_that_a_shell_does_not_pass_on(tmp_path: Path) -> None:
    """The words after the text of -c are the positional parameters of the shell."""
    options = (*served(tmp_path), "--entrypoint", "sh")
    result = run(*options, arguments=("-c", "/ovms/bin/ovms", *MODEL))
    assert "into the text after -c" in steps(found(result, "OVD415")[0])
    for script in ("/ovms/bin/ovms --help", "/ovms/bin/ovms --version"):
        result = run(*options, arguments=("-c", script))
        assert "after -c" not in steps(found(result, "OVD415")[0])
    assert run(*options, arguments=("-c", f"/ovms/bin/ovms {shlex.join(MODEL)}")).document["findings"] == []


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--plugin_config", '{"NUM_STREAMS": "1"}', "OVD421"),
        ("--model_version_policy", '{"latest": {"num_versions": 1}}', "OVD407"),
    ],
)
def test_an_object_in_quotes_that_no_shell_removes(
    option: str, value: str, code: str, tmp_path: Path
) -> None:
    mounts = served(tmp_path)
    result = run(*mounts, arguments=(*MODEL, f"{option}='{value}'"))
    (finding,) = found(result, code)
    assert "in a list of a YAML or JSON file these quotes would be a part of the value" in steps(finding)
    assert run(*mounts, arguments=(*MODEL, f"{option}={value}")).document["findings"] == []


@pytest.mark.parametrize(
    ("word", "severity"), [("/ovms/bin/ovms", "info"), ("ovms", "info"), ("true", "warning")]
)
def test_a_word_that_an_old_release_ignores(word: str, severity: str, tmp_path: Path) -> None:
    """The name of the program is no mistake with an effect: everything that is written is served."""
    line = shlex.join(["docker", "run", *served(tmp_path), "openvino/model_server:2023.3", word, *MODEL])
    result = ovms_doctor("check", "--format", "json", "--docker-run", line)
    (finding,) = found(result, "OVD416")
    assert (result.code, finding["severity"]) == (0, severity)
    assert finding["message"] == f"{word} belongs to no option: OVMS 2023.3 ignores it"


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ('"/models/m"', "quotes: they are part of the name"),
        ("'/models/m'", "quotes: they are part of the name"),
        ("$MODEL_PATH", "does not expand variables"),
        ("${BASE}/m", "does not expand variables"),
        ("~/models/m", "does not expand “~”"),
        ("C:\\models\\m", "a backslash is part of the name"),
    ],
)
def test_a_relative_path_is_below_the_root_of_the_image(path: str, hint: str, tmp_path: Path) -> None:
    """Dockerfile.ubuntu and Dockerfile.redhat have WORKDIR /, and nothing of these names there."""
    mounts, ports = served(tmp_path), ("--port", "9000")
    as_model = run(*mounts, arguments=("--model_path", path, "--model_name", "m", *ports))
    as_config = run(*mounts, arguments=("--config_path", path, *ports))
    for result, code in ((as_model, "OVD106"), (as_config, "OVD405")):
        assert (result.code, result.document["server"]["outcome"]) == (1, "exits")
        assert found(result, code)
        assert hint in found(result, "OVD447")[0]["message"]


@pytest.mark.parametrize("path", ["models/m", "./models/m"])
def test_a_relative_path_that_is_mounted(path: str, tmp_path: Path) -> None:
    mounts = served(tmp_path)
    arguments = ("--model_path", path, "--model_name", "m", "--port", "9000")
    assert run(*mounts, arguments=arguments).document["findings"] == []
    elsewhere = run(*mounts, "--workdir", "/elsewhere", arguments=arguments)
    assert found(elsewhere, "OVD106")
    assert run(*mounts, "--workdir", "/models", arguments=("--model_path", "m", *arguments[2:])).code == 0


def test_a_relative_path_in_another_image_is_not_known(tmp_path: Path) -> None:
    line = ["docker", "run", *served(tmp_path), "example.com/my-ovms:1", "--model_path", "m", *MODEL[2:]]
    result = ovms_doctor("check", "--format", "json", "--docker-run", shlex.join(line))
    assert (result.code, [item["code"] for item in result.document["findings"]]) == (3, ["OVD903"])
