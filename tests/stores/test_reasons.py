"""The findings about a store that may answer the server differently, and about one that was not contacted."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ovms_doctor.model.facts import StoreRefusal, Unavailable
from tests.storage.memory_store import KEYS, Bucket, store_deployment
from tests.stores.reports import DENIED, GOOD, HEAD, causes, commands, report

# -- a denial that may go by the network ---------------------------------------------------------------

DENYING_BUCKET = replace(
    DENIED,
    message="not authorized to perform: s3:ListBucket with an explicit deny in a resource-based policy",
)
CONTROLS = StoreRefusal("ListObjects", 403, message="Request is prohibited by organization's policy")


@pytest.mark.parametrize(
    ("path", "head", "listing", "code", "arguments"),
    [
        ("s3://b1x/m", HEAD, DENYING_BUCKET, "OVD651", "aws:SourceVpce"),
        ("gs://b1x/m", None, CONTROLS, "OVD666", "VPC Service Controls"),
    ],
)
def test_an_explicit_deny_is_not_a_missing_permission(
    path: str, head: StoreRefusal | None, listing: StoreRefusal, code: str, arguments: str
) -> None:
    bucket = Bucket(GOOD, head=head, listing=listing) if head else Bucket(GOOD, listing=listing)
    elsewhere, on_this_host = (
        report(store_deployment(path), bucket),
        report(store_deployment(path, bare_metal=True), bucket),
    )
    assert (elsewhere[code].severity, elsewhere[code].confidence) == ("warning", "low")
    assert causes(elsewhere, "OVD903") == [code]
    assert on_this_host[code].severity == "error"
    for finding in (elsewhere[code], on_this_host[code]):
        assert commands(finding) == []
        assert finding.remedy is not None
        assert any(arguments in step.text for step in finding.remedy.steps)


def test_an_object_that_a_statement_denies_needs_no_policy() -> None:
    refused = {"m/1/a.onnx": replace(DENYING_BUCKET, call="GetObject")}
    found = report(store_deployment(bare_metal=True), Bucket(GOOD, refused=refused))["OVD662"]
    assert commands(found) == []
    assert "OVD662" not in report(store_deployment(), Bucket(GOOD, refused=refused))


# -- what could not be looked at, and what to do about it ----------------------------------------------


def test_remedies_for_azure_use_azures_tools() -> None:
    azure = {"AZURE_STORAGE_CONNECTION_STRING": "x"}
    remedy = report(store_deployment("az://share/m", environment=azure), Bucket())["OVD903"].remedy
    assert remedy is not None
    assert "Azure's own tools" in remedy.summary
    assert "--env" not in remedy.summary


@pytest.mark.parametrize(
    ("reason", "arguments"),
    [
        ("it has changed since it was listed", "Run it again."),
        ("2 GiB to download, and 1 GiB free for it in /tmp", "TMPDIR"),
        (
            "2 GiB to download, more than the limit of 1 GiB: --download-limit raises it",
            "Correct the problem that the reason names",
        ),
        ("the value of AWS_PROFILE is not known", "--env-file"),
    ],
)
def test_the_remedy_depends_on_the_reason(reason: str, arguments: str) -> None:
    remedy = report(store_deployment(), Bucket(GOOD, listing=Unavailable(reason)))["OVD903"].remedy
    assert remedy is not None
    assert arguments in remedy.summary


def test_an_empty_endpoint_variable_is_named() -> None:
    found = report(store_deployment(environment={**KEYS, "S3_ENDPOINT": ""}), Bucket(GOOD))["OVD903"]
    assert "S3_ENDPOINT, which is empty" in found.message


def test_a_scheme_in_capitals_explains_the_missing_directory() -> None:
    found = report(store_deployment("S3://b1x/m"), Bucket(GOOD))
    assert causes(found, "OVD106") == ["OVD645"]
    assert commands(found["OVD106"]) == []
