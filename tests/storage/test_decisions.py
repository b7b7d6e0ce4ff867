"""Decisions before any store is contacted: the tables, the server's own pattern, and boto3."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ovms_doctor.checks import storage
from ovms_doctor.checks.context import Context
from ovms_doctor.diagnosis.deploy import deployment_for
from ovms_doctor.diagnosis.from_container import options_from_container
from ovms_doctor.inputs.run_line.read import read_run_line
from ovms_doctor.model.deployment import ModelEntry
from ovms_doctor.model.environment import READ_BY_CLIENTS, variables
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.plan import Plan
from ovms_doctor.model.releases import parse_release
from ovms_doctor.model.storage_plan import S3Client
from ovms_doctor.model.text import redact
from ovms_doctor.prediction.startup import plan
from ovms_doctor.prediction.storage import gcs, s3
from ovms_doctor.prediction.storage.server_environment import ServerEnvironment
from tests.prediction.memory import deployment
from tests.samples import sampled
from tests.storage.table import FAULTS, FINDINGS, GCS_CLIENTS, KEYS, NEW, S3_CLIENTS, S3_PATHS, Environment


def around(environment: Environment) -> ServerEnvironment:
    return ServerEnvironment({item.name: item for item in variables(environment.items())})


def client(environment: Environment, release: str = NEW, path: str = "s3://b1x/m") -> S3Client:
    return s3.choose_client(s3.parse_path(path), around(environment), parse_release(release))


def judged(path: str, environment: Environment, release: str, mode: str = "config") -> tuple[Plan, list[Any]]:
    server = deployment(
        release, mode, entry=ModelEntry("m", path), environment=variables(environment.items())
    )
    facts = Facts(complete=True)
    planned = plan(server, facts).plan
    assert planned is not None
    return planned, list(storage.check(Context(server, planned, facts)))


@pytest.mark.parametrize(("path", "expected"), S3_PATHS)
def test_paths_are_read_as_the_server_reads_them(path: str, expected: tuple[str, ...]) -> None:
    parsed = s3.parse_path(path)
    assert (parsed.bucket, parsed.key, parsed.host, parsed.port, parsed.host_like) == expected


@pytest.mark.parametrize(("environment", "release", "expected"), S3_CLIENTS)
def test_the_client_for_s3(environment: Environment, release: str, expected: tuple[Any, ...]) -> None:
    found = client(environment, release)
    assert expected == (
        found.credentials,
        found.addressing,
        found.region,
        found.region_from,
        found.token,
        found.url,
    )


@pytest.mark.parametrize(("environment", "release", "expected"), GCS_CLIENTS)
def test_the_client_for_google(environment: Environment, release: str, expected: tuple[str, ...]) -> None:
    found = gcs.choose_client(around(environment), parse_release(release))
    assert (found.credentials, found.endpoint_from, found.unread) == expected


@pytest.mark.parametrize(("path", "environment", "release", "outcome", "status"), FAULTS)
def test_decisions_without_a_request(
    path: str, environment: Environment, release: str, outcome: str, status: str
) -> None:
    planned, _ = judged(path, environment, release)
    (model,) = planned.models
    assert (planned.outcome, model.status) == (outcome, status)
    assert planned.exit_code == (1 if outcome == "exits" else None)
    assert (model.unknown is None) is (outcome != "unknown")
    alone, _ = judged(path, environment, release, "single")
    assert alone.outcome == ("unknown" if outcome == "unknown" else "exits")


@pytest.mark.parametrize(("path", "environment", "release", "codes"), FINDINGS)
def test_sentences_of_the_decisions(
    path: str, environment: Environment, release: str, codes: tuple[str, ...]
) -> None:
    planned, found = judged(path, environment, release)
    assert tuple(item.code for item in found) == codes
    assert "canary" not in repr((planned, found))
    # An error is also in the plan; everything else depends on the store.
    assert any(item.severity == "error" for item in found) is (planned.models[0].unknown is None)


def test_a_host_behind_a_dot_may_be_found_with_any_name_before_it() -> None:
    environment = {"AWS_EC2_METADATA_DISABLED": "true", "S3_ENDPOINT": "https://s3.example.com"}
    _, found = judged("s3://b1x/m", environment, NEW)
    assert [(item.code, item.severity) for item in found] == [("OVD631", "info")]


def test_the_first_model_that_ends_it_is_the_one() -> None:
    entries = (ModelEntry("a", "az://c/m/"), ModelEntry("b", "s3://b/m"), ModelEntry("c", "gs://b/m"))
    environment = {"https_proxy": "http://p", "GOOGLE_APPLICATION_CREDENTIALS": "{"}
    server = deployment(models=entries, environment=variables(environment.items()))
    planned = plan(server, Facts(complete=True)).plan
    assert planned is not None
    assert planned.problem is not None
    assert planned.problem.kind == "proxy"
    assert [model.tried for model in planned.models] == [True, True, False]
    turned = deployment(models=entries[::-1], environment=variables(environment.items()))
    planned = plan(turned, Facts(complete=True)).plan
    assert planned is not None
    assert planned.problem is None
    assert [model.tried for model in planned.models] == [True, False, False]


# -- the server's pattern ------------------------------------------------------------------------------

#: s3filesystem.cpp, the same in v2022.1 and v2026.3, in Python's syntax: the dash in a class is escaped.
SERVERS_OWN = re.compile(r"s3://([0-9a-zA-Z\-.]+):([0-9]+)/([0-9a-z.\-]+)(((/[0-9a-zA-Z.-_]+)*)?)")
PIECES = st.sampled_from(
    ["m", "M", "-", ".", "_", "/", "//", ":", "9", "@", " ", "é", "b", "host", "\n", "%"]
)


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=9).map("".join))
@example("h:1/b/")
@example("h:1/b//")
@example("h:1/b/a-b")
@example("h:1/b/a/b/c\n")
@example("h:1/b//m:m@/c")
def test_the_pattern_matches_what_the_servers_matches(rest: str) -> None:
    for path in (f"s3://{rest}", f"s3://h:9/b{rest}"):
        match = SERVERS_OWN.fullmatch(path)
        parsed = s3.parse_path(path)
        assert (parsed.host != "") is (match is not None)
        if match is not None:
            assert (parsed.host, parsed.port, parsed.bucket) == match.group(1, 2, 3)
            assert parsed.key == redact(path)[match.start(4) :]


def test_a_long_path_is_read_at_once() -> None:
    """The server's own pattern would backtrack through every split of this path."""
    assert s3.parse_path("s3://h:1/b" + "/a" * 5000 + "-").host == ""


