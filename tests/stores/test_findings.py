"""The findings about a store's answers: facts in, findings out."""

from __future__ import annotations

import json

import pytest

from ovms_doctor.checks import doctor, storage
from ovms_doctor.checks.context import Context
from ovms_doctor.checks.layout import check as layout
from ovms_doctor.model.deployment import VersionPolicy
from ovms_doctor.model.facts import Facts, Fault, StoreRefusal
from ovms_doctor.model.findings import Finding
from tests.storage.memory_store import KEYS, Bucket, settle_with_facts, store_deployment

ALL = VersionPolicy("all")
GOOD = {"m/1/a.onnx": "good"}
DENIED = StoreRefusal("ListObjects", 403, "AccessDenied", "Access Denied", host="s3:9000")
MALFORMED = StoreRefusal("ListObjects", 400, "AuthorizationHeaderMalformed")
HEAD = StoreRefusal("HeadBucket", 403, host="s3:9000")


def found(bucket: Bucket, **more: object) -> list[Finding]:
    deployment = store_deployment(**more)  # type: ignore[arg-type]
    plan, facts = settle_with_facts(deployment, bucket)
    context = Context(deployment, plan, facts)
    return [*storage.check(context), *layout(context), *doctor.check(context)]


def only(bucket: Bucket, **more: object) -> Finding:
    (finding,) = found(bucket, **more)
    return finding


@pytest.mark.parametrize("path", ["s3://b1x/m", "s3://b1x/m/", "gs://b1x/m"])
def test_working_store_has_no_finding(path: str) -> None:
    trees = [
        GOOD,
        {**GOOD, "m/1/README.md": "x", "m/1/labels/names.txt": "x"},
        {**GOOD, "m/2/a.onnx": "good", "m/": ""},
        {**GOOD, **{f"m/1/{number}.txt": "x" for number in range(900)}},
    ]
    for tree in trees:
        assert found(Bucket(tree), path=path, policy=ALL) == []


@pytest.mark.parametrize(
    ("head", "listing", "code", "severity"),
    [
        (HEAD, DENIED, "OVD651", "error"),
        (None, DENIED, "OVD651", "error"),
        (HEAD, None, "OVD654", "error"),
        (StoreRefusal("HeadBucket", 404), StoreRefusal("ListObjects", 404, "NoSuchBucket"), "OVD652", "error"),
        (StoreRefusal("HeadBucket", 301, region="eu-west-1"), None, "OVD653", "error"),
        (StoreRefusal("HeadBucket", 400), MALFORMED, "OVD653", "error"),
        (HEAD, StoreRefusal("ListObjects", 403, "InvalidAccessKeyId"), "OVD655", "error"),
        (HEAD, StoreRefusal("ListObjects", 403, "SignatureDoesNotMatch"), "OVD655", "error"),
        (StoreRefusal("HeadBucket", 400), StoreRefusal("ListObjects", 400, "ExpiredToken"), "OVD655", "error"),
    ],
)  # fmt: skip
def test_refusals_of_s3(
    head: StoreRefusal | None, listing: StoreRefusal | None, code: str, severity: str
) -> None:
    finding = only(Bucket(GOOD, head=head, listing=listing))
    assert (finding.code, finding.severity) == (code, severity)
    assert finding.server_log
    # The environment is read once; rights and buckets can be added at any time.
    assert finding.recovers == ("restart" if code in ("OVD653", "OVD655") else "next_poll")


def test_a_policy_is_ready() -> None:
    finding = only(Bucket(GOOD, head=HEAD, listing=DENIED))
    assert finding.remedy is not None
    document = json.loads(finding.remedy.steps[0].command or "")
    assert [(item["Action"], item["Resource"]) for item in document["Statement"]] == [
        ("s3:ListBucket", "arn:aws:s3:::b1x"),
        ("s3:GetObject", "arn:aws:s3:::b1x/m/*"),
    ]
    root = only(Bucket({"1/a.onnx": "good"}, head=HEAD, listing=DENIED), path="s3://b1x")
    assert root.remedy is not None
    assert '"arn:aws:s3:::b1x/*"' in (root.remedy.steps[0].command or "")


