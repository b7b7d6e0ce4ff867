"""The findings about a store's answers in detail: their causes, and remedies that match the deployment."""

from __future__ import annotations

import json
import shlex

import pytest
from msgspec.structs import replace

from ovms_doctor.model.deployment import ModelEntry, VersionPolicy
from ovms_doctor.model.facts import Fault, StoreRefusal
from tests.storage.memory_store import KEYS, Bucket, store_deployment
from tests.stores.reports import AWS, DENIED, GOOD, HEAD, causes, commands, container, report

ALL = VersionPolicy("all")


# -- what follows from what ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "head", "listing", "expected"),
    [
        ({"AWS_ACCESS_KEY_ID": "x"}, HEAD, DENIED, ("OVD651", ["OVD624"])),
        ({"AWS_ROLE_ARN": "x"}, HEAD, DENIED, ("OVD651", ["OVD624"])),
        (AWS, HEAD, DENIED, ("OVD651", [])),
        (
            {**AWS, "AWS_ENDPOINT_URL": "http://minio:9000"},
            HEAD,
            StoreRefusal("ListObjects", 403, "InvalidAccessKeyId"),
            ("OVD655", ["OVD628"]),
        ),
        (
            {**AWS, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"},
            StoreRefusal("HeadBucket", 301, region="eu-west-2"),
            None,
            ("OVD653", ["OVD633"]),
        ),
    ],
)
def test_a_refusal_follows_from_what_the_environment_lacks(
    environment: dict[str, str],
    head: StoreRefusal,
    listing: StoreRefusal | None,
    expected: tuple[str, list[str]],
) -> None:
    findings = report(container("docker", **environment), Bucket(GOOD, head=head, listing=listing))
    code, named = expected
    assert findings[code].severity == "error"
    assert causes(findings, code) == named


def test_a_token_that_is_not_read() -> None:
    deployment = store_deployment(release="2022.3", environment={**AWS, "AWS_SESSION_TOKEN": "x"})
    rejected = StoreRefusal("ListObjects", 403, "InvalidAccessKeyId")
    findings = report(deployment, Bucket(GOOD, head=HEAD, listing=rejected))
    assert causes(findings, "OVD655") == ["OVD626"]


def test_the_bucket_before_the_host() -> None:
    """BUCKET.HOST is not a known name: that is the reason, not the network."""
    deployment = container("docker", S3_ENDPOINT="http://minio:9000")
    unknown = StoreRefusal("HeadBucket", problem="name", host="b1x.minio:9000")
    findings = report(deployment, Bucket(GOOD, head=unknown))
    assert causes(findings, "OVD657") == ["OVD631"]
    assert "connects to b1x.minio:9000" in findings["OVD657"].detail
    assert findings["OVD657"].remedy is not None
    assert "Set both keys" in findings["OVD657"].remedy.summary
    assert causes(findings, "OVD903") == ["OVD657"]


@pytest.mark.parametrize(
    ("problem", "environment", "named"),
    [
        ("timeout", {"https_proxy": "proxy:912"}, ["OVD602"]),
        ("refused", {"https_proxy": "proxy:912"}, []),
        ("timeout", {"https_proxy": "", "http_proxy": "http://proxy:912"}, ["OVD604"]),
    ],
)
def test_a_proxy_setting_without_effect(problem: str, environment: dict[str, str], named: list[str]) -> None:
    refusal = StoreRefusal("HeadBucket", problem=problem, host="s3:443")  # type: ignore[arg-type]
    findings = report(store_deployment(environment={**AWS, **environment}), Bucket(GOOD, head=refusal))
    assert causes(findings, "OVD657") == named


def test_a_proxy_that_refuses() -> None:
    environment = {**AWS, "https_proxy": "http://user:p%40ss@proxy:912"}
    refusal = StoreRefusal("HeadBucket", 407, problem="proxy", host="proxy:912")
    remote = report(store_deployment(environment=environment), Bucket(GOOD, head=refusal))
    assert (remote["OVD658"].severity, remote["OVD658"].confidence) == ("warning", "low")
    local = report(store_deployment(environment=environment, bare_metal=True), Bucket(GOOD, head=refusal))
    assert (
        local["OVD658"].message
        == "The proxy of https_proxy refuses the connection to s3://b1x with status 407"
    )
    assert local["OVD658"].severity == "error"
    assert local["OVD658"].recovers == "restart"
    assert causes(local, "OVD658") == ["OVD607"]
    assert "p%40ss" not in repr(local)