# -- anything at all -----------------------------------------------------------------------------------

SCHEMES = st.sampled_from(["s3://", "gs://", "az://", "azfs://"])
VALUES = st.text(max_size=20) | st.sampled_from(
    ["http://h:1", "https://h", "a:b@c", "[::1]:9000", "h:99999999"]
)


@settings(max_examples=300, deadline=None)
@given(
    SCHEMES,
    st.text(max_size=20),
    st.dictionaries(st.sampled_from(sorted(READ_BY_CLIENTS)), VALUES, max_size=6),
    st.sampled_from(["2022.1", "2023.3", "2025.2", "2026.3"]),
)
def test_every_path_leads_to_a_decision(
    scheme: str, rest: str, environment: Environment, release: str
) -> None:
    planned, _ = judged(scheme + rest, environment, release)
    assert len(planned.stores) == 1
    assert planned.outcome in ("serves", "exits", "unknown")


# -- boto3 beside it -----------------------------------------------------------------------------------

BUCKETS = ("b1x", "my-bucket", "my.bucket", "Upper", "a_b", "10.0.0.1")
ENDPOINTS = ("http://minio:9000", "https://minio.test", "http://10.0.0.1:9000", "http://[::1]:9000", "")


class EmptyBody:
    """The body of an answer to HEAD, instead of a connection's."""

    def stream(self) -> Iterator[bytes]:
        return iter(())


def boto3_url(bucket: str, addressing: str, anonymous: bool, **more: Any) -> str:
    """The URL that boto3 would use for HeadBucket; nothing is sent."""
    import boto3
    from botocore import UNSIGNED
    from botocore.awsrequest import AWSResponse
    from botocore.config import Config

    config = Config(
        s3={"addressing_style": addressing},
        proxies={},
        retries={"total_max_attempts": 1},
        **({"signature_version": UNSIGNED} if anonymous else {}),
    )
    session = boto3.session.Session("id", "secret", region_name=more.pop("region", "us-east-1"))
    made = session.client("s3", config=config, **more)
    urls: list[str] = []

    def before_send(request: Any, **_: Any) -> AWSResponse:
        urls.append(request.url)
        return AWSResponse(request.url, 200, {}, EmptyBody())

    made.meta.events.register("before-send.s3.HeadBucket", before_send)
    made.head_bucket(Bucket=bucket)
    (url,) = urls
    return url


@pytest.mark.needs_module("boto3")
@pytest.mark.parametrize(
    ("bucket", "endpoint", "anonymous"), sampled(product(BUCKETS, ENDPOINTS, (True, False)), itemgetter(0), 7)
)
@pytest.mark.sample(every=3)
def test_boto3_with_these_settings_uses_the_same_address(
    bucket: str, endpoint: str, anonymous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both use the same rules for endpoints; a probe with boto3 needs the settings that the server decides on."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    environment = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "S3_ENDPOINT": endpoint}
    if not endpoint:
        del environment["S3_ENDPOINT"]
    found = client({**environment, **({} if anonymous else KEYS)}, path=f"s3://{bucket}/m")
    more = {"endpoint_url": endpoint} if endpoint else {}
    url = boto3_url(bucket, found.addressing, anonymous, region="eu-west-1", **more)
    assert found.url is not None
    assert found.url.rstrip("/") == url.rstrip("/")


@pytest.mark.needs_module("boto3")
def test_boto3_by_itself_uses_another_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only boto3 reads AWS_ENDPOINT_URL, only the server reads S3_ENDPOINT."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio:9000")
    assert boto3_url("b1x", "path", False).startswith("http://minio:9000/")
    assert client({**KEYS, "AWS_ENDPOINT_URL": "http://minio:9000"}).endpoint.source == "aws"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("S3_ENDPOINT", "http://minio:9000")
    assert ".amazonaws.com" in boto3_url("b1x", "path", False)
    assert client({**KEYS, "S3_ENDPOINT": "http://minio:9000"}).url == "http://minio:9000/b1x"


