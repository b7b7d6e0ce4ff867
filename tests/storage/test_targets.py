"""How a TARGET in a store is interpreted: lists of keys in, models out; and the resulting deployment."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ovms_doctor.diagnosis.deploy import deployment_for
from ovms_doctor.diagnosis.roots import roots
from ovms_doctor.diagnosis.run import begin, report_on
from ovms_doctor.diagnosis.saved_options import options_from_json, options_to_json
from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.inputs.targets.local import understand
from ovms_doctor.inputs.targets.rule import ResolvedTarget
from ovms_doctor.inputs.targets.store import understand_remote
from ovms_doctor.model.deployment import DEFAULT_POLICY, Deployment, ModelEntry, Target
from ovms_doctor.model.environment import variables
from ovms_doctor.model.facts import (
    Facts,
    FactsMissingError,
    ListStore,
    StoreAccess,
    StoredObject,
    StoreListing,
    StoreRefusal,
    Unavailable,
)
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.model.store_paths import TARGET_PAGES, target_key, target_listing
from ovms_doctor.report.json_report import to_document
from tests.prediction.memory import MemoryFiles
from tests.storage.memory_store import KEYS, Bucket, StoreCollector

ACCESS = StoreAccess("s3", "b1x", "keys", "http://minio:9000")


def settled(bucket: Bucket, attempt: Any) -> Any:
    """The result of ``attempt`` after all its facts are collected."""
    facts = Facts({})
    for _ in range(50):
        try:
            return attempt(facts)
        except FactsMissingError as missing:
            facts.add({question: bucket.answer(question) for question in missing.questions})
    raise AssertionError("it asks without end")


def understood(
    path: str, bucket: Bucket, as_: Any = None, access: StoreAccess | str = ACCESS
) -> ResolvedTarget:
    found: ResolvedTarget = settled(
        bucket, lambda facts: understand_remote(path, access, as_, DEFAULT_POLICY, facts)
    )
    return found


def of(*keys: str) -> Bucket:
    return Bucket(dict.fromkeys(keys, "good"))


def kind_path_models(found: ResolvedTarget) -> tuple[str, str, list[tuple[str, str]]]:
    return found.target.kind, found.target.path, [(model.name, model.base_path) for model in found.models]


#: The keys, the path, and its interpretation: kind, path, models.
LAYOUTS: list[tuple[tuple[str, ...], str, str, str, list[tuple[str, str]]]] = [
    # A directory that the server reads as a version.
    (("m/1/a.xml", "m/1/a.bin"), "s3://b1x/m", "model", "s3://b1x/m", [("m", "s3://b1x/m")]),
    (("m/001/a.onnx",), "s3://b1x/m/", "model", "s3://b1x/m/", [("m", "s3://b1x/m/")]),
    (("m/3/",), "s3://b1x/m", "model", "s3://b1x/m", [("m", "s3://b1x/m")]),
    (("1/a.onnx",), "s3://b1x", "model", "s3://b1x", [("b1x", "s3://b1x")]),
    (("1/a.onnx",), "s3://b1x/", "model", "s3://b1x/", [("b1x", "s3://b1x/")]),
    # A version directory itself.
    (("m/1/a.xml", "m/1/a.bin"), "s3://b1x/m/1", "model", "s3://b1x/m", [("m", "s3://b1x/m")]),
    (("m/1/a.xml", "m/1/a.bin"), "s3://b1x/m/1/", "model", "s3://b1x/m", [("m", "s3://b1x/m")]),
    (("m/1/",), "s3://b1x/m/1", "model", "s3://b1x/m", [("m", "s3://b1x/m")]),
    (("7/a.onnx",), "s3://b1x/7", "model", "s3://b1x", [("b1x", "s3://b1x")]),
    # Files, and no version.
    (("m/a.xml", "m/a.bin"), "s3://b1x/m", "model", "s3://b1x/m", [("m", "s3://b1x/m")]),
    (("a.onnx",), "s3://b1x", "model", "s3://b1x", [("b1x", "s3://b1x")]),
    (("m/A.XML",), "s3://b1x/m", "model", "s3://b1x/m", [("m", "s3://b1x/m")]),
    # Versions with wrong names.
    (("m/v1/a.onnx", "m/latest/a.onnx"), "s3://b1x/m", "model", "s3://b1x/m", [("m", "s3://b1x/m")]),
    # An object's own key.
    (("m/a.onnx",), "s3://b1x/m/a.onnx", "file", "s3://b1x/m/a.onnx", [("a", "s3://b1x/m/a.onnx")]),
    (("m/a.onnx.txt",), "s3://b1x/m/a.onnx", "model", "s3://b1x/m/a.onnx", [("a.onnx", "s3://b1x/m/a.onnx")]),
    (("m/notes",), "s3://b1x/m/notes", "model", "s3://b1x/m/notes", [("notes", "s3://b1x/m/notes")]),
    # A repository.
    (
        ("r/x/1/a.onnx", "r/y/a.pb", "r/docs/read.me", "r/z/v1/a.onnx", "r/w/deep/a.tflite", "r/config.json"),
        "s3://b1x/r",
        "repository",
        "s3://b1x/r",
        [("w", "s3://b1x/r/w"), ("x", "s3://b1x/r/x"), ("y", "s3://b1x/r/y"), ("z", "s3://b1x/r/z")],
    ),
    (("x/1/a.onnx", "y/z/q/a.onnx"), "s3://b1x/", "repository", "s3://b1x/", [("x", "s3://b1x/x")]),
    (("r/docs/read.me",), "s3://b1x/r", "repository", "s3://b1x/r", []),
    # Two slashes in a row form a directory without a name, which is not a model.
    (("r//1/a.onnx", "r/x/1/a.onnx"), "s3://b1x/r", "repository", "s3://b1x/r", [("x", "s3://b1x/r/x")]),
    # No object, or only objects with a longer name.
    (("m-2/1/a.onnx",), "s3://b1x/m", "model", "s3://b1x/m", [("m", "s3://b1x/m")]),
    ((), "s3://b1x", "model", "s3://b1x", [("b1x", "s3://b1x")]),
]


@pytest.mark.parametrize(("keys", "path", "kind", "target_path", "models"), LAYOUTS)
def test_layouts(
    keys: tuple[str, ...], path: str, kind: str, target_path: str, models: list[tuple[str, str]]
) -> None:
    assert kind_path_models(understood(path, of(*keys))) == (kind, target_path, models)


@pytest.mark.parametrize(
    "keys",
    [
        ("1/a.xml", "1/a.bin"),
        ("a.onnx",),
        ("v1/a.onnx", "v2/a.onnx"),
        ("x/1/a.onnx", "docs/read.me", "y/v1/a.pb", "z/q/a.tflite", "w/q/r/a.onnx"),
        ("weights/a.bin",),
        ("x/1/a.onnx", "a.bin"),
        ("notes.txt", "x/current/a.pb"),
    ],
)
@pytest.mark.parametrize("as_", [None, "model", "repository"])
def test_the_same_tree_on_this_host_is_understood_equally(keys: tuple[str, ...], as_: Any) -> None:
    files = MemoryFiles({f"/top/m/{key}": "good" for key in keys})
    bucket = Bucket({f"m/{key}": "good" for key in keys}, others=files)
    local: ResolvedTarget = settled(
        bucket, lambda facts: understand("/top/m", "/top/m", as_, DEFAULT_POLICY, facts)
    )
    remote = understood("s3://b1x/m", bucket, as_)
    assert remote.target.kind == local.target.kind
    assert [model.name for model in remote.models] == [model.name for model in local.models]
    paths = [model.base_path.removeprefix("/top/m") for model in local.models]
    assert [model.base_path.removeprefix("s3://b1x/m") for model in remote.models] == paths
    assert [note.text for note in remote.notes] == [note.text for note in local.notes]


def test_notes_on_versions_and_on_directories_without_models() -> None:
    (note,) = understood("s3://b1x/m/1", of("m/1/a.onnx")).notes
    assert (note.kind, note.path) == ("version_directory", "s3://b1x/m/1")
    notes = understood("s3://b1x/r/", of("r/x/1/a.onnx", "r/docs/a.md", "r/config.json")).notes
    assert [(note.kind, note.path) for note in notes] == [
        (None, "s3://b1x/r/docs"),
        (None, "s3://b1x/r/config.json"),
    ]


@pytest.mark.parametrize("as_", [None, "repository", "model"])
@pytest.mark.parametrize(
    "listing", [StoreRefusal("ListObjects", 403, "AccessDenied"), Unavailable("too slow", True)]
)
def test_target_that_cannot_be_listed_is_one_model(listing: Any, as_: Any) -> None:
    path = "s3://b1x/models/resnet"
    assert kind_path_models(understood(path, Bucket(listing=listing), as_)) == (
        "model",
        path,
        [("resnet", path)],
    )


@pytest.mark.parametrize("path", ["s3://", "az://c/models/m", "azfs://s/m/", "gs://"])
def test_target_in_an_unqueried_store_is_one_model(path: str) -> None:
    found = understood(path, Bucket(), access="why not")
    assert found.target == Target(path, "model")
    assert [model.base_path for model in found.models] == [path]
    assert found.models[0].name == (path.rstrip("/").rpartition("/")[2] if "m" in path else "model")


def _report_on(objects: dict[str, str], *, select: tuple[str, ...] = ()) -> dict[str, Any]:
    """Returns the report on s3://b1x/r, of which TARGET_PAGES keys are listed."""
    options = CheckOptions(("s3://b1x/r",), environment=KEY_VARIABLES, release="2026.3", load="none")
    run = settled_run(options, Facts(), StoreCollector(Bucket(objects, page=1)))
    return to_document(report_on(run, OutputOptions(select=select), begin(())))