def test_variables_for_other_clients_are_named() -> None:
    environment = {"AWS_ROLE_ARN": "arn:aws:iam::1:role/x", "S3_ENDPOINT": "http://127.0.0.1:9"}
    findings = found(Bucket(GOOD, head=HEAD, listing=DENIED), environment=environment)
    denied = next(finding for finding in findings if finding.code == "OVD651")
    assert "a client without credentials" in denied.message
    assert "A program in Python would use AWS_ROLE_ARN" in denied.detail


def test_region_is_reported() -> None:
    finding = only(Bucket(GOOD, head=StoreRefusal("HeadBucket", 301, region="eu-west-1")))
    assert "eu-west-1" in finding.message
    assert finding.remedy is not None
    assert finding.remedy.steps[0].command == "-e AWS_REGION=eu-west-1"


@pytest.mark.parametrize("problem", ["refused", "name", "timeout", "tls", "reset"])
def test_store_unreachable_from_this_host_is_not_an_error(problem: str) -> None:
    refusal = StoreRefusal("HeadBucket", problem=problem, host="minio:9000")  # type: ignore[arg-type]
    one, other = found(Bucket(GOOD, head=refusal))
    assert (one.code, one.severity, one.confidence) == ("OVD657", "warning", "low")
    assert other.code in ("OVD903", "OVD904")
    if problem == "name":
        assert "only in the network of the containers" in one.detail


def test_a_refusal_applies_to_a_server_on_this_host() -> None:
    refusal = StoreRefusal("HeadBucket", problem="refused", host="127.0.0.1:9000")
    finding = only(Bucket(GOOD, head=refusal), bare_metal=True)
    assert (finding.code, finding.severity, finding.confidence) == ("OVD657", "error", "medium")
    assert finding.server_log == ("Couldn't check directory: s3://b1x/m",)


def test_a_proxy_that_does_not_listen() -> None:
    refusal = StoreRefusal("HeadBucket", problem="refused", host="127.0.0.1:3128")
    proxied = {**KEYS, "https_proxy": "http://127.0.0.1:3128"}
    finding = only(Bucket(GOOD, head=refusal), environment=proxied, bare_metal=True)
    assert "the proxy of https_proxy" in finding.message
    assert finding.remedy is not None
    assert "the proxy runs" in finding.remedy.summary


def test_a_busy_store_is_not_a_fault() -> None:
    assert only(Bucket(GOOD, head=StoreRefusal("HeadBucket", 503, "SlowDown"))).code == "OVD903"


def test_a_wrong_clock() -> None:
    skewed = StoreRefusal("ListObjects", 403, "RequestTimeTooSkewed", host="s3:9000")
    one, other = found(Bucket(GOOD, head=HEAD, listing=skewed))
    assert (one.code, one.severity, other.code) == ("OVD656", "warning", "OVD903")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_google_s_refusals(status: int) -> None:
    findings = found(Bucket(listing=StoreRefusal("ListObjects", status)), path="gs://b1x/m")
    assert [finding.code for finding in findings] == ["OVD666"]
    assert findings[0].server_log == ("Directory does not exist: gs://b1x/m",)


def test_a_path_that_is_not_a_prefix_of_any_object() -> None:
    similar = only(Bucket({"M/1/a.onnx": "good"}))
    assert similar.code == "OVD659"
    assert "did you mean s3://b1x/M?" in similar.message
    unrelated = only(Bucket({"zebra/1/a.onnx": "good"}))
    assert "did you mean" not in unrelated.message
    assert unrelated.remedy is not None
    assert unrelated.remedy.steps[0].command == "aws s3 --endpoint-url http://127.0.0.1:9 ls s3://b1x/"


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_bucket_missed_because_of_a_slash_is_not_empty(scheme: str) -> None:
    missed = only(Bucket({"1/a.onnx": "good"}), path=f"{scheme}://b1x//")
    assert missed.code == "OVD659"
    assert (
        missed.message == f"No key in the bucket begins with {scheme}://b1x//; did you mean {scheme}://b1x?"
    )


