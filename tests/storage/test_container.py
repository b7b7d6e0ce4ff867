"""Only a container contains all of its variables: a missing one is not set, unless the source says that there
are more.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ovms_doctor.checks import storage
from ovms_doctor.checks.context import Context
from ovms_doctor.diagnosis.from_container import options_from_container
from ovms_doctor.inputs.run_line.read import read_run_line
from ovms_doctor.model.options import CheckOptions
from tests.storage.offline import settle_offline

IMAGE = "openvino/model_server:2026.3"


def outcome_of(options: str, base: str) -> tuple[str, list[str]]:
    """Outcome and codes for a run line with these options, without contacting a store."""
    line = f"docker run {options} {IMAGE} --model_name m --model_path {base} --port 9000"
    container = read_run_line(
        line, home="/root", working_directory="/", ids=(0, 0), read_file=lambda path: None
    )
    request = options_from_container(CheckOptions(load="none"), container)
    settled = settle_offline(request)
    codes = [item.code for item in storage.check(Context(settled.deployment, settled.plan, settled.facts))]
    return settled.plan.outcome, codes


@pytest.mark.parametrize(
    ("options", "base", "outcome", "codes"),
    [
        ("", "s3://b1x/m", "unknown", []),
        ("-e S3_ENDPOINT=http://minio:9000", "s3://b1x/m", "unknown", ["OVD631"]),
        ("-e S3_ENDPOINT=http://minio:9000 -e AWS_ACCESS_KEY_ID", "s3://b1x/m", "unknown", []),
        ("-e AWS_ACCESS_KEY_ID -e AWS_SECRET_ACCESS_KEY -e AWS_REGION=a", "s3://b1x/m", "unknown", []),
        ("-e AWS_ACCESS_KEY_ID=a", "s3://b1x/m", "unknown", ["OVD624"]),
        ("-e AWS_ACCESS_KEY_ID=a --env-file /none", "s3://b1x/m", "unknown", []),
        ("-e AWS_ACCESS_KEY_ID=a -e AWS_SECRET_ACCESS_KEY=b", "s3://b1x/m", "unknown", ["OVD634", "OVD646"]),
        ("", "az://c/m", "exits", ["OVD644"]),
        ("-e AZURE_STORAGE_CONNECTION_STRING", "az://c/m", "unknown", []),
        ("--env-file /none", "az://c/m", "unknown", []),
        ("", "gs://b/m", "unknown", []),
        ("-e GOOGLE_APPLICATION_CREDENTIALS=/creds/k.json", "gs://b/m", "unknown", []),
    ],
)
def test_values_of_a_run_line(options: str, base: str, outcome: str, codes: list[str]) -> None:
    assert outcome_of(options, base) == (outcome, codes)


def test_a_key_file_is_read_through_its_mount(public_dir: Path) -> None:
    variable = "-e GOOGLE_APPLICATION_CREDENTIALS=/keys/k.json"
    # The path is under no mount, and the image has no such directory. Other directories may be in the image.
    assert outcome_of(f"-v {public_dir}:/creds {variable}", "gs://b/m") == ("exits", ["OVD640"])
    own = variable.replace("/keys/", "/etc/")
    assert outcome_of(f"-v {public_dir}:/creds {own}", "gs://b/m") == ("unknown", [])
    assert outcome_of(f"-v {public_dir}:/keys {variable}", "gs://b/m") == ("exits", ["OVD640"])
    (public_dir / "k.json").write_text('{"type": "external_account"}')
    assert outcome_of(f"-v {public_dir}:/keys {variable}", "gs://b/m") == ("unknown", [])