def _gaps(document: dict[str, Any]) -> dict[str, str]:
    return {
        check["name"]: check["reason"] for check in document["checks"] if check["status"] == "could_not_look"
    }


@pytest.mark.parametrize("number", [TARGET_PAGES, 300])
@pytest.mark.parametrize("select", [(), ("layout",), ("reading",), ("permissions",)])
def test_models_beyond_the_listed_keys_are_a_gap(number: int, select: tuple[str, ...]) -> None:
    """A repository is never reported as served whole if a part of it was not listed: whichever checks run."""
    document = _report_on({f"r/m{one:03}/1/a.onnx": "good" for one in range(number)}, select=select)
    assert len(document["models"]) == TARGET_PAGES
    gaps = _gaps(document)
    if number == TARGET_PAGES:
        assert (document["summary"]["verdict"], gaps) == ("pass", {})
    else:
        assert document["summary"]["verdict"] == "incomplete"
        assert document["summary"]["sentence"].startswith(f"? the listed {TARGET_PAGES} models are served")
        assert set(select) <= set(gaps)
        for reason in gaps.values():
            assert reason.startswith("s3://b1x/r: more than 100 objects are below it")


@pytest.mark.parametrize("number", [TARGET_PAGES - 1, TARGET_PAGES])
def test_a_repository_is_not_empty_because_its_models_are_not_listed(number: int) -> None:
    images = {f"r/images/{one:03}.jpg": "" for one in range(number)}
    listed, unlisted = _report_on(images), _report_on({**images, "r/resnet/1/a.onnx": "good"})
    assert [finding["name"] for finding in listed["findings"]] == ["empty-repository"]
    if number < TARGET_PAGES:
        assert [model["name"] for model in unlisted["models"]] == ["resnet"]
    else:
        assert (unlisted["findings"], unlisted["summary"]["verdict"]) == ([], "incomplete")
        assert unlisted["summary"]["sentence"].startswith("? the server starts; no model was examined")


