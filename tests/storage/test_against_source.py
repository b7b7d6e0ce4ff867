"""The server's own walk through a store, call by call as in s3filesystem.cpp and gcsfilesystem.cpp (v2022.1
to v2026.3, where only the creation of a directory changed), compared with the rules, which read pages: on
random keys with small pages, both find the same versions and the same copies.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ovms_doctor.model.deployment import Target, VersionPolicy
from ovms_doctor.model.facts import Facts, ListStore
from ovms_doctor.model.plan import ModelPlan
from ovms_doctor.model.store_paths import TARGET_PAGES
from ovms_doctor.prediction.manager import AVAILABLE
from ovms_doctor.prediction.storage import listing
from ovms_doctor.prediction.storage.access import store_access
from ovms_doctor.prediction.versions import read_directory_name
from tests.storage.memory_store import Bucket, settle, store_deployment

pytestmark = pytest.mark.slow

ACCEPTED = (".bin", ".onnx", ".xml", "mapping_config.json", ".pdiparams", ".pdmodel", ".pb", ".tflite")
SMALL = 4


class StatusNotOkError(Exception):
    """A status that is not OK."""


class NotFollowed(Exception):
    """A case that the rules do not predict: a walk without end, or out of the copy."""


@dataclass
class Walk:
    """One client. ``page``: keys in an answer; None if the client requests page after page. ``strict``: an
    existing directory stops it (mkdir; ``std::filesystem::create_directory`` since 2024.5, but not for S3)."""

    keys: list[str]
    page: int | None
    one_level: bool
    strict: bool = True
    files: set[str] = field(default_factory=set)
    directories: list[str] = field(default_factory=list)

    def listed(self, path: str) -> list[str]:
        prefix = path if not path or path.endswith("/") else path + "/"
        return [key for key in self.keys if key.startswith(prefix)][: self.page]

    def is_directory(self, path: str) -> bool:
        if self.one_level and (
            path == ".." or path.endswith("/..") or path.startswith("../") or "/../" in path
        ):
            raise NotFollowed
        return bool(self.listed(path)) or (self.one_level and not path)

    def exists(self, path: str) -> bool:
        return path in self.keys or self.is_directory(path)

    def contents(self, path: str) -> set[str]:
        full = path if not path or path.endswith("/") else path + "/"
        found = set()
        for name in self.listed(path):
            if name == full:
                continue
            start = name.find(full) + len(full)
            end = name.find("/", start)
            found.add(name[start:] if end < 0 else name[start:end])
        return found

    @staticmethod
    def join(path: str, name: str) -> str:
        return path + name if path.endswith("/") or not path else f"{path}/{name}"

    def subdirectories(self, path: str) -> list[str]:
        return sorted(name for name in self.contents(path) if self.is_directory(self.join(path, name)))

    def make(self, name: str) -> bool:
        """Whether the directory can be created."""
        exists = name.endswith("/") or name in ("", *self.directories)
        if not exists:
            self.directories.append(name)
        return not (exists and self.strict)

    def download(self, path: str, local: str) -> None:
        if self.one_level:
            self.download_from_amazon(path)
        else:
            self.download_from_google(path, local)

    def download_from_amazon(self, path: str) -> None:
        if not self.exists(path):
            raise StatusNotOkError
        if not self.is_directory(path):
            # The object would be written at the path of the version's directory: this fails.
            return
        for name in sorted(self.contents(path)):
            below = self.join(path, name)
            if not self.is_directory(below):
                self.take(name)
                continue
            if not self.make(name):
                raise StatusNotOkError
            for file in sorted(self.contents(below)):
                if not self.is_directory(self.join(below, file)):
                    self.take(f"{name}/{file}")

    def download_from_google(self, path: str, local: str) -> None:
        if not self.is_directory(path):
            raise StatusNotOkError
        directories = self.subdirectories(path)
        for name in directories:
            if not self.make(local + name):
                # "return status": it is the status of the list, which is OK.
                return
            if name in ("", ".."):
                raise NotFollowed
            self.download_from_google(self.join(path, name), f"{local}{name}/")
        for name in sorted(self.contents(path)):
            if name == "..":
                raise NotFollowed
            if not self.is_directory(self.join(path, name)):
                self.take(local + name)

    def take(self, name: str) -> None:
        if name.lower().endswith(ACCEPTED):
            self.files.add(name)


NAMES = (
    "1",
    "2",
    "3",
    "001",
    "1abc",
    "+2",
    " 3",
    "1.0",
    "-1",
    "9" * 20,
    "..",
    "0",
    "v1",
    "a.onnx",
    "a.xml",
    "a.bin",
    "x",
    "x-y",
    "x.pb",
    "README",
    "é.onnx",
)
part = st.sampled_from(NAMES)
keys = st.builds(
    lambda parts, marker: "/".join(parts) + ("/" if marker else ""),
    st.lists(part, min_size=1, max_size=4),
    st.booleans(),
)
doubled = st.builds(lambda one, other: f"{one}//{other}", part, part)
trees = st.lists(keys | keys | keys | doubled, max_size=14)
bases = st.sampled_from(["m", "m/", "models/m", ""])


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", SMALL)


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize(
    ("scheme", "release"), [("s3", "2026.3"), ("s3", "2024.4"), ("gs", "2026.3"), ("gs", "2024.4")]
)
@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@example(tree=["1/a.xml", "1/a.bin", "1/b", "1/c", "1/d", "2/a.onnx"], base="m")
@example(tree=["1//a.onnx"], base="m")
@example(tree=["1/x//a.onnx", "1/a.onnx", "1/y/a.xml"], base="m")
@example(tree=["1", "1-a", "1-b", "1-c", "1-d", "1/a.onnx"], base="")
@example(tree=["1", "001/a.onnx", "2/a.onnx"], base="m")
@example(tree=["1/x/a.bin", "1/a.onnx", "001/a.onnx"], base="m")
@example(tree=["1/../a.onnx", "1/a.onnx"], base="m")
@example(tree=["../a.onnx", "1/a.onnx"], base="m")
@example(tree=["1//a.onnx", "2/../a.onnx"], base="m")
@given(tree=trees, base=bases)
def test_versions_and_copies_are_the_server_s(
    small_pages: None, scheme: str, release: str, bulk: bool, tree: list[str], base: str
) -> None:
    above = base if not base or base.endswith("/") else base + "/"
    objects = {above + key: "good" for key in tree} | {"zz/9": "x", "aa": "x"}
    amazon = scheme == "s3"
    walk = Walk(sorted(objects), SMALL if amazon else None, amazon, amazon or release == "2024.4")
    path = f"{scheme}://b1x/{base}".rstrip("/") + ("/" if base.endswith("/") else "")
    targets = (Target(f"{scheme}://b1x", "repository"),) if bulk else ()
    deployment = store_deployment(path, release, policy=VersionPolicy("all"), targets=targets, load="none")
    bucket = Bucket(objects, page=10_000 if scheme == "gs" else SMALL)
    if bulk:
        access = store_access(path, deployment, Facts())
        assert not isinstance(access, str)
        bucket.early_questions = (ListStore(access, "", TARGET_PAGES),)
    plan = settle(deployment, bucket)
    planned = plan.models[0]
    if not walk.is_directory(base):
        assert planned.status == "PATH_INVALID"
        return
    try:
        names = walk.subdirectories(base)
    except NotFollowed:
        assert planned.unknown is not None
        return
    read = [one.number for one in map(read_directory_name, names) if one.reading == "version"]
    versions = [number for number in read if number is not None]
    assert list(planned.detection.found) == versions
    assert plan.stores[0].facts is not None
    copies = {copy.version: copy for copy in plan.stores[0].facts.copies}
    walks = {version: _downloaded(walk, base, version, versions.count(version)) for version in versions}
    if "fails" in walks.values() and versions != sorted(set(versions)):
        # The manager's search misses some, which are loaded without the others in the next turn.
        failed = {version for version, one in walks.items() if one == "fails"}
        assert not any(item.version in failed and item.now == AVAILABLE for item in planned.versions)
    elif "fails" in walks.values():
        assert planned.unknown is None
        assert {_cause(planned, version) for version in versions} == {"DownloadFails"}
    elif set(walks.values()) & {"not followed", "fails at the second time"}:
        assert planned.unknown is not None
        assert not any(item.now == AVAILABLE for item in planned.versions)
    elif release == "2024.4" and any(part.endswith(ACCEPTED) for one in walks.values() for part in one[1]):
        # An older server opens a directory with the name of a model file as a model: the result is not predicted.
        return
    else:
        assert planned.unknown is None
        for version, one in walks.items():
            assert isinstance(one, tuple)
            assert _cause(planned, version) != "DownloadFails"
            assert ({file.name for file in copies[version].files}, set(copies[version].directories)) == one


def _downloaded(walk: Walk, base: str, version: int, times: int) -> str | tuple[frozenset[str], ...]:
    """The files and directories in the copy of a version after this number of downloads, or the error."""
    one = Walk(walk.keys, walk.page, walk.one_level, walk.strict)
    for time in range(times):
        try:
            one.download(one.join(base, str(version)), "")
        except StatusNotOkError:
            return "fails at the second time" if time else "fails"
        except NotFollowed:
            return "not followed"
    return frozenset(one.files), frozenset(one.directories)


def _cause(planned: ModelPlan, version: int) -> str:
    attempt = next(item.attempt for item in planned.versions if item.version == version)
    assert attempt is not None
    return type(attempt.cause).__name__


@pytest.mark.parametrize("missing", range(5))
def test_the_list_of_a_target_may_end_anywhere(missing: int) -> None:
    """The list of a large bucket ends before, inside or after the model: the versions stay the same."""
    model = {f"m/{number}/a.onnx": "good" for number in (1, 2, 3)}
    before = {f"a{number:03}": "x" for number in range(TARGET_PAGES - len(model) - 1 + missing)}
    bucket = Bucket({**before, **model, "n": "x", "z": "x"}, page=1)
    path = "gs://b1x/m"
    deployment = store_deployment(
        path, "2026.3", policy=VersionPolicy("all"), targets=(Target("gs://b1x", "repository"),), load="none"
    )
    access = store_access(path, deployment, Facts())
    assert not isinstance(access, str)
    bucket.early_questions = (ListStore(access, "", TARGET_PAGES),)
    assert settle(deployment, bucket).models[0].served == (1, 2, 3)