def test_an_empty_bucket() -> None:
    """In S3 the root is a directory nevertheless."""
    assert only(Bucket({}), path="gs://b1x").message == "The bucket b1x is empty"
    assert only(Bucket({}), path="s3://b1x").code == "OVD101"


@pytest.mark.parametrize(("status", "code"), [(403, "OVD651"), (404, "OVD652")])
def test_a_page_for_people_is_not_the_answer_of_a_store(status: int, code: str) -> None:
    listing = StoreRefusal("ListObjects", status, host="127.0.0.1:9001")
    finding = only(Bucket(GOOD, head=StoreRefusal("HeadBucket", status), listing=listing))
    assert (finding.code, finding.severity) == (code, "error")
    assert "without the error code of a store" in finding.message
    assert finding.remedy is not None
    assert "Check what answers at 127.0.0.1:9001" in finding.remedy.summary
    assert finding.remedy.steps == ()


def test_an_address_that_redirects_is_reported() -> None:
    """Often from http:// to https://: the collector does not follow."""
    refusal = StoreRefusal("HeadBucket", 308, problem="unreadable", host="minio:9000")
    finding = found(Bucket(GOOD, head=refusal))[0]
    assert finding.code == "OVD657"
    assert finding.message.endswith("at minio:9000: it redirects to another address")
    assert finding.remedy is not None
    assert "S3_ENDPOINT" in finding.remedy.summary


@pytest.mark.parametrize("bare_metal", [False, True])
def test_the_loopback_of_container_or_host_is_named(bare_metal: bool) -> None:
    refusal = StoreRefusal("HeadBucket", problem="timeout", host="127.0.0.1:9000")
    finding = found(Bucket(GOOD, head=refusal), bare_metal=bare_metal)[0]
    assert finding.code == "OVD657"
    assert ("this is the container itself" in finding.detail) is not bare_metal


@pytest.mark.parametrize(
    ("path", "command"),
    [("s3://b1x/m", "-e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY"),
     ("gs://b1x/m", "-e GOOGLE_APPLICATION_CREDENTIALS=/keys/key.json")],
)  # fmt: skip
def test_the_remedy_for_missing_credentials_adds_some(path: str, command: str) -> None:
    """Everybody can list, but not read the objects."""
    refused = {"m/1/a.onnx": StoreRefusal("GetObject", 403, "AccessDenied")}
    finding = only(Bucket(GOOD, refused=refused), path=path, environment={})
    assert (finding.code, finding.recovers) == ("OVD662", "restart")
    assert finding.remedy is not None
    assert finding.remedy.steps[0].command == command


def test_an_emulator_of_google_that_requires_credentials() -> None:
    """gcloud does not support it, so the remedy has only text."""
    environment = {"CLOUD_STORAGE_TESTBENCH_ENDPOINT": "http://127.0.0.1:9"}
    listing = StoreRefusal("ListObjects", 401, "required")
    finding = only(Bucket(GOOD, listing=listing), path="gs://b1x/m", environment=environment)
    assert finding.code == "OVD666"
    assert finding.remedy is not None
    assert "GOOGLE_APPLICATION_CREDENTIALS" in finding.remedy.summary


def test_versions_behind_the_first_page() -> None:
    tree = {**GOOD, **{f"m/1/{number:04}.txt": "x" for number in range(999)}, "m/2/a.onnx": "good"}
    findings = {finding.code: finding for finding in found(Bucket(tree))}
    assert "version 2 of" in findings["OVD660"].message


