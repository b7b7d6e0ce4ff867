"""Settings of a user with real servers: credentials, policy, endpoint, region, proxy, layout; and the verdict.

A row names the trap of a naive checker that it tests, if any: T1 is that boto3 finds credentials
which the server does not look for, T4 that one key of two is none, and so on. Traps without a row: 12 and 19 (see
tests/storage and tests/proxies), 26 (the image's own certificates), 31 and 32 (Azure), 33, 38, 39 (memory and polls of
the server), 44 (not known from the server's code).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ovms_doctor.checks import layout, proxies, storage
from ovms_doctor.checks.context import Context
from ovms_doctor.model.deployment import VersionPolicy
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.plan import Plan
from ovms_doctor.prediction.startup import plan
from ovms_doctor.probes.collector import Collector
from ovms_doctor.probes.local import LocalCollector
from ovms_doctor.probes.stores import StoreCollector
from tests.deadlines import LONG, within_some_deadline
from tests.storage.memory_store import store_deployment
from tests.stores.fake_gcs import FakeGcs, always, denied
from tests.stores.fake_gcs import error_reply as google_says
from tests.stores.faulty import FaultyStore, expired_token, moved, skewed, slow_down, stall, truncated
from tests.stores.models import BIN, XML
from tests.stores.servers import IamServer, Proxy, S3Server, allow
from tests.stores.swift import SwiftServer

pytestmark = pytest.mark.server

IR = {"1/model.xml": XML, "1/model.bin": BIN}
SEES, LISTS, GETS = "s3:HeadBucket", "s3:ListBucket", "s3:GetObject"
ALL = VersionPolicy("all")


def judge(
    path: str, environment: Mapping[str, str], deadline: float = LONG, **more: Any
) -> tuple[str, list[str], Plan]:
    """(verdict on the one model, codes on stores, proxies and layout, plan)."""
    deployment = store_deployment(path, environment=environment, load=more.pop("load", "none"), **more)
    facts = Facts()
    local = LocalCollector(None, mounts=deployment.mount_table)
    with Collector(local, lambda: StoreCollector(environment, local, deadline=deadline)) as collector:
        for _ in range(50):
            planned = plan(deployment, facts)
            if planned.plan is not None:
                break
            facts.add(collector.collect(planned.missing))
    assert planned.plan is not None
    context = Context(deployment, planned.plan, facts)
    found = [*storage.check(context), *proxies.check(context), *layout.check(context)]
    for finding in found:
        assert "c4nary" not in f"{finding.message} {finding.detail} {finding.evidence} {finding.remedy}"
    return _verdict(planned.plan), sorted({finding.code for finding in found}), planned.plan


def _verdict(planned: Plan) -> str:
    (model,) = planned.models
    if model.unknown is not None:
        return "unknown"
    if planned.outcome == "exits":
        return f"ends {planned.exit_code}"
    if not model.versions:
        return model.status
    return " ".join(f"{item.version}:{item.now.state}" for item in model.versions if item.now is not None)


@dataclass(frozen=True)
class Row:
    """``put``: the objects below m/. ``environment``: in addition to the keys and the endpoint, which it may
    replace; a value of ``-`` removes a variable. ``path``: contains {bucket}. ``rights``: of the user whose
    keys are used."""

    name: str
    verdict: str
    codes: tuple[str, ...] = ()
    put: Mapping[str, bytes] = field(default_factory=lambda: IR)
    environment: Mapping[str, str] = field(default_factory=dict)
    path: str = "s3://{bucket}/m"
    rights: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


def ran(row: Row, server: S3Server, bucket: str, keys: Mapping[str, str]) -> tuple[str, list[str], Plan]:
    host = server.endpoint.partition("//")[2]
    templates = {"S3_ENDPOINT": server.endpoint, "AWS_REGION": server.region, **keys, **row.environment}
    environment = {
        name: value.format(endpoint=server.endpoint, host=host, bucket=bucket)
        for name, value in templates.items()
        if value != "-"
    }
    return judge(row.path.format(bucket=bucket, host=host), environment, **row.more)


FULL = {f"1/{number:04}.txt": b"" for number in range(999)}
S3_ROWS = [
    Row("keys", "1:AVAILABLE"),
    Row("loaded by OpenVINO", "1:AVAILABLE", more={"load": "read"}),
    Row("slash at the end (T31)", "1:AVAILABLE", path="s3://{bucket}/m/"),
    Row("endpoint without a scheme", "1:AVAILABLE", environment={"S3_ENDPOINT": "{host}"}),
    Row("endpoint in capitals", "unknown", ("OVD629",), environment={"S3_ENDPOINT": "HTTP://{host}"}),
    Row("host in the path (T12)", "PATH_INVALID", ("OVD622", "OVD659"), path="s3://{host}/{bucket}/m",
        environment={"S3_ENDPOINT": "-"}),
    Row("host in the path, dash in the key (T12)", "unknown", ("OVD623",), path="s3://{host}/{bucket}/my-model",
        environment={"S3_ENDPOINT": "-"}),
    Row("AWS_ENDPOINT_URL is not read (T13)", "1:AVAILABLE",
        environment={"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}),
    Row("AWS_DEFAULT_REGION beside AWS_REGION (T6)", "1:AVAILABLE", environment={"AWS_DEFAULT_REGION": "eu-west-9"}),
    Row("a session token of an older release, and the store takes the keys without it (T5)", "1:AVAILABLE",
        environment={"AWS_SESSION_TOKEN": "c4nary"}, more={"release": "2022.3"}),
    Row("profile and keys (T2)", "1:AVAILABLE", ("OVD627",), environment={"AWS_PROFILE": "mine"}),
    Row("keys set to nothing (T3)", "unknown", ("OVD625",), environment={"AWS_SECRET_ACCESS_KEY": ""}),
    Row("web identity behind a profile", "unknown",
        environment={"AWS_ACCESS_KEY_ID": "-", "AWS_SECRET_ACCESS_KEY": "-", "AWS_PROFILE": "x",
                     "AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}),
    Row("bucket not there (T45)", "S3_METADATA_FAIL", ("OVD652",), path="s3://nobody-has-this/m"),
    Row("wrong case in the path", "PATH_INVALID", ("OVD659",), path="s3://{bucket}/M"),
    Row("scheme in capitals (T40)", "PATH_INVALID", ("OVD106", "OVD645"), path="S3://{bucket}/m"),
    Row("a file as the path", "PATH_INVALID", ("OVD635", "OVD659"), path="s3://{bucket}/m/1/model.xml"),
    Row("no version directory (T36)", "OK", ("OVD101",), {"model.xml": XML, "model.bin": BIN}),
    Row("v1", "OK", ("OVD102",), {"v1/model.xml": XML, "v1/model.bin": BIN}),
    Row("001 is looked for as 1 (T30)", "1:LOADING", ("OVD664",), {"001/model.xml": XML, "001/model.bin": BIN}),
    Row("1abc is read as 1 (T30)", "1:LOADING", ("OVD664",), {"1abc/model.xml": XML, "1abc/model.bin": BIN}),
    Row("one bad version fails the batch (T35)", "1:LOADING 2:LOADING", ("OVD664",),
        {**IR, "002/model.xml": XML, "002/model.bin": BIN}, more={"policy": ALL}),
    Row("a marker is a version (T10)", "1:AVAILABLE 3:LOADING", ("OVD111",), {**IR, "3/": b""}),
    Row("two slashes in a row (T43)", "1:LOADING", ("OVD664",), {**IR, "1//x": b"x"}),
    Row("versions behind 1,000 keys (T9)", "1:LOADING", ("OVD111", "OVD660"),
        {**FULL, "1/zz.xml": XML, "1/zz.bin": BIN, "2/model.xml": XML, "2/model.bin": BIN}),
    Row("only a SavedModel's variables are missing (T29)", "1:LOADING", ("OVD111",),
        {"1/variables/variables.index": b"x"}),
    Row("weights cut", "1:LOADING", (), {"1/model.xml": XML, "1/model.bin": BIN[:5]}),
    Row("one deeper than a version (T29)", "1:LOADING", ("OVD111",),
        {"1/sub/model.xml": XML, "1/sub/model.bin": BIN}),
    Row("started alone, the server ends (T37)", "ends 1", ("OVD659",), path="s3://{bucket}/x",
        more={"mode": "single"}),
    Row("more than the limit", "unknown", more={"load": "read", "download_limit": 100}),
    Row("a proxy that cannot be read goes direct (T17)", "1:AVAILABLE", ("OVD602",),
        environment={"https_proxy": "someone:c4nary@127.0.0.1:9"}),
    Row("a proxy without a port ends the server (T17)", "ends 1", ("OVD601",),
        environment={"https_proxy": "http://proxy.invalid"}),
    Row("an empty https_proxy hides http_proxy (T16)", "1:AVAILABLE", ("OVD604",),
        environment={"https_proxy": "", "http_proxy": "http://someone:c4nary@127.0.0.1:9"}),
    Row("HTTP_proxy of the documentation (T18)", "1:AVAILABLE", ("OVD603",),
        environment={"HTTP_proxy": "http://someone:c4nary@127.0.0.1:9"}),
    Row("https:// is TLS to the proxy (T20)", "unknown", ("OVD606", "OVD657"),
        environment={"https_proxy": "https://{host}"}),
    Row("a proxy that nobody listens at", "unknown", ("OVD657",), environment={"https_proxy": "http://127.0.0.1:9"}),
    Row("the same, for a server here", "S3_METADATA_FAIL", ("OVD657",),
        environment={"https_proxy": "http://127.0.0.1:9"}, more={"bare_metal": True}),
    Row("an endpoint that nobody listens at", "unknown", ("OVD657",),
        environment={"S3_ENDPOINT": "http://127.0.0.1:9"}),
    Row("an endpoint with an underscore", "S3_METADATA_FAIL", ("OVD630",),
        environment={"S3_ENDPOINT": "http://minio_s3:9000"}),
    Row("anonymous and a host by name (T11)", "unknown", ("OVD624", "OVD631", "OVD657"),
        environment={"AWS_ACCESS_KEY_ID": "-", "S3_ENDPOINT": "http://store.invalid:9000"}),
]  # fmt: skip


@pytest.mark.parametrize("row", S3_ROWS, ids=lambda row: row.name)
def test_s3(moto: S3Server, monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    # The settings of this process must not be used.
    for name in ("https_proxy", "http_proxy", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    bucket = moto.bucket()
    moto.put(bucket, {f"m/{key}": data for key, data in row.put.items()})
    keys = {"AWS_ACCESS_KEY_ID": moto.keys.key, "AWS_SECRET_ACCESS_KEY": "c4nary"}
    verdict, codes, _ = ran(row, moto, bucket, keys)
    assert (verdict, codes) == (row.verdict, sorted(row.codes))
    assert {one.method for one in moto.log()} <= {"GET", "HEAD"}


IAM_ROWS = [
    Row("all three rights", "1:AVAILABLE", rights=(SEES, LISTS, GETS)),
    Row("no right at all", "S3_METADATA_FAIL", ("OVD651",)),
    Row("HeadBucket refused, the list allowed (T8)", "S3_METADATA_FAIL", ("OVD654",), rights=(LISTS, GETS)),
    Row("the list refused", "S3_FAILED_LIST_OBJECTS", ("OVD651",), rights=(SEES, GETS)),
    Row("the objects refused (T34)", "1:LOADING", ("OVD662",), rights=(SEES, LISTS)),
]  # fmt: skip


@pytest.mark.parametrize("row", IAM_ROWS, ids=lambda row: row.name)
def test_policies(moto_iam: IamServer, row: Row) -> None:
    bucket = moto_iam.bucket()
    moto_iam.put(bucket, {f"m/{key}": data for key, data in row.put.items()})
    user = moto_iam.user(*([allow(*row.rights, on=bucket)] if row.rights else []))
    verdict, codes, _ = ran(
        row, moto_iam, bucket, {"AWS_ACCESS_KEY_ID": user.key, "AWS_SECRET_ACCESS_KEY": user.secret}
    )
    assert (verdict, codes) == (row.verdict, sorted(row.codes))


@pytest.mark.parametrize(
    ("identity", "region", "verdict", "codes"),
    [
        ("keys", "", "1:AVAILABLE", []),
        ("other_user", "", "S3_METADATA_FAIL", ["OVD651"]),
        ("elsewhere", "", "S3_METADATA_FAIL", ["OVD652"]),
        ("wrong secret", "", "S3_METADATA_FAIL", ["OVD655"]),
        ("keys", "us-west-9", "S3_METADATA_FAIL", ["OVD653"]),
    ],
)
def test_a_store_that_checks_signatures_and_region(
    swift: SwiftServer, identity: str, region: str, verdict: str, codes: list[str]
) -> None:
    """The wrong region is trap 7: boto3 would follow and list."""
    bucket = swift.bucket()
    swift.put(bucket, {f"m/{key}": data for key, data in IR.items()})
    user = swift.keys if identity == "wrong secret" else getattr(swift, identity)
    environment = {
        "S3_ENDPOINT": swift.endpoint,
        "AWS_ACCESS_KEY_ID": user.key,
        "AWS_SECRET_ACCESS_KEY": "c4nary" if identity == "wrong secret" else user.secret,
        "AWS_REGION": region or swift.region,
    }
    assert judge(f"s3://{bucket}/m", environment)[:2] == (verdict, codes)


# -- proxies -------------------------------------------------------------------------------------------


def test_one_proxy_for_every_address_despite_no_proxy(moto: S3Server, squid: Proxy) -> None:
    """Traps 14 and 15: https_proxy is used for plain HTTP, and no_proxy is not read."""
    bucket = moto.bucket()
    moto.put(bucket, {f"m/{key}": data for key, data in IR.items()})
    environment = {
        "S3_ENDPOINT": moto.endpoint,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "c4nary",
        "https_proxy": squid.url,
        "no_proxy": "127.0.0.1",
    }
    verdict, codes, _ = judge(f"s3://{bucket}/m", environment)
    assert (verdict, codes) == ("1:AVAILABLE", ["OVD605"])
    lines = squid.log(3)
    assert any("HEAD" in line and bucket in line for line in lines)
    assert any("GET" in line and "model.xml" in line for line in lines)


@pytest.mark.parametrize(("bare_metal", "verdict"), [(False, "unknown"), (True, "S3_METADATA_FAIL")])
def test_a_proxy_that_refuses_the_password(
    moto: S3Server, squid: Proxy, bare_metal: bool, verdict: str
) -> None:
    environment = {
        "S3_ENDPOINT": moto.endpoint,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "c4nary",
        "https_proxy": squid.url_with("someone", "c4nary"),
    }
    found = judge("s3://whatever/m", environment, bare_metal=bare_metal)
    assert found[:2] == (verdict, ["OVD658"])
    assert any("407" in line for line in squid.log(1))


# -- what goes wrong -----------------------------------------------------------------------------------

FAULTS = {
    "clock": (skewed, "", "unknown", ["OVD656"]),
    "token over": (expired_token, "", "S3_METADATA_FAIL", ["OVD655"]),
    "moved (T7)": (lambda: moved("eu-west-1"), "", "S3_METADATA_FAIL", ["OVD653"]),
    "storm": (slow_down, "", "unknown", []),
    "stall": (stall, "", "unknown", ["OVD657"]),
    "body cut": (lambda: truncated(20), "model.xml", "unknown", []),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(faulty: Callable[..., FaultyStore], moto: S3Server, name: str) -> None:
    fault, path, verdict, codes = FAULTS[name]
    bucket = moto.bucket()
    moto.put(bucket, {f"m/{key}": data for key, data in IR.items()})
    store = faulty(moto.endpoint)
    store.misbehave(fault(), path=path)  # type: ignore[operator]
    environment = {
        "S3_ENDPOINT": store.endpoint,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "c4nary",
    }
    found: tuple[object, ...] = ()
    if name == "stall":
        found = within_some_deadline(
            lambda deadline: judge(f"s3://{bucket}/m", environment, deadline),
            lambda found: found[:2] == (verdict, codes),
        )
    else:
        found = judge(f"s3://{bucket}/m", environment)
    assert found[:2] == (verdict, codes)


# -- Google --------------------------------------------------------------------------------------------

OBJECTS = {f"m/{key}": data for key, data in IR.items()}
BUSY, UNREAD = (always("list", google_says(503, "busy")),), (always("get", google_says(403, "no")),)
GOOGLE: dict[str, tuple[Any, ...]] = {
    # (private, behaviours, key file, path, release, verdict, codes)
    "public": (False, (), "", "gs://models/m", "2026.3", "1:AVAILABLE", []),
    "key file": (True, (), "own", "gs://models/m", "2026.3", "1:AVAILABLE", []),
    "key file of an older release": (True, (), "own", "gs://models/m", "2024.0", "1:AVAILABLE", []),
    "nobody (T21)": (True, (), "", "gs://models/m", "2026.3", "PATH_INVALID", ["OVD666"]),
    "no rights (T24)": (True, (denied(),), "own", "gs://models/m", "2026.3", "PATH_INVALID", ["OVD666"]),
    "no bucket": (False, (), "", "gs://nobody/m", "2026.3", "PATH_INVALID", ["OVD666"]),
    "a typo": (False, (), "", "gs://models/n", "2026.3", "PATH_INVALID", ["OVD659"]),
    "a storm (T28)": (False, BUSY, "", "gs://models/m", "2026.3", "unknown", []),
    "reads refused": (False, UNREAD, "", "gs://models/m", "2026.3", "1:LOADING", ["OVD662"]),
    "credentials set to nothing (T22)": (False, (), "empty", "gs://models/m", "2026.3", "unknown", ["OVD639"]),
    "a key file that is none": (False, (), "broken", "gs://models/m", "2026.3", "ends 1", ["OVD640"]),
    "STORAGE_EMULATOR_HOST is not read (T23)": (False, (), "", "gs://models/m", "2026.3", "1:AVAILABLE", []),
    "http_proxy, which https does not take (T25)": (False, (), "", "gs://models/m", "2026.3", "unknown", ["OVD657"]),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOGLE)
def test_google(name: str, public_dir: Path) -> None:
    private, behaviours, key, path, release, verdict, codes = GOOGLE[name]
    with FakeGcs(OBJECTS, private=private) as store:
        store.behaviours += behaviours
        variable = (
            "CLOUD_STORAGE_EMULATOR_ENDPOINT" if release >= "2025.3" else "CLOUD_STORAGE_TESTBENCH_ENDPOINT"
        )
        environment = {variable: store.url}
        if "T23" in name:
            environment["STORAGE_EMULATOR_HOST"] = "http://127.0.0.1:9"
        if "T25" in name:
            environment["http_proxy"] = "http://127.0.0.1:9"
        if key:
            content = store.service_account() if key == "own" else b"no key"
            (public_dir / "key.json").write_bytes(content)
            environment["GOOGLE_APPLICATION_CREDENTIALS"] = "" if key == "empty" else "/keys/key.json"
        mounts = (Mount(str(public_dir), "/keys"),)
        found = judge(path, environment, release=release, mounts=mounts)
        assert found[:2] == (verdict, codes)
        assert set(store.kinds()) <= {"list", "get", "token"}
        if key == "own":
            # google-cloud-cpp 2.x signs by itself; before it, a token was fetched.
            assert ("token" in store.kinds()) is (release < "2025.3")


def test_enough_cases_exist() -> None:
    count = len(S3_ROWS) + len(IAM_ROWS) + len(FAULTS) + len(GOOGLE) + 5 + 3
    assert count >= 40
