"""Findings about proxies: none for local models; for others, the problems that the server's clients would have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.model.environment import variables
from ovms_doctor.model.options import CheckOptions
from tests.storage.offline import reported_offline

PROXY = "http://someone:canary@proxy.test:3128"


def report(
    tmp_path: Path, bases: list[str], environment: dict[str, str], release: str | None = None
) -> dict[str, Any]:
    """No store is contacted: the environments contain proxies that do not exist."""
    entries = [{"config": {"name": f"m{number}", "base_path": base}} for number, base in enumerate(bases)]
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"model_config_list": entries}))
    request = CheckOptions(
        (str(path),), environment=variables(environment.items()), load="none", release=release
    )
    document = reported_offline(request)
    assert "canary" not in json.dumps(document)
    return document


def findings(
    tmp_path: Path, bases: list[str], environment: dict[str, str], release: str | None = None
) -> list[dict[str, object]]:
    found: list[dict[str, object]] = report(tmp_path, bases, environment, release)["findings"]
    return [item for item in found if str(item["code"]).startswith("OVD6")]


S3, GCS, AZURE = "s3://bucket/m", "gs://bucket/m", "az://container/m"
ROWS = [
    ([S3], {"https_proxy": "http://someone:canary@proxy.test"}, ["OVD601"]),
    ([S3], {"https_proxy": "someone:canary@proxy.test:3128"}, ["OVD602"]),
    ([S3], {"HTTP_proxy": PROXY}, ["OVD603"]),
    ([GCS], {"http_proxy": PROXY}, ["OVD603"]),
    ([AZURE], {"HTTPS_PROXY": PROXY}, ["OVD603"]),
    ([S3], {"https_proxy": "", "http_proxy": PROXY}, ["OVD604"]),
    ([S3], {"https_proxy": PROXY, "S3_ENDPOINT": "http://minio:9000", "no_proxy": "minio"}, ["OVD605"]),
    ([S3], {"https_proxy": "https://proxy.test:3128"}, ["OVD606"]),
    ([S3], {"https_proxy": "http://someone:canary%40@proxy.test:3128"}, ["OVD607"]),
    ([S3, GCS], {"http_proxy": PROXY}, ["OVD603"]),
]
CONTROLS = [
    ([AZURE], {"https_proxy": PROXY}),
    ([S3], {}),
    ([S3, GCS, AZURE], {"https_proxy": PROXY}),
    ([S3], {"HTTP_PROXY": PROXY}),
    ([GCS], {"HTTPS_PROXY": PROXY}),
    ([GCS], {"ALL_PROXY": PROXY}),
    ([GCS], {"https_proxy": PROXY, "no_proxy": "googleapis.com"}),
    ([AZURE], {"http_proxy": PROXY, "AZURE_STORAGE_USE_HTTP_PROXY": "1"}),
    ([S3], {"https_proxy": "", "HTTPS_PROXY": ""}),
    ([S3], {"https_proxy": PROXY, "S3_ENDPOINT": "http://minio:9000", "no_proxy": "other"}),
    ([S3], {"https_proxy": PROXY, "no_proxy": "localhost"}),
    (["/models/m"], {"https_proxy": "http://proxy.test", "HTTP_proxy": PROXY, "http_proxy": "x"}),
    ([], {"https_proxy": "http://proxy.test"}),
]


@pytest.mark.parametrize(("bases", "environment", "codes"), ROWS)
def test_errors_of_clients_are_reported(
    tmp_path: Path, bases: list[str], environment: dict[str, str], codes: list[str]
) -> None:
    assert [item["code"] for item in findings(tmp_path, bases, environment)] == codes


@pytest.mark.parametrize(("bases", "environment"), CONTROLS)
def test_working_proxy_has_no_finding(tmp_path: Path, bases: list[str], environment: dict[str, str]) -> None:
    assert findings(tmp_path, bases, environment) == []


def test_a_proxy_without_a_port_ends_the_server(tmp_path: Path) -> None:
    document = report(tmp_path, [S3], {"https_proxy": "http://proxy.test"})
    assert (document["server"]["outcome"], document["server"]["exit_code"]) == ("exits", 1)
    (finding,) = [item for item in document["findings"] if item["code"] == "OVD601"]
    assert finding["server_log"] == ["Exception catch: stoi - will now terminate."]


def test_older_client_is_not_reported_to_ignore_no_proxy(tmp_path: Path) -> None:
    environment = {"https_proxy": PROXY, "S3_ENDPOINT": "http://minio:9000", "no_proxy": "minio"}
    assert findings(tmp_path, [S3], environment, "2023.3") == []


# -- no_proxy by release -------------------------------------------------------------------------------

MINIO = {"https_proxy": PROXY, "S3_ENDPOINT": "http://minio.stores.svc:9000"}


@pytest.mark.parametrize("listed", ["minio.stores.svc", "other,.svc", "stores.svc", "*"])
def test_no_proxy_is_honoured_until_2023_3(tmp_path: Path, listed: str) -> None:
    environment = {**MINIO, "no_proxy": listed}
    assert findings(tmp_path, [S3], environment, "2023.3") == []
    (found,) = findings(tmp_path, [S3], environment, "2024.0")
    assert found["code"] == "OVD605"
    assert "minio.stores.svc" in str(found["message"])
    assert listed.rpartition(",")[2] in str(found["message"])


@pytest.mark.parametrize("listed", ["minio.stores.svc:9000", "*.svc"])
def test_an_entry_that_only_seems_to_cover_the_endpoint(tmp_path: Path, listed: str) -> None:
    for release in ("2023.3", "2026.3"):
        (found,) = findings(tmp_path, [S3], {**MINIO, "NO_PROXY": listed}, release)
        assert found["code"] == "OVD605"
        assert listed in str(found["message"])
    step = str(findings(tmp_path, [S3], {**MINIO, "NO_PROXY": listed}, "2023.3")[0]["remedy"])
    assert "Write minio.stores.svc into NO_PROXY" in step


def test_a_network_for_an_address(tmp_path: Path) -> None:
    environment = {"https_proxy": PROXY, "S3_ENDPOINT": "http://10.1.2.3:9000", "no_proxy": "10.0.0.0/8"}
    (found,) = findings(tmp_path, [S3], environment)
    assert "10.0.0.0/8" in str(found["message"])
    assert findings(tmp_path, [S3], {**environment, "no_proxy": "192.168.0.0/16"}) == []


def test_amazons_own_host(tmp_path: Path) -> None:
    environment = {"https_proxy": PROXY, "AWS_REGION": "eu-west-1", "no_proxy": "amazonaws.com"}
    (found,) = [item for item in findings(tmp_path, [S3], environment) if item["code"] == "OVD605"]
    assert "s3.eu-west-1.amazonaws.com" in str(found["message"])
    old = findings(tmp_path, [S3], environment, "2023.3")
    assert "OVD605" not in [item["code"] for item in old]


# -- the switch of Azure's client ----------------------------------------------------------------------


@pytest.mark.parametrize("value", ["1", "0", "false"])
def test_the_switch_of_azures_client_counts_with_any_value(tmp_path: Path, value: str) -> None:
    environment = {"https_proxy": PROXY, "AZURE_STORAGE_USE_HTTP_PROXY": value}
    (found,) = [item for item in findings(tmp_path, [AZURE], environment) if item["code"] == "OVD603"]
    remedy = str(found["remedy"])
    assert "Set http_proxy" in remedy
    assert "remove AZURE_STORAGE_USE_HTTP_PROXY" in remedy
    assert "Set https_proxy" not in remedy
    for after in ({"https_proxy": PROXY}, {**environment, "http_proxy": PROXY}):
        codes = [item["code"] for item in findings(tmp_path, [AZURE], after)]
        assert "OVD603" not in codes