def test_variables_that_are_not_downloaded_are_reported() -> None:
    tree = {"m/1/saved_model.pb": "good", "m/1/variables/variables.index": "x"}
    lacking = {"/": (Fault("saved-model-variables-missing", "s3://b1x/m/1/variables", False, "no", "no"),)}
    finding = only(Bucket(tree, faults=lacking), load="none")
    assert (finding.code, finding.severity) == ("OVD661", "warning")
    # The graph has no variables; OpenVINO loads it without them.
    assert found(Bucket(tree), load="none") == []
    assert found(Bucket(tree, faults=lacking)) == []
    broken = {**tree, "m/1/saved_model.pb": "bad"}
    failed = next(one for one in found(Bucket(broken, faults=lacking)) if one.code == "OVD661")
    assert failed.severity == "error"
    # Something else is the matter with it.
    cut = {"/": (Fault("truncated", "s3://b1x/m/1/saved_model.pb", True, "cut", "cut"), *lacking["/"])}
    assert "OVD661" not in {one.code for one in found(Bucket(broken, faults=cut))}


def test_one_download_that_fails_is_reported_once() -> None:
    tree = {f"m/{version}/a.onnx": "good" for version in (1, 2, 3)}
    refused = {"m/2/a.onnx": StoreRefusal("GetObject", 403, "AccessDenied")}
    finding = only(Bucket(tree, refused=refused), policy=ALL)
    assert finding.code == "OVD662"
    assert "All versions that are downloaded together fail: 1, 2, 3." in finding.detail
    encrypted = {"m/2/a.onnx": StoreRefusal("GetObject", 403, "AccessDenied", "kms:Decrypt on key")}
    finding = only(Bucket(tree, refused=encrypted), policy=ALL)
    assert finding.remedy is not None
    assert "kms:Decrypt" in (finding.remedy.steps[0].command or "")


def test_archived_and_misnamed() -> None:
    assert only(Bucket(GOOD, archived=frozenset(GOOD))).code == "OVD663"
    misnamed = only(Bucket({"m/001/a.onnx": "good"}))
    assert misnamed.code == "OVD664"
    assert misnamed.remedy is not None
    assert misnamed.remedy.steps[0].command == (
        "aws s3 --endpoint-url http://127.0.0.1:9 mv --recursive s3://b1x/m/001/ s3://b1x/m/1/"
    )
    google = only(Bucket({"m/001/a.onnx": "good"}), path="gs://b1x/m")
    assert google.remedy is not None
    assert google.remedy.steps[0].command == "gcloud storage mv 'gs://b1x/m/001/*' gs://b1x/m/1/"


def test_commands_are_of_the_store() -> None:
    for tree, command in (
        ({"m/v1/a.onnx": "good"}, "mv --recursive s3://b1x/m/v1/ s3://b1x/m/1/"),
        ({"m/a.xml": "good", "m/a.bin": "x"}, "mv s3://b1x/m/a.bin s3://b1x/m/1/a.bin"),
        ({"m/1/README": "x"}, "ls s3://b1x/m/1/"),
    ):
        finding = only(Bucket(tree))
        assert finding.remedy is not None
        commands = " ".join(step.command or "" for step in finding.remedy.steps)
        assert command in commands
        assert KEYS["AWS_SECRET_ACCESS_KEY"] not in commands
        assert finding.subject.path is None
        assert finding.subject.server_path is not None


def test_a_directory_with_remaining_files_is_not_empty() -> None:
    finding = only(Bucket({"m/1/README.md": "x"}))
    assert finding.message == "s3://b1x/m/1 holds nothing that the server downloads, only README.md"


def test_recorded_facts_give_the_same_findings() -> None:
    deployment = store_deployment()
    plan, facts = settle_with_facts(deployment, Bucket({"M/1/a.onnx": "good"}))
    again = Facts(dict(facts), complete=True)
    before = list(storage.check(Context(deployment, plan, facts)))
    assert before == list(storage.check(Context(deployment, plan, again)))