def test_one_model_is_not_left_out_by_a_long_list() -> None:
    bucket = Bucket({f"m/1/{one:03}.onnx": "good" for one in range(300)}, page=1)
    assert [note.kind for note in understood("s3://b1x/m", bucket).notes] == []


@pytest.mark.parametrize(
    ("access", "path", "key", "prefix"),
    [
        (ACCESS, "s3://b1x", "", ""),
        (ACCESS, "s3://b1x/", "", ""),
        (ACCESS, "s3://b1x/m", "m", "m/"),
        (ACCESS, "s3://b1x/m/", "m/", "m/"),
        (ACCESS, "s3://b1x//m", "/m", "/m/"),
        (ACCESS, "s3://minio:9000/b1x/a/m", "/a/m", "/a/m/"),
        (ACCESS, "s3://minio:9000/b1x", "", ""),
        (replace(ACCESS, bucket="minio:9000"), "s3://minio:9000/b1x/my-model", "b1x/my-model", "b1x/my-model/"),
        (replace(ACCESS, bucket="/x"), "s3:///x", "", ""),
        (StoreAccess("gcs", "b1x"), "gs://b1x/a/m", "a/m", "a/m/"),
    ],
)  # fmt: skip
def test_one_list_request_covers_the_whole_prefix(
    access: StoreAccess, path: str, key: str, prefix: str
) -> None:
    from ovms_doctor.prediction.storage.detection import key_of
    from ovms_doctor.prediction.storage.listing import prefix_of

    assert target_key(access, path) == key == key_of(path)
    assert target_listing(access, path) == ListStore(access, prefix, TARGET_PAGES)
    assert prefix == prefix_of(key)


# -- in a deployment -----------------------------------------------------------------------------------

KEY_VARIABLES = variables(KEYS.items())


def deployed(request: CheckOptions, bucket: Bucket) -> Deployment:
    found: Deployment = settled(bucket, lambda facts: deployment_for(request, facts))
    return found


def test_local_and_remote_targets_are_one_configuration() -> None:
    files = MemoryFiles({"/srv/models/m/1/a.onnx": "good"})
    bucket = Bucket({"m/1/a.onnx": "good", "n/1/a.onnx": "good"}, others=files)
    request = CheckOptions(
        ("/srv/models/m", "s3://b1x/m", "s3://b1x/n"),
        environment=KEY_VARIABLES,
        download_limit=7,
        target_device="GPU",
    )
    found = deployed(request, bucket)
    assert (found.mode, found.options.download_limit, found.roots) == ("config", 7, ("/srv/models/m",))
    assert [(model.name, model.base_path) for model in found.models] == [
        ("m", "/srv/models/m"),
        ("m-2", "s3://b1x/m"),
        ("n", "s3://b1x/n"),
    ]
    assert all(model.parameters.get("target_device") == "GPU" for model in found.models)


