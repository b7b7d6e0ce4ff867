"""For a library that is missing or broken on this host, the report has the command that installs it."""

from __future__ import annotations

import sys

import pytest

from ovms_doctor.model.facts import StoreAccess, Unavailable
from ovms_doctor.probes.stores.amazon.store import AmazonStore
from ovms_doctor.probes.stores.google.store import GoogleStore

pytestmark = pytest.mark.server


@pytest.mark.parametrize("module", ["boto3", "botocore.config"])
def test_without_boto3(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    access = StoreAccess("s3", "bucket", endpoint="http://127.0.0.1:9")
    store = AmazonStore(access, {}, {}, 1.0)
    for answer in (
        store.head(),
        store.list("", 1, False),
        store.read("k", 0, 1),
        store.download("k", "/nonexistent/k"),
    ):
        assert isinstance(answer, Unavailable)
    answer = store.head()
    assert isinstance(answer, Unavailable)
    assert answer.reason.startswith("boto3 cannot be loaded here")
    assert answer.reason.endswith("pip install boto3")


def test_without_google_cloud_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.cloud.storage", None)
    store = GoogleStore(StoreAccess("gcs", "bucket", endpoint="http://127.0.0.1:9"), {}, {}, 1.0)
    answer = store.list("", 1, False)
    assert isinstance(answer, Unavailable)
    assert answer.reason.endswith("pip install google-cloud-storage")