def test_a_host_in_the_path_explains_the_missing_objects() -> None:
    findings = report(store_deployment("s3://127.0.0.1:9000/b1x/m", environment=AWS), Bucket(GOOD))
    assert causes(findings, "OVD659") == ["OVD622"]
    assert "did you mean" not in findings["OVD659"].message


def test_requested_version_that_is_not_listed() -> None:
    tree = {**GOOD, **{f"m/1/{number:04}.txt": "x" for number in range(999)}, "m/2/a.onnx": "good"}
    findings = report(store_deployment(policy=VersionPolicy("specific", versions=(2,))), Bucket(tree))
    assert causes(findings, "OVD401") == ["OVD660"]
    other = report(store_deployment(policy=VersionPolicy("specific", versions=(3,))), Bucket(tree))
    assert causes(other, "OVD401") == []


def test_files_behind_the_first_page_explain_the_missing_model() -> None:
    tree = {**{f"m/1/{number:04}.txt": "x" for number in range(1000)}, "m/1/a.onnx": "good"}
    findings = report(store_deployment(), Bucket(tree))
    assert findings["OVD660"].severity == "error"
    assert causes(findings, "OVD111") == ["OVD660"]
    assert "0000.txt" in findings["OVD111"].evidence[0].observation


def test_missing_external_data_explains_the_unreadable_model() -> None:
    tree = {"m/1/a.onnx": "bad", "m/1/a.onnx_data": "x", "m/1/notes.txt": "x"}
    missing = Fault("external-data-missing", "s3://b1x/m/1/a.onnx_data", True, "is not there", "stat")
    findings = report(store_deployment(), Bucket(tree, faults={"a.onnx": (missing,)}))
    assert findings["OVD661"].message == "The server does not download a.onnx_data of s3://b1x/m/1"
    assert causes(findings, "OVD318") == ["OVD661"]
    # Objects that do not belong to the model are not missing; objects that never existed were not left behind.
    assert "OVD661" not in report(store_deployment(), Bucket(tree))
    del tree["m/1/a.onnx_data"]
    assert "OVD661" not in report(store_deployment(), Bucket(tree, faults={"a.onnx": (missing,)}))


def test_an_object_denied_to_a_server_with_one_key() -> None:
    refused = {"m/1/a.onnx": StoreRefusal("GetObject", 403, "AccessDenied")}
    made = container("docker", AWS_ACCESS_KEY_ID="x", S3_ENDPOINT="http://192.0.2.1:9")
    findings = report(made, Bucket(GOOD, refused=refused))
    assert causes(findings, "OVD662") == ["OVD624"]


# -- the reason behind the line ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "listing", "code"),
    [
        # A temporary answer to a list does not explain the refusal.
        (HEAD, StoreRefusal("ListObjects", 503, "SlowDown"), "OVD651"),
        (HEAD, StoreRefusal("ListObjects", problem="reset"), "OVD651"),
        (StoreRefusal("HeadBucket", 400), StoreRefusal("ListObjects", 400, "InvalidBucketName"), "OVD652"),
        (StoreRefusal("HeadBucket", 400, region="eu-west-1"), None, "OVD653"),
        (StoreRefusal("HeadBucket", 400, region="us-east-1"), StoreRefusal("ListObjects", 400), "OVD651"),
        (StoreRefusal("HeadBucket", 405), StoreRefusal("ListObjects", 405, "MethodNotAllowed"), "OVD651"),
    ],
)
def test_rare_refusals(head: StoreRefusal, listing: StoreRefusal | None, code: str) -> None:
    findings = report(
        store_deployment(environment={**AWS, "AWS_REGION": "us-east-1"}),
        Bucket(GOOD, head=head, listing=listing),
    )
    assert findings.keys() == {code}
    if head.status != 403:
        assert not any("s3:ListBucket" in command for command in commands(findings[code]))


def test_a_bucket_as_base_path_needs_no_prefix_in_the_policy() -> None:
    findings = report(store_deployment("s3://b1x"), Bucket({"1/a.onnx": "good"}, head=HEAD))
    assert findings.keys() == {"OVD651"}


