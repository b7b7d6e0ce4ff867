"""What is told of a store that may answer the server otherwise, and of one that was not looked at."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ovms_doctor.model.facts import StoreRefusal, Unavailable
from tests.storage.memory_store import KEYS, Bucket, told
from tests.stores.reports import DENIED, GOOD, HEAD, causes, commands, report

# -- a denial that may go by the network ---------------------------------------------------------------

AGAINST = replace(
    DENIED,
    message="not authorized to perform: s3:ListBucket with an explicit deny in a resource-based policy",
)
CONTROLS = StoreRefusal("ListObjects", 403, message="Request is prohibited by organization's policy")


@pytest.mark.parametrize(
    ("path", "head", "listing", "code", "words"),
    [
        ("s3://b1x/m", HEAD, AGAINST, "OVD651", "aws:SourceVpce"),
        ("gs://b1x/m", None, CONTROLS, "OVD666", "VPC Service Controls"),
    ],
)
def test_a_statement_against_it_is_no_matter_of_rights(
    path: str, head: StoreRefusal | None, listing: StoreRefusal, code: str, words: str
) -> None:
    bucket = Bucket(GOOD, head=head, listing=listing) if head else Bucket(GOOD, listing=listing)
    afar, here = report(told(path), bucket), report(told(path, bare_metal=True), bucket)
    assert (afar[code].severity, afar[code].confidence) == ("warning", "low")
    assert causes(afar, "OVD903") == [code]
    assert here[code].severity == "error"
    for finding in (afar[code], here[code]):
        assert commands(finding) == []
        assert finding.remedy is not None
        assert any(words in step.text for step in finding.remedy.steps)


def test_an_object_that_a_statement_denies_needs_no_policy() -> None:
    refused = {"m/1/a.onnx": replace(AGAINST, call="GetObject")}
    found = report(told(bare_metal=True), Bucket(GOOD, refused=refused))["OVD662"]
    assert commands(found) == []
    assert "OVD662" not in report(told(), Bucket(GOOD, refused=refused))


# -- what could not be looked at, and what to do about it ----------------------------------------------


def test_azure_is_looked_at_with_azures_own_tools() -> None:
    azure = {"AZURE_STORAGE_CONNECTION_STRING": "x"}
    remedy = report(told("az://share/m", environment=azure), Bucket())["OVD903"].remedy
    assert remedy is not None
    assert "Azure's own tools" in remedy.summary
    assert "--env" not in remedy.summary


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("it has changed since it was listed", "Run it again."),
        ("2 GiB to download, and 1 GiB free for it in /tmp", "TMPDIR"),
        (
            "2 GiB to download, more than the limit of 1 GiB: --download-limit raises it",
            "what the reason says",
        ),
        ("the value of AWS_PROFILE is not known", "--env-file"),
    ],
)
def test_the_remedy_goes_by_the_reason(reason: str, words: str) -> None:
    remedy = report(told(), Bucket(GOOD, listing=Unavailable(reason)))["OVD903"].remedy
    assert remedy is not None
    assert words in remedy.summary


def test_an_endpoint_set_to_nothing_is_named() -> None:
    found = report(told(environment={**KEYS, "S3_ENDPOINT": ""}), Bucket(GOOD))["OVD903"]
    assert "S3_ENDPOINT, which is set to nothing" in found.message


def test_a_scheme_in_capitals_explains_the_missing_directory() -> None:
    found = report(told("S3://b1x/m"), Bucket(GOOD))
    assert causes(found, "OVD106") == ["OVD645"]
    assert commands(found["OVD106"]) == []
