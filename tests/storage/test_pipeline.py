"""Models in a store follow the rules of local models, after the rules of the store's client."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ovms_doctor.model.causes import CouldNotLook, DownloadFails, NoModelFile
from ovms_doctor.model.deployment import VersionPolicy
from ovms_doctor.model.facts import InspectCopy, ListStore, LoadCopy, StoreRefusal, Unavailable
from tests.prediction.memory import MemoryFiles
from tests.prediction.memory import deployment as local_deployment
from tests.prediction.memory import settle as settle_locally
from tests.storage.memory_store import KEYS, Bucket, model, settle, states, store_deployment

ALL = VersionPolicy("all")
SCHEMES = ("s3://b1x/m", "gs://b1x/m")
DENIED = StoreRefusal("GetObject", 403, "AccessDenied", host="s3:9000")
schemes = pytest.mark.parametrize("path", SCHEMES)

#: The files below m/, in any kind of storage.
LAYOUTS: dict[str, tuple[str, ...]] = {
    "one version": ("1/a.onnx",),
    "three versions": ("1/a.onnx", "2/a.onnx", "10/a.onnx"),
    "IR": ("1/a.xml", "1/a.bin"),
    "IR without weights": ("1/a.xml",),
    "two formats": ("1/a.xml", "1/a.bin", "1/b.onnx"),
    "TensorFlow frozen": ("1/a.pb",),
    "TFLite": ("1/a.tflite",),
    "Paddle": ("1/a.pdmodel", "1/a.pdiparams"),
    "half of Paddle": ("1/a.pdmodel",),
    "no version": ("a.onnx",),
    "wrong names": ("v1/a.onnx", "latest/a.onnx"),
    "zero and a letter": ("0/a.onnx", "1abc/a.onnx"),
    "nothing to serve": ("1/README.md",),
    "one of two": ("1/a.onnx", "2/README.md"),
    "capitals": ("1/A.ONNX",),
    "model in a directory below": ("1/sub/a.onnx",),
}


@schemes
@pytest.mark.parametrize("policy", [VersionPolicy("latest", 1), ALL])
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_verdict_is_the_same_for_local_and_stored_models(
    name: str, policy: VersionPolicy, path: str
) -> None:
    from ovms_doctor.model.deployment import ModelEntry

    files = LAYOUTS[name]
    memory_files = MemoryFiles({f"/m/{file}": "good" for file in files})
    local = settle_locally(local_deployment(entry=ModelEntry("m", "/m", policy)), memory_files).models[0]
    remote = model(store_deployment(path, policy=policy), Bucket({f"m/{file}": "good" for file in files}))
    if name == "zero and a letter":
        # The name is read as 1 and opened as 1: it is not found in either case, but in a store the download fails.
        assert [item.cause.reason for item in attempts(remote) if isinstance(item.cause, DownloadFails)]
    assert states(remote) == states(local)
    assert remote.detection.found == local.detection.found
    assert remote.served_later == local.served_later
    assert [item.status for item in attempts(remote)] == [item.status for item in attempts(local)]


def attempts(planned: object) -> list[object]:
    return [item.attempt for item in planned.versions if item.attempt is not None]  # type: ignore[attr-defined]


@schemes
def test_a_bucket_itself_is_a_model(path: str) -> None:
    root = path.rpartition("/")[0]
    planned = model(store_deployment(root), Bucket({"1/a.onnx": "good"}))
    assert states(planned) == {1: "AVAILABLE/OK"}


def test_an_empty_bucket_is_a_directory_on_s3_but_not_on_google() -> None:
    amazon = model(store_deployment("s3://b1x"), Bucket())
    assert (amazon.detection.status, amazon.detection.found) == ("OK", ())
    google = model(store_deployment("gs://b1x"), Bucket())
    assert google.detection.log == ("Directory does not exist: gs://b1x",)


@schemes
def test_a_path_without_objects_is_invalid(path: str) -> None:
    plan = settle(store_deployment(path), Bucket({"models/m/1/a.onnx": "good", "mm/1/a.onnx": "good"}))
    (planned,) = plan.models
    assert planned.status == "PATH_INVALID"
    assert planned.detection.log == (f"Directory does not exist: {path}",)
    store_facts = plan.stores[0].facts
    assert store_facts is not None
    assert store_facts.empty
    assert store_facts.others == ("mm", "models")


@schemes
def test_a_slash_at_the_end_is_ignored(path: str) -> None:
    assert states(model(store_deployment(path + "/"), Bucket({"m/1/a.onnx": "good"}))) == {1: "AVAILABLE/OK"}


def test_a_marker_alone_is_a_version() -> None:
    planned = model(store_deployment(), Bucket({"m/1/a.onnx": "good", "m/3/": ""}))
    assert planned.detection.found == (1, 3)
    assert states(planned) == {1: "AVAILABLE/OK", 3: "LOADING/UNKNOWN"}
    cause = planned.versions[1].attempt.cause  # type: ignore[union-attr]
    assert isinstance(cause, NoModelFile)
    assert planned.versions[1].attempt.log == (  # type: ignore[union-attr]
        "Error loading model: no valid model file found for model: m, version: 3, path: /tmp/fileXXXXXX/3",
    )


# -- what is downloaded --------------------------------------------------------------------------------


def test_variables_of_a_saved_model_are_not_downloaded() -> None:
    tree = {
        "m/1/saved_model.pb": "good",
        "m/1/variables/variables.index": "x",
        "m/1/variables/variables.data-00000-of-00001": "x",
    }
    for path in SCHEMES:
        plan = settle(store_deployment(path), Bucket(tree))
        (copy,) = plan.stores[0].facts.copies  # type: ignore[union-attr]
        assert [file.name for file in copy.files] == ["saved_model.pb"]
        assert copy.left_out == ("variables/variables.data-00000-of-00001", "variables/variables.index")
        assert copy.directories == ("variables",)


def test_s3_copies_one_level_of_directories_and_google_all() -> None:
    tree = {"m/1/a.onnx": "good", "m/1/x/b.bin": "x", "m/1/x/y/c.bin": "x"}
    names = {}
    for path in SCHEMES:
        (copy,) = settle(store_deployment(path), Bucket(tree)).stores[0].facts.copies  # type: ignore[union-attr]
        names[path[:2]] = ([file.name for file in copy.files], copy.left_out, copy.directories)
    assert names["s3"] == (["a.onnx", "x/b.bin"], ("x/y/c.bin",), ("x",))
    assert names["gs"] == (["a.onnx", "x/b.bin", "x/y/c.bin"], (), ("x", "x/y"))


def test_older_releases_take_fewer_files() -> None:
    tree = {"m/1/a.onnx": "good", "m/1/b.tflite": "x", "m/1/c.pb": "x", "m/1/d.pdmodel": "x"}
    taken = {}
    for release in ("2022.1", "2022.2", "2022.3", "2023.0", "2023.1", "2026.3"):
        (copy,) = settle(store_deployment(release=release), Bucket(tree)).stores[0].facts.copies  # type: ignore[union-attr]
        taken[release] = "".join(file.name[0] for file in copy.files)
    assert taken == {
        "2022.1": "a",
        "2022.2": "ad",
        "2022.3": "acd",
        "2023.0": "acd",
        "2023.1": "abcd",
        "2026.3": "abcd",
    }


@schemes
def test_one_refused_object_fails_all_versions(path: str) -> None:
    tree = {"m/1/a.onnx": "good", "m/2/a.onnx": "good", "m/3/a.onnx": "good"}
    bucket = Bucket(tree, refused={"m/3/a.onnx": DENIED})
    planned = model(store_deployment(path, policy=VersionPolicy("latest", 2)), bucket)
    # The two newest are loaded together and fail together; the oldest replaces them.
    assert states(planned) == {1: "AVAILABLE/OK", 2: "LOADING/UNKNOWN", 3: "LOADING/UNKNOWN"}
    two = planned.versions[1].attempt
    assert two is not None
    assert isinstance(two.cause, DownloadFails)
    assert (two.cause.failed_version, two.cause.reason, two.cause.object) == (
        3,
        "refused",
        f"{path}/3/a.onnx",
    )
    assert two.log[-2:] == (f"Couldn't download model from {path}", "Missing model directory /2")
    first = f"Failed to get object at {path}/3/a.onnx"
    assert first in two.log
    if path.startswith("gs"):
        copy = "/tmp/fileXXXXXX/3/a.onnx"
        assert two.log[2] == f"Unable to save file from {path}/3/a.onnx to {copy}"


@schemes
def test_a_refusal_is_reported_without_loading_too(path: str) -> None:
    bucket = Bucket({"m/1/a.onnx": "good"}, refused={"m/1/a.onnx": DENIED})
    planned = model(store_deployment(path, load="none"), bucket)
    assert states(planned) == {1: "LOADING/UNKNOWN"}


def test_an_archived_object_is_never_got() -> None:
    bucket = Bucket({"m/1/a.xml": "good", "m/1/a.bin": "w"}, archived=frozenset({"m/1/a.bin"}))
    cause = model(store_deployment(), bucket).versions[0].attempt.cause  # type: ignore[union-attr]
    assert cause == DownloadFails("s3://b1x/m/1", 1, "archived", object="s3://b1x/m/1/a.bin")
    assert not [one for one in bucket.questions if isinstance(one, InspectCopy | LoadCopy)]


@schemes
def test_a_version_directory_is_found_by_its_number(path: str) -> None:
    planned = model(store_deployment(path), Bucket({"m/001/a.onnx": "good"}))
    assert planned.detection.found == (1,)
    attempt = planned.versions[0].attempt
    assert attempt is not None
    assert attempt.cause == DownloadFails(f"{path}/1", 1, "missing", ("001",))
    first = "File/folder does not exist at" if path.startswith("s3") else "Path is not a directory:"
    assert attempt.log == (
        f"{first} {path}/1",
        f"Failed to download model version {path}/1",
        f"Couldn't download model from {path}",
        "Missing model directory /1",
    )


@pytest.mark.parametrize("answer", [StoreRefusal("GetObject", 404, "NoSuchKey"), Unavailable("no")])
def test_vanished_object_is_not_judged(answer: StoreRefusal | Unavailable) -> None:
    planned = model(store_deployment(), Bucket({"m/1/a.onnx": "good"}, refused={"m/1/a.onnx": answer}))
    assert planned.unknown is not None
    assert planned.versions[0].now is None


def test_a_second_poll_downloads_again_and_fails_again() -> None:
    tree = {"m/1/a.onnx": "good", "m/2/a.onnx": "good"}
    planned = model(store_deployment(policy=ALL), Bucket(tree, refused={"m/1/a.onnx": DENIED}))
    assert planned.served == planned.served_later == ()
    assert planned.status == "PATH_INVALID"


def test_started_alone_the_server_ends() -> None:
    planned = settle(
        store_deployment(mode="single"), Bucket({"m/1/a.onnx": "good"}, refused={"m/1/a.onnx": DENIED})
    )
    assert (planned.outcome, planned.exit_code) == ("exits", 1)


# -- pages ---------------------------------------------------------------------------------------------


def full(name: str, count: int = 1000) -> dict[str, str]:
    return {f"m/{name}/part{number:04}.txt": "x" for number in range(count)}


def test_s3_lists_one_page_and_google_all() -> None:
    tree = {"m/1/a.onnx": "good", **full("1", 999), "m/2/a.onnx": "good"}
    amazon, google = (settle(store_deployment(path, policy=ALL), Bucket(tree)) for path in SCHEMES)
    assert amazon.models[0].detection.found == (1,)
    store_facts = amazon.stores[0].facts
    assert store_facts is not None
    assert (store_facts.keys, store_facts.more, store_facts.hidden) == (1000, True, (2,))
    assert google.models[0].detection.found == (1, 2)


def test_a_version_at_the_end_of_a_page_is_listed_by_itself() -> None:
    tree = {**full("1", 999), "m/1/zz.onnx": "good", "m/2/a.xml": "good", "m/2/b.bin": "x"}
    tree.pop("m/1/part0000.txt")
    bucket = Bucket(tree)
    plan = settle(store_deployment(policy=ALL), bucket)
    # The page ends with the first file of version 2; the second one is on the next page.
    assert plan.models[0].detection.found == (1, 2)
    copies = {item.version: [file.name for file in item.files] for item in plan.stores[0].facts.copies}  # type: ignore[union-attr]
    assert copies == {1: ["zz.onnx"], 2: ["a.xml", "b.bin"]}
    assert [one.prefix for one in bucket.questions if isinstance(one, ListStore) and not one.delimited] == [
        "m/",
        "m/2/",
    ]


def test_a_version_of_more_than_a_page_loses_its_last_files() -> None:
    tree = {**full("1", 1000), "m/1/zz.onnx": "good"}
    plan = settle(store_deployment(), Bucket(tree))
    assert states(plan.models[0]) == {1: "LOADING/UNKNOWN"}
    assert plan.stores[0].facts.copies[0].cut  # type: ignore[union-attr]


# -- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 400, 403, 404])
def test_a_refused_head_has_one_line_for_all_reasons(status: int) -> None:
    bucket = Bucket({"m/1/a.onnx": "good"}, head=StoreRefusal("HeadBucket", status))
    plan = settle(store_deployment(), bucket)
    (planned,) = plan.models
    assert planned.status == "S3_METADATA_FAIL"
    assert planned.detection.log == (
        "Invalid or missing S3 credentials, or bucket does not exist - b1x. No response body.",
        "Couldn't check directory: s3://b1x/m",
    )
    store_facts = plan.stores[0].facts
    assert store_facts is not None
    assert store_facts.lists
    assert store_facts.refusal is not None
    assert store_facts.refusal.status == status


def test_list_shows_why_the_head_request_was_refused() -> None:
    refusal = StoreRefusal("ListObjects", 404, "NoSuchBucket")
    store_facts = (
        settle(store_deployment(), Bucket(head=StoreRefusal("HeadBucket", 404), listing=refusal))
        .stores[0]
        .facts
    )
    assert store_facts is not None
    assert store_facts.reason == refusal


def test_a_refused_list_of_s3() -> None:
    refused = StoreRefusal("ListObjects", 403, "AccessDenied")
    planned = model(store_deployment(), Bucket(listing=refused))
    assert planned.status == "S3_FAILED_LIST_OBJECTS"
    assert planned.detection.log == (
        "Failed to list objects with prefix s3://b1x/m",
        "Couldn't check directory: s3://b1x/m",
    )
    root = model(store_deployment("s3://b1x"), Bucket(listing=refused))
    assert root.status == "S3_INVALID_ACCESS"
    assert root.detection.log == (
        "Could not list contents of directory s3://b1x/",
        "Couldn't list directories in path: s3://b1x",
    )


@pytest.mark.parametrize("status", [401, 403, 404])
def test_google_shows_every_refusal_as_a_missing_directory(status: int) -> None:
    plan = settle(store_deployment("gs://b1x/m"), Bucket(listing=StoreRefusal("ListObjects", status)))
    assert plan.models[0].detection.log == ("Directory does not exist: gs://b1x/m",)
    assert plan.stores[0].facts.refusal.status == status  # type: ignore[union-attr]


PASSING = (
    StoreRefusal("HeadBucket", 503, "SlowDown"),
    StoreRefusal("HeadBucket", problem="timeout"),
    StoreRefusal("HeadBucket", problem="reset"),
    StoreRefusal("HeadBucket", 403, "RequestTimeTooSkewed"),
)


@pytest.mark.parametrize("bare_metal", [False, True])
@pytest.mark.parametrize("refusal", PASSING)
def test_temporary_failures_make_the_state_unknown(refusal: StoreRefusal, bare_metal: bool) -> None:
    planned = model(store_deployment(bare_metal=bare_metal), Bucket(head=refusal))
    assert isinstance(planned.unknown, CouldNotLook)


@schemes
@pytest.mark.parametrize("problem", ["refused", "name", "proxy", "proxy name"])
def test_unreachable_store_applies_only_to_a_server_on_this_host(path: str, problem: str) -> None:
    refusal = StoreRefusal("ListObjects", problem=problem)  # type: ignore[arg-type]
    bucket = Bucket(head=refusal, listing=refusal)
    assert model(store_deployment(path), bucket).unknown is not None
    on_this_host = model(store_deployment(path, bare_metal=True), bucket)
    assert on_this_host.unknown is None
    assert on_this_host.status == ("S3_METADATA_FAIL" if path.startswith("s3") else "PATH_INVALID")


BY_NETWORK = (
    "User: u is not authorized to perform: s3:ListBucket with an explicit deny in a resource-based policy"
)


@schemes
def test_a_denial_by_network_applies_only_to_a_server_on_this_host(path: str) -> None:
    listing = StoreRefusal("ListObjects", 403, "AccessDenied", BY_NETWORK)
    head = StoreRefusal("HeadBucket", 403)
    for bucket in (Bucket(listing=listing), Bucket(head=head, listing=listing)):
        assert model(store_deployment(path), bucket).unknown is not None
        assert model(store_deployment(path, bare_metal=True), bucket).unknown is None
    plain = Bucket(listing=replace(listing, message="User: u is not authorized to perform: s3:ListBucket"))
    assert model(store_deployment(path), plain).unknown is None


PLAIN = "WRONG_VERSION_NUMBER"
MISMATCH = "Hostname mismatch, certificate is not valid for 'minio'."
ISSUER = "unable to get local issuer certificate"


@pytest.mark.parametrize(
    ("message", "applies_to_server"),
    [
        (PLAIN, True),
        ("certificate has expired", True),
        (MISMATCH, True),
        ("IP address mismatch, certificate is not valid for '10.0.0.1'.", True),
        (ISSUER, False),
        ("self-signed certificate", False),
        ("self-signed certificate in certificate chain", False),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", False),
        ("", False),
    ],
)
def test_the_servers_trusted_certificates_are_unknown(message: str, applies_to_server: bool) -> None:
    refusal = StoreRefusal("HeadBucket", problem="tls", message=message)
    bucket = Bucket(head=refusal, listing=refusal)
    assert (model(store_deployment(bare_metal=True), bucket).unknown is None) == applies_to_server
    assert model(store_deployment(), bucket).unknown is not None


def test_store_that_cannot_be_queried() -> None:
    unknown = model(store_deployment(environment={**KEYS, "AWS_SECRET_ACCESS_KEY": ""}), Bucket()).unknown
    assert unknown is not None
    assert "is empty" in unknown.reason
    role = {"AWS_PROFILE": "x", "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/token"}
    unknown = model(store_deployment(environment=role), Bucket()).unknown
    assert unknown is not None
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" in unknown.reason


def test_more_than_the_limit_is_not_downloaded() -> None:
    planned = model(store_deployment(download_limit=2), Bucket({"m/1/a.onnx": "good"}))
    assert planned.unknown is not None
    static = model(store_deployment(download_limit=2, load="none"), Bucket({"m/1/a.onnx": "good"}))
    assert states(static) == {1: "AVAILABLE/OK"}


def test_the_host_in_the_path_never_finds_anything() -> None:
    planned = model(store_deployment("s3://127.0.0.1:9000/b1x/m"), Bucket({"m/1/a.onnx": "good"}))
    assert planned.status == "PATH_INVALID"


# -- requests ------------------------------------------------------------------------------------------


def test_no_unnecessary_question() -> None:
    tree = {f"m/{number}/{name}": "good" for number in range(1, 30) for name in ("a.xml", "a.bin")}
    bucket = Bucket(tree)
    model(store_deployment(load="none"), bucket)
    kinds = sorted(type(one).__name__ for one in bucket.questions)
    assert kinds == ["HeadBucket", "InspectCopy", "ListStore"]