def test_several_models_of_one_bucket_are_one_finding() -> None:
    entries = tuple(ModelEntry(name, f"s3://b1x/{name}") for name in ("one", "two"))
    deployment = replace(store_deployment(), models=entries)
    finding = report(deployment, Bucket(head=HEAD, listing=DENIED))["OVD651"]
    assert finding.subject.model is None
    assert "2 models: one, two" in finding.detail
    (statement,) = [
        one for one in json.loads(commands(finding)[0])["Statement"] if one["Action"] == "s3:GetObject"
    ]
    assert statement["Resource"] == ["arn:aws:s3:::b1x/one/*", "arn:aws:s3:::b1x/two/*"]


def test_the_failed_download_is_named() -> None:
    tree = {f"m/{version}/a.onnx": "good" for version in (1, 2, 3)}
    message = "not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/abc because"
    bucket = Bucket(tree, refused={"m/2/a.onnx": StoreRefusal("GetObject", 403, "AccessDenied", message)})
    finding = report(store_deployment(policy=ALL), bucket)["OVD662"]
    assert finding.subject.version == 2
    assert "“Missing model directory /2” in the log is about this download" in finding.detail
    assert json.loads(commands(finding)[0])["Statement"][-1]["Resource"] == "arn:aws:kms:eu-west-1:1:key/abc"


def test_an_archive_that_only_reading_shows() -> None:
    bucket = Bucket(GOOD, refused={"m/1/a.onnx": StoreRefusal("GetObject", 403, "InvalidObjectState")})
    finding = report(store_deployment(environment=AWS), bucket)["OVD663"]
    assert commands(finding) == [
        "aws s3api restore-object --bucket b1x --key m/1/a.onnx --restore-request Days=7",
        "aws s3 cp s3://b1x/m/1/a.onnx s3://b1x/m/1/a.onnx --storage-class STANDARD",
    ]


# -- remedies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("s3://b1x/Models/m", ""),
        ("s3://b1x/models/M", "s3://b1x/models/m"),
        ("s3://b1x/models//m", "s3://b1x/models/m"),
        ("s3://b1x//models", "s3://b1x/models"),
        ("s3://b1x/models//", "s3://b1x/models"),
        ("s3://b1x/model", "s3://b1x/models"),
        ("gs://b1x/models//m", "gs://b1x/models/m"),
        ("gs://b1x/models/entirely-else", ""),
    ],
)
def test_suggested_path(path: str, meant: str) -> None:
    bucket = Bucket({"models/m/1/a.onnx": "good", "models/other/1/a.onnx": "good"})
    finding = report(store_deployment(path), bucket)["OVD659"]
    assert ("did you mean" in finding.message) == bool(meant)
    if meant:
        assert finding.message.endswith(f"did you mean {meant}?")
        assert "OVD659" not in report(store_deployment(meant), bucket)


def test_the_bucket_twice_in_the_path() -> None:
    finding = report(store_deployment("s3://b1x/b1x/m"), Bucket(GOOD))["OVD659"]
    assert finding.remedy is not None
    assert "whether s3://b1x/m is the intended path" in finding.remedy.steps[0].text


@pytest.mark.parametrize(
    ("source", "first", "region"),
    [
        ("docker", "-e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY", "-e AWS_REGION=eu-west-1"),
        (
            "compose",
            "environment: [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY]",
            'environment: {AWS_REGION: "eu-west-1"}',
        ),
        (
            "kubernetes",
            "envFrom: [{secretRef: {name: SECRET}}]",
            'env: [{name: AWS_REGION, value: "eu-west-1"}]',
        ),
    ],
)
def test_variables_are_set_in_the_source_of_the_container(source: str, first: str, region: str) -> None:
    denied = report(container(source), Bucket(GOOD, head=HEAD, listing=DENIED))["OVD651"]
    key, policy, public_policy = commands(denied)
    assert key == first
    assert all("Principal" not in one for one in json.loads(policy)["Statement"])
    assert all(one["Principal"] == "*" for one in json.loads(public_policy)["Statement"])
    moved = Bucket(GOOD, head=StoreRefusal("HeadBucket", 301, region="eu-west-1"))
    assert commands(report(container(source, **AWS), moved)["OVD653"]) == [region]