# -- another store's keys, files and quotes ------------------------------------------------------------

AMAZON = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "k",
    "AWS_REGION": "us-east-1",
}


def findings_with(environment: Environment, release: str = NEW) -> list[Any]:
    return judged("s3://bucket/m", environment, release)[1]


@pytest.mark.parametrize("key", ["minioadmin", "minio", "my-access-key-id-0001", "AKIA"])
def test_keys_of_another_store_without_its_address(key: str) -> None:
    environment = {**AMAZON, "AWS_ACCESS_KEY_ID": key}
    (found,) = findings_with(environment)
    assert (found.code, found.severity) == ("OVD646", "warning")
    assert key not in str(found).replace("s3.us-east-1", "")
    assert findings_with({**environment, "S3_ENDPOINT": "http://minio:9000"}) == []


def test_keys_of_amazons_own() -> None:
    assert findings_with(AMAZON) == []
    assert (
        findings_with({**AMAZON, "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE", "AWS_SESSION_TOKEN": "t"}) == []
    )
    # Another variable that is not read has its own finding.
    codes = [
        one.code
        for one in findings_with({**AMAZON, "AWS_ACCESS_KEY_ID": "minio", "AWS_ENDPOINT_URL": "http://m:9"})
    ]
    assert codes == ["OVD628"]


@pytest.mark.parametrize(
    "quotes", ["\u201c\u201d", "\u201e\u201c", "\u2018\u2019", '""', "''", "\u00ab\u00bb"]
)
@pytest.mark.parametrize("endpoint", ["http://minio:9000", "minio:9000", "https://minio:9000"])
def test_an_endpoint_in_quotes(quotes: str, endpoint: str) -> None:
    found = findings_with({**AMAZON, "S3_ENDPOINT": f"{quotes[0]}{endpoint}{quotes[1]}"})
    assert found[0].code in ("OVD629", "OVD630")
    assert "quotation marks" in found[0].message
    (step,) = found[0].remedy.steps
    after = step.text.partition("S3_ENDPOINT=")[2]
    assert after in (endpoint, endpoint.partition("://")[2])
    assert findings_with({**AMAZON, "S3_ENDPOINT": after}) == []


@pytest.mark.parametrize(
    ("mount", "user", "environment", "code"),
    [
        ("/root/.aws", "", {"AWS_PROFILE": "p"}, "OVD647"),
        ("/root/.aws/credentials", "", {}, "OVD647"),
        ("/home/ubuntu/.aws", "ovms", {"AWS_PROFILE": "p"}, "OVD647"),
        ("/home/ovms/.aws", "0", {"AWS_PROFILE": "p"}, "OVD647"),
        ("/home/ovms/.aws", "", {"AWS_PROFILE": "p"}, ""),
        ("/root/.aws", "0", {"AWS_PROFILE": "p"}, ""),
        # Set by a variable; not needed; in a home directory that is not known.
        ("/root/.aws", "", {"AWS_PROFILE": "p", "AWS_SHARED_CREDENTIALS_FILE": "/root/.aws/credentials"}, ""),
        ("/root/.aws", "", AMAZON, ""),
        ("/root/.aws", "1234", {"AWS_PROFILE": "p"}, ""),
        ("/models", "", {"AWS_PROFILE": "p"}, ""),
    ],
)
def test_awss_files_belong_into_the_home_of_the_servers_user(
    mount: str, user: str, environment: Environment, code: str
) -> None:
    found = _container_deployment(mount, user, environment)
    assert [one.code for one in found if one.code == "OVD647"] == ([code] if code else [])
    if code:
        home = "/root" if user == "0" else "/home/ovms"
        (item,) = [one for one in found if one.code == "OVD647"]
        commands = " ".join(step.command or "" for step in item.remedy.steps)
        assert f"{home}/.aws" in commands
        assert ("-e AWS_PROFILE=default" in commands) is ("AWS_PROFILE" not in environment)


def _container_deployment(mount: str, user: str, environment: Environment) -> list[Any]:
    arguments = "".join(f" -e {name}={value}" for name, value in environment.items())
    line = f"docker run{arguments} -v /srv/aws:{mount}:ro {f'-u {user} ' if user else ''}openvino/model_server:2026.3"
    line += " --model_path s3://bucket/m --model_name m --port 9000"
    container = read_run_line(line, home="/root", working_directory="/", ids=(0, 0), read_file=lambda _: None)
    server = deployment_for(options_from_container(CheckOptions(), container), Facts(complete=True))
    planned = plan(server, Facts(complete=True)).plan
    assert planned is not None
    return list(storage.check(Context(server, planned, Facts(complete=True))))