def test_one_model_alone_is_served_by_itself_under_no_mount() -> None:
    request = CheckOptions(("s3://b1x/m",), environment=KEY_VARIABLES, mounts=(Mount("/keys", "/keys"),))
    found = deployed(request, of("m/1/a.onnx"))
    assert (found.mode, found.models) == ("single", (ModelEntry("m", "s3://b1x/m"),))
    assert found.targets == (Target("s3://b1x/m", "model"),)
    assert found.roots == ("/keys",)


def test_only_the_key_file_of_a_store_has_permissions_here() -> None:
    keys = variables([("GOOGLE_APPLICATION_CREDENTIALS", "/keys/a.json")])
    assert roots(CheckOptions(("gs://b1x/m",), environment=keys)) == ("/keys/a.json",)
    assert roots(CheckOptions(("/m", "gs://b1x/m"), environment=keys)) == ("/keys/a.json", "/m")
    assert roots(CheckOptions(("/m",), environment=keys)) == ("/m",)
    assert roots(CheckOptions(("s3://b1x/1",))) == ()


@pytest.mark.parametrize(
    ("path", "environment", "omitted", "text"),
    [
        ("s3://b1x/m", {}, ("AWS_ACCESS_KEY_ID", "GOOGLE_APPLICATION_CREDENTIALS"), "(AWS_ACCESS_KEY_ID)"),
        ("s3://b1x/m", {"S3_ENDPOINT": "http://h:9"}, ("AWS_PROFILE",), "(AWS_PROFILE)"),
        ("gs://b1x/m", {}, ("AWS_PROFILE", "GOOGLE_APPLICATION_CREDENTIALS"), "(GOOGLE_APPLICATION_CREDENTIALS)"),
        ("s3://b1x/m", {}, (), ""),
        ("s3://b1x/m", {}, ("GOOGLE_APPLICATION_CREDENTIALS",), ""),
        ("s3://b1x/m", KEYS, ("AWS_PROFILE",), ""),
        ("az://c/m", {}, ("AWS_PROFILE",), ""),
    ],
)  # fmt: skip
def test_withheld_credentials_are_named(
    path: str, environment: dict[str, str], omitted: tuple[str, ...], text: str
) -> None:
    environment_variables = variables(environment.items())
    request = CheckOptions((path, f"{path}-2"), environment=environment_variables, withheld_variables=omitted)
    notes = [note.text for note in deployed(request, of("m/1/a.onnx")).notes]
    assert len(notes) == bool(text)
    assert all(text in note and "--env-from-process" in note for note in notes)
    arguments = replace(request, targets=(), arguments=("--model_name", "m", "--model_path", path))
    assert [note.text for note in deployed(arguments, Bucket()).notes] == notes


def test_a_request_is_stored_without_its_secrets() -> None:
    request = CheckOptions(
        ("s3://b1x/m",), environment=KEY_VARIABLES, download_limit=0, withheld_variables=("AWS_REGION",)
    )
    assert {item.name for item in request.environment if item.secret_value} == {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    }
    again = options_from_json(options_to_json(request))
    assert again == request
    assert all(item.secret_value is None for item in again.environment)
    assert not any(value in repr((options_to_json(request), request)) for value in ("AKID", "'SECRET'"))


def test_a_request_of_an_older_file_has_the_limit_of_now() -> None:
    written = options_to_json(CheckOptions(("/m",)))
    del written["download_limit"], written["kept_back"]
    assert options_from_json(written) == CheckOptions(("/m",))


def test_a_slow_list_of_a_bucket_is_judged_by_its_first_page() -> None:
    """It is not interpreted as one model whose versions have wrong names."""
    whole = target_listing(ACCESS, "s3://b1x/models")
    page = StoreListing(
        tuple(StoredObject(f"models/m{number}/1/a.onnx", 4) for number in range(3)), more=True
    )
    facts = Facts(
        {whole: Unavailable("it took too long", timed_out=True), ListStore(ACCESS, whole.prefix): page}
    )
    found = understand_remote("s3://b1x/models", ACCESS, None, DEFAULT_POLICY, facts)
    assert found.target.kind == "repository"
    assert [model.name for model in found.models] == ["m0", "m1", "m2"]
    assert found.notes[-1].kind == "unlisted"
    assert found.notes[-1].text.startswith("more than 3 objects are below it")
