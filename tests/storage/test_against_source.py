"""The server's own walk through a store, call by call as in s3filesystem.cpp and gcsfilesystem.cpp (v2026.3), beside
what the rules read off pages: on random keys, with small pages, the same versions and the same copies.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ovms_doctor.deployment.model import Target, VersionPolicy
from ovms_doctor.facts import Facts, ListStore
from ovms_doctor.serving.model import DownloadFails, ModelPlan
from ovms_doctor.serving.storage import listing
from ovms_doctor.serving.storage.access import store_access
from ovms_doctor.serving.versions import read_directory_name
from ovms_doctor.store_paths import TARGET_PAGES
from tests.storage.memory_store import Bucket, settle, told

ACCEPTED = (".bin", ".onnx", ".xml", "mapping_config.json", ".pdiparams", ".pdmodel", ".pb", ".tflite")
SMALL = 4


class Fails(Exception):
    """A status that is not OK."""


@dataclass
class Walk:
    """One client. ``page``: keys in an answer, None where the client asks for page after page."""

    keys: list[str]
    page: int | None
    one_level: bool
    files: list[str] = field(default_factory=list)
    directories: list[str] = field(default_factory=list)

    def listed(self, path: str) -> list[str]:
        prefix = path if not path or path.endswith("/") else path + "/"
        return [key for key in self.keys if key.startswith(prefix)][: self.page]

    def is_directory(self, path: str) -> bool:
        return bool(self.listed(path)) or (self.one_level and not path)

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

    def make(self, name: str) -> None:
        if name.endswith("/") or name in ("", *self.directories):
            raise Fails
        self.directories.append(name)

    def download(self, path: str, local: str) -> None:
        if not self.is_directory(path):
            raise Fails
        if self.one_level:
            for name in sorted(self.contents(path)):
                below = self.join(path, name)
                if self.is_directory(below):
                    self.make(local + name)
                    for file in sorted(self.contents(below)):
                        if not self.is_directory(self.join(below, file)):
                            self.take(f"{local}{name}/{file}")
                else:
                    self.take(local + name)
            return
        directories = self.subdirectories(path)
        for name in sorted(self.contents(path)):
            if not self.is_directory(self.join(path, name)):
                self.take(local + name)
        for name in directories:
            self.make(local + name)
            self.download(self.join(path, name), f"{local}{name}/")

    def take(self, name: str) -> None:
        if name.lower().endswith(ACCEPTED):
            self.files.append(name)


NAMES = (
    "1",
    "2",
    "3",
    "001",
    "1abc",
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
@pytest.mark.parametrize("scheme", ["s3", "gs"])
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example(tree=["1/a.xml", "1/a.bin", "1/b", "1/c", "1/d", "2/a.onnx"], base="m")
@example(tree=["1//a.onnx"], base="m")
@example(tree=["1", "1-a", "1-b", "1-c", "1-d", "1/a.onnx"], base="")
@given(tree=trees, base=bases)
def test_versions_and_copies_are_the_server_s(
    small_pages: None, scheme: str, bulk: bool, tree: list[str], base: str
) -> None:
    above = base if not base or base.endswith("/") else base + "/"
    objects = {above + key: "good" for key in tree} | {"zz/9": "x", "aa": "x"}
    walk = Walk(sorted(objects), SMALL if scheme == "s3" else None, scheme == "s3")
    path = f"{scheme}://b1x/{base}".rstrip("/") + ("/" if base.endswith("/") else "")
    targets = (Target(f"{scheme}://b1x", "repository"),) if bulk else ()
    deployment = told(path, policy=VersionPolicy("all"), targets=targets, load="none")
    bucket = Bucket(objects, page=10_000 if scheme == "gs" else SMALL)
    if bulk:
        access = store_access(path, deployment, Facts())
        assert not isinstance(access, str)
        bucket.given = (ListStore(access, "", TARGET_PAGES),)
    plan = settle(deployment, bucket)
    planned = plan.models[0]
    if not walk.is_directory(base):
        assert planned.status == "PATH_INVALID"
        return
    names = walk.subdirectories(base)
    versions = [one.number for one in map(read_directory_name, names) if one.reading == "version"]
    assert list(planned.detection.found) == versions
    assert plan.stores[0].seen is not None
    copies = {copy.version: copy for copy in plan.stores[0].seen.copies}
    walks = {version: _downloaded(walk, base, version) for version in versions if version is not None}
    if planned.unknown is not None:
        # Google's client goes round in circles where two slashes stand in a row.
        assert scheme == "gs"
        assert None in walks.values()
        return
    for version, one in walks.items():
        if one is None:
            assert version not in copies
            assert _failed(planned, version)
        else:
            assert sorted(file.name for file in copies[version].files) == sorted(one.files)
            assert sorted(copies[version].directories) == sorted(one.directories)


def _downloaded(walk: Walk, base: str, version: int) -> Walk | None:
    """What lies in the copy, None where the download fails."""
    one = Walk(walk.keys, walk.page, walk.one_level)
    try:
        one.download(one.join(base, str(version)), "")
    except Fails:
        return None
    return one


def _failed(planned: ModelPlan, version: int) -> bool:
    attempt = next(item.attempt for item in planned.versions if item.version == version)
    return attempt is not None and isinstance(attempt.cause, DownloadFails)
