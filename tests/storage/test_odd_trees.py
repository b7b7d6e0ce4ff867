"""Trees that a store can contain and a disk cannot, and how the server downloads them."""

from __future__ import annotations

import pytest

from ovms_doctor.checks import storage
from ovms_doctor.checks.context import Context
from ovms_doctor.model.causes import DownloadFails, NoModelFile
from ovms_doctor.model.deployment import VersionPolicy
from ovms_doctor.model.facts import StoreRefusal
from tests.storage.memory_store import Bucket, model, settle, settle_with_facts, states, store_deployment

ALL = VersionPolicy("all")
DENIED = StoreRefusal("GetObject", 403, "AccessDenied")
BUSY = StoreRefusal("GetObject", 503, "SlowDown")
HOST = "s3://127.0.0.1:9000/b1x"


def test_versions_of_a_bucket_behind_a_host_are_found_and_not_downloaded() -> None:
    planned = model(store_deployment(HOST), Bucket({"1/a.onnx": "good", "2/a.onnx": "good"}))
    assert planned.status == "PATH_INVALID"
    assert planned.detection.found == (1, 2)
    assert planned.requested == (2,)
    assert planned.detection.log == (
        f"File/folder does not exist at {HOST}/2",
        f"Failed to download model version {HOST}/2",
        f"Couldn't download model from {HOST}",
        "Missing model directory /2",
    )
    alone = settle(store_deployment(HOST, mode="single"), Bucket({"1/a.onnx": "good"}))
    assert (alone.outcome, alone.exit_code) == ("exits", 1)


def test_a_bucket_behind_a_host_is_an_error_if_nothing_is_served() -> None:
    for tree, severity in (({"1/a.onnx": "good"}, "error"), ({"v1/a.onnx": "good"}, "warning")):
        deployment = store_deployment(HOST)
        planned, facts = settle_with_facts(deployment, Bucket(tree))
        found = [one for one in storage.check(Context(deployment, planned, facts)) if one.code == "OVD622"]
        assert [one.severity for one in found] == [severity]


def test_a_bucket_behind_a_host_without_versions_does_not_end_the_server() -> None:
    planned = settle(store_deployment(HOST, mode="single"), Bucket({"v1/a.onnx": "good"}))
    assert (planned.outcome, planned.models[0].status) == ("serves", "OK")
    none = model(
        store_deployment(HOST, policy=VersionPolicy("specific", 1, (7,))), Bucket({"1/a.onnx": "good"})
    )
    assert none.status == "OK"


@pytest.mark.parametrize("keys", [("m//1/a.onnx",), ("/m/1/a.onnx",), ("/m/1/a.onnx", "m/1/a.onnx")])
def test_a_key_behind_a_host_is_searched_behind_a_slash(keys: tuple[str, ...]) -> None:
    planned = model(store_deployment(f"{HOST}/m"), Bucket(dict.fromkeys(keys, "good")))
    if keys[0].startswith("/"):
        # The list finds it and the download does not, unless it exists twice, which is not predicted.
        assert planned.unknown is not None
    else:
        assert planned.status == "PATH_INVALID"
    assert planned.served == ()


def test_keys_with_a_slash_at_their_beginning_may_be_what_is_downloaded() -> None:
    planned = model(store_deployment(HOST), Bucket({"1/a.onnx": "good", "/1/a.onnx": "good"}))
    assert planned.unknown is not None


@pytest.mark.parametrize("more", [0, 1000])
def test_an_object_named_like_a_version_downloads_no_files(more: int) -> None:
    tree = {"m/001/a.onnx": "good", "m/1": "x"} | {f"m/00x/{n}": "x" for n in range(more)}
    (version,) = model(store_deployment(), Bucket(tree)).versions
    assert version.attempt is not None
    assert isinstance(version.attempt.cause, NoModelFile)
    attempt = model(store_deployment("gs://b1x/m"), Bucket(tree, page=10_000)).versions[0].attempt
    assert attempt is not None
    assert isinstance(attempt.cause, DownloadFails)


@pytest.mark.parametrize(("release", "state"), [("2022.1", "LOADING/UNKNOWN"), ("2024.4", "LOADING/UNKNOWN")])
def test_an_older_client_for_google_leaves_a_directory_with_two_slashes(release: str, state: str) -> None:
    planned = model(store_deployment("gs://b1x/m", release), Bucket({"m/1/a.onnx": "good", "m/1//b": "x"}))
    assert states(planned) == {1: state}
    assert planned.unknown is None
    below = model(store_deployment("gs://b1x/m", release), Bucket({"m/1/a.onnx": "good", "m/1/b//c": "x"}))
    assert states(below) == {1: "AVAILABLE/OK"}


def test_a_release_since_2024_5_loops_on_an_empty_object_name() -> None:
    for release in ("2024.5", "2026.3"):
        planned = model(
            store_deployment("gs://b1x/m", release), Bucket({"m/1/a.onnx": "good", "m/1//b": "x"})
        )
        assert planned.unknown is not None