def test_a_role_needs_a_profile() -> None:
    deployment = container("kubernetes", AWS_WEB_IDENTITY_TOKEN_FILE="/var/run/token")
    denied = report(deployment, Bucket(GOOD, head=HEAD, listing=DENIED))["OVD651"]
    assert 'env: [{name: AWS_PROFILE, value: "default"}]' in commands(denied)


def test_the_variable_that_the_client_reads_is_the_one_to_set() -> None:
    """Without keys the SDK's own order applies, in which AWS_DEFAULT_REGION comes first."""
    deployment = store_deployment(environment={"AWS_DEFAULT_REGION": "us-east-1"})
    moved = Bucket(GOOD, head=StoreRefusal("HeadBucket", 301, region="eu-west-1"))
    assert commands(report(deployment, moved)["OVD653"]) == ["-e AWS_DEFAULT_REGION=eu-west-1"]


def test_policies_of_other_partitions() -> None:
    china = store_deployment(environment={**AWS, "AWS_REGION": "cn-north-1"})
    assert (
        "arn:aws-cn:s3:::b1x/m/*" in commands(report(china, Bucket(head=HEAD, listing=DENIED))["OVD651"])[0]
    )
    own = store_deployment(environment={**KEYS, "AWS_REGION": "cn-north-1"})
    assert "arn:aws:s3:::b1x/m/*" in commands(report(own, Bucket(head=HEAD, listing=DENIED))["OVD651"])[0]


def test_the_remedy_names_the_account_for_google() -> None:
    refused = Bucket(listing=StoreRefusal("ListObjects", 401, "required"))
    finding = report(store_deployment("gs://b1x/m"), refused)["OVD666"]
    assert commands(finding)[:2] == [
        "-e GOOGLE_APPLICATION_CREDENTIALS=/keys/key.json",
        "gcloud storage buckets add-iam-policy-binding gs://b1x --member=serviceAccount:SERVICE_ACCOUNT "
        "--role=roles/storage.objectViewer",
    ]
    # There are no rights on a bucket that does not exist.
    missing = report(store_deployment("gs://b1x/m"), Bucket(listing=StoreRefusal("ListObjects", 404)))[
        "OVD666"
    ]
    assert missing.message == "The store has no bucket b1x"
    assert "GOOGLE_APPLICATION_CREDENTIALS" in finding.detail
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in missing.detail
    assert commands(missing) == []


def test_google_waits_for_long() -> None:
    refused = Bucket(listing=StoreRefusal("ListObjects", problem="name", host="storage.googleapis.com:443"))
    remote = report(store_deployment("gs://b1x/m"), refused)["OVD657"]
    local = report(store_deployment("gs://b1x/m", bare_metal=True), refused)["OVD657"]
    assert (remote.severity, local.severity) == ("warning", "error")
    assert "15 minutes" in remote.detail
    assert "15 minutes" in local.detail


@pytest.mark.parametrize("path", ["s3://b1x/a b/m", "s3://b1x/a b/m/", "gs://b1x/a b/m"])
def test_commands_are_ready_for_a_shell(path: str) -> None:
    key = "a b/m"
    for tree in (
        {f"{key}/001/a.onnx": "x"},
        {f"{key}/v1/a.onnx": "x"},
        {f"{key}/1/x": ""},
        {f"{key}/a.onnx": "x"},
    ):
        (finding,) = report(store_deployment(path), Bucket(tree)).values()
        arguments = [word for command in commands(finding) for word in shlex.split(command)]
        assert arguments
        urls = [word for word in arguments if "://b1x" in word]
        assert urls
        assert all(f"://b1x/{key}" in url and f"{key}//" not in url for url in urls)


def test_nothing_is_moved_into_another_bucket() -> None:
    finding = report(store_deployment("s3://b1x"), Bucket({"001/a.onnx": "good"}))["OVD664"]
    assert commands(finding) == [
        "aws s3 --endpoint-url http://127.0.0.1:9 mv --recursive s3://b1x/001/ s3://b1x/1/"
    ]
    twice = report(store_deployment("s3://b1x"), Bucket({"01/a.onnx": "good", "1/a.onnx": "good"}))["OVD105"]
    assert commands(twice) == []


def test_missing_objects_have_only_codes_of_the_storage_check() -> None:
    for bucket in (Bucket(head=HEAD, listing=DENIED), Bucket(), Bucket({"m/001/a.onnx": "good"})):
        (finding,) = report(store_deployment(), bucket).values()
        assert finding.code.startswith("OVD6")