def test_one_unknown_download_makes_all_unknown() -> None:
    tree = {"m/1/a.onnx": "good", "m/2/a.onnx": "good"}
    planned = model(store_deployment(policy=ALL), Bucket(tree, refused={"m/2/a.onnx": BUSY}))
    assert planned.unknown is not None
    assert not states(planned)
    # One known failure is enough.
    both = Bucket(tree | {"m/3/a.onnx": "good"}, refused={"m/2/a.onnx": BUSY, "m/3/a.onnx": DENIED})
    failed = model(store_deployment(policy=ALL), both)
    assert set(states(failed).values()) == {"LOADING/UNKNOWN"}


def test_the_log_names_the_directory_of_the_last_successful_download() -> None:
    tree = {"m/2/a.onnx": "good", "m/3/a.onnx": "bad"}
    second = model(store_deployment(), Bucket(tree, refused={"m/2/a.onnx": DENIED})).versions[0].attempt
    assert second is not None
    assert second.log[-1] == "Missing model directory /tmp/fileXXXXXX/2"
    tree = {"m/1/a.onnx": "good", "m/2/a.onnx": "good"}
    first = model(store_deployment(), Bucket(tree, refused={"m/2/a.onnx": DENIED}))
    assert states(first) == {1: "AVAILABLE/OK", 2: "LOADING/UNKNOWN"}
    assert first.versions[1].attempt is not None
    assert first.versions[1].attempt.log[-1] == "Missing model directory /2"


def test_a_version_that_is_downloaded_twice_at_once() -> None:
    tree = {"m/1/a.onnx": "good", "m/01/a.onnx": "good"}
    assert states(model(store_deployment(policy=ALL), Bucket(tree))) == {1: "AVAILABLE/OK"}
    for path, certain in (("s3://b1x/m", False), ("gs://b1x/m", True)):
        planned = model(store_deployment(path, policy=ALL), Bucket(tree | {"m/1/sub/x": "x"}))
        assert (planned.unknown is None) == certain
    # The policy selects one of them.
    assert states(model(store_deployment(), Bucket(tree | {"m/1/sub/x": "x"}))) == {1: "AVAILABLE/OK"}


@pytest.mark.parametrize("key", ["m/../a.onnx", "m/1/../a.onnx", "m/1/sub/../a.onnx", "m/1/.."])
def test_a_part_outside_its_directory_is_not_followed(key: str) -> None:
    planned = model(store_deployment(), Bucket({"m/1/a.onnx": "good", key: "x"}))
    assert planned.unknown is not None
    assert planned.served == ()


@pytest.mark.parametrize("release", ["2022.3", "2024.5"])
def test_an_older_server_and_a_directory_named_like_a_model(release: str) -> None:
    planned = model(store_deployment(release=release), Bucket({"m/1/a.onnx/b": "x"}))
    assert planned.served == ()
    newer = model(store_deployment(), Bucket({"m/1/a.onnx/b": "x"}))
    assert states(newer) == {1: "LOADING/UNKNOWN"}


NAMES = {
    "001": (1,),
    "+1": (1,),
    " 1": (1,),
    "1.0": (1,),
    "1abc": (1,),
    "-1": (),
    "0": (),
    "9223372036854775807": (2**63 - 1,),
    "9223372036854775808": (),
    "v1": (),
    "": (),
}


@pytest.mark.parametrize("path", ["s3://b1x/m", "gs://b1x/m", "s3://b1x", "gs://b1x/"])
@pytest.mark.parametrize("name", NAMES)
def test_names_of_directories(name: str, path: str) -> None:
    base = "m/" if path.endswith("m") else ""
    planned = model(store_deployment(path), Bucket({f"{base}{name}/a.onnx": "good"}))
    assert planned.detection.found == NAMES[name]
    causes = [item.attempt.cause for item in planned.versions if item.attempt is not None]
    if name == "9223372036854775807":
        assert states(planned) == {2**63 - 1: "AVAILABLE/OK"}
    else:
        assert [cause.reason for cause in causes if isinstance(cause, DownloadFails)] == ["missing"] * len(
            causes
        )
        assert planned.status == ("PATH_INVALID" if causes else "OK")


@pytest.mark.parametrize("path", ["s3://b1x/m", "gs://b1x/m"])
def test_a_name_of_both_an_object_and_a_directory_is_a_directory(path: str) -> None:
    tree = {"m/1": "x", "m/1/a.xml": "good", "m/1/a.bin": "w", "m/1/a.bin/b": "x", "m/1/": ""}
    planned = model(store_deployment(path), Bucket(tree))
    assert states(planned) == {1: "LOADING/UNKNOWN"}
    stored = settle(store_deployment(path), Bucket(tree)).stores[0].facts
    assert stored is not None
    assert [(file.name, copy.directories) for copy in stored.copies for file in copy.files] == [
        ("a.xml", ("a.bin",))
    ]


@pytest.mark.parametrize("path", ["s3://b1x/m", "gs://b1x/m"])
def test_an_empty_object_is_an_empty_file(path: str) -> None:
    plan = settle(store_deployment(path), Bucket({"m/1/a.xml": "", "m/1/a.bin": ""}))
    stored = plan.stores[0].facts
    assert stored is not None
    assert [(file.name, file.size) for file in stored.copies[0].files] == [("a.bin", 0), ("a.xml", 0)]
    assert states(plan.models[0]) == {1: "LOADING/UNKNOWN"}
