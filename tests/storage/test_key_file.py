"""The file of credentials for Google Cloud: the facts about it, which contain no secret, and their effect."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.checks import storage
from ovms_doctor.checks.context import Context
from ovms_doctor.model.deployment import Deployment, ModelEntry
from ovms_doctor.model.environment import variables
from ovms_doctor.model.facts import (
    Facts,
    Failure,
    FileContent,
    InspectKeyFile,
    KeyFileInspection,
    PathStatus,
    StatPath,
)
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.plan import Plan
from ovms_doctor.prediction.startup import plan
from ovms_doctor.probes.filesystem import open_files
from ovms_doctor.probes.keyfile import LARGEST, describe_key
from ovms_doctor.probes.local import LocalCollector
from tests.cli.run import ovms_doctor
from tests.prediction.memory import deployment

SECRET = "canary-of-a-private-key"
ACCOUNT = {
    "type": "service_account",
    "project_id": "my-models-1",
    "private_key_id": SECRET,
    "private_key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n",
    "client_email": f"{SECRET}@example.test",
}
USER = {"type": "authorized_user", "client_id": SECRET, "client_secret": SECRET, "refresh_token": SECRET}


def without(key: str, document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}


def described(data: bytes) -> KeyFileInspection:
    return describe_key(FileContent(data, len(data)))


#: The content of the file, and the facts about it except its size.
FILES: tuple[tuple[Any, tuple[Any, ...]], ...] = (
    (ACCOUNT, ("object", "service_account", "my-models-1", ())),
    (USER, ("object", "authorized_user", "", ())),
    (without("private_key", ACCOUNT), ("object", "service_account", "my-models-1", ("private_key",))),
    ({**ACCOUNT, "private_key": ""}, ("object", "service_account", "my-models-1", ("private_key",))),
    ({**ACCOUNT, "client_email": 5}, ("object", "service_account", "my-models-1", ("client_email",))),
    (without("refresh_token", USER), ("object", "authorized_user", "", ("refresh_token",))),
    ({"type": SECRET, "project_id": SECRET.upper()}, ("object", "other", "", ())),
    ({"type": ["service_account"]}, ("object", "other", "", ())),
    ({"type": "external_account"}, ("object", "external_account", "", ())),
    ({"installed": {"client_secret": SECRET}}, ("object", "", "", ())),
    ([SECRET], ("json", "", "", ())),
    (SECRET, ("json", "", "", ())),
)
RAW: tuple[tuple[bytes, str], ...] = (
    (b"", "other"),
    (b"{", "other"),
    (SECRET.encode(), "other"),
    (b'{"type": NaN}', "other"),
    (b"\xff{}", "other"),
    (b"{}{}", "other"),
    (b"[" * 100_000, "other"),
    (b"\xef\xbb\xbf{}", "object"),
    (b"\x30\x82\x0a\x01" + SECRET.encode(), "binary"),
)


@pytest.mark.parametrize(("document", "expected"), FILES)
def test_facts_of_a_key_file_contain_no_secret(document: Any, expected: tuple[Any, ...]) -> None:
    description = described(json.dumps(document).encode())
    assert (
        description.form,
        description.credentials,
        description.project_id,
        description.missing_keys,
    ) == expected
    assert SECRET not in repr(description)


@pytest.mark.parametrize(("data", "form"), RAW)
def test_files_of_other_kinds(data: bytes, form: str) -> None:
    description = described(data)
    assert (description.form, description.size) == (form, len(data))
    assert SECRET not in repr(description)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["type", "project_id", "x"]), inner),
    max_leaves=6,
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_file_is_described(data: bytes) -> None:
    assert described(data).size == len(data)


# -- through the collector -----------------------------------------------------------------------------


def test_the_files_worker_answers(public_dir: Path) -> None:
    (public_dir / "k.json").write_text(json.dumps(ACCOUNT))
    (public_dir / "large").write_bytes(b" " * (LARGEST + 1))
    files = open_files(None)
    assert files.answer(InspectKeyFile(f"{public_dir}/k.json")) == described(json.dumps(ACCOUNT).encode())
    assert files.answer(InspectKeyFile(f"{public_dir}/none")) == Failure(2)
    assert "larger" in repr(files.answer(InspectKeyFile(f"{public_dir}/large")))
    os.mkfifo(public_dir / "fifo")
    assert "not opened" in repr(files.answer(InspectKeyFile(f"{public_dir}/fifo")))
    with LocalCollector(None) as collector:
        question = InspectKeyFile(f"{public_dir}/k.json")
        assert collector.collect([question]) == {question: described(json.dumps(ACCOUNT).encode())}


# -- what it comes to ----------------------------------------------------------------------------------


def key_file_deployment(path: str, release: str = "2026.3", **more: Any) -> Deployment:
    environment = variables([("GOOGLE_APPLICATION_CREDENTIALS", path)])
    entry = ModelEntry("m", "gs://b/m")
    return deployment(release, entry=entry, environment=environment, **{"bare_metal": True, **more})


def judged(one: Deployment, status: Any, key_file: Any = None) -> tuple[Plan, list[str]]:
    facts = Facts(
        {StatPath("/k.json"): status, InspectKeyFile("/k.json"): key_file}
        if key_file
        else {StatPath("/k.json"): status}
    )
    facts.close("test")
    planned = plan(one, facts).plan
    assert planned is not None
    return planned, [item.message for item in storage.check(Context(one, planned, facts))]


REGULAR = PathStatus("regular", 9)
GOOD = KeyFileInspection(9, "object", "service_account")
#: (status, inspection, release, whether the process ends, a word of the message)
ENDS: tuple[tuple[Any, Any, str, bool, str], ...] = (
    (REGULAR, GOOD, "2026.3", False, ""),
    (REGULAR, GOOD, "2022.1", False, ""),
    (REGULAR, KeyFileInspection(9, "object", "external_account"), "2026.3", False, ""),
    (REGULAR, KeyFileInspection(9, "object", "external_account"), "2025.3", False, ""),
    (REGULAR, KeyFileInspection(9, "object", "external_account"), "2025.2", True, "of a kind"),
    (REGULAR, KeyFileInspection(9, "object", "impersonated_service_account"), "2026.3", False, ""),
    (REGULAR, KeyFileInspection(9, "object", "impersonated_service_account"), "2023.1", True, "of a kind"),
    (REGULAR, KeyFileInspection(9, "object", ""), "2026.3", True, "of a kind"),
    (REGULAR, KeyFileInspection(9, "object", "other"), "2026.3", True, "of a kind"),
    (
        REGULAR,
        KeyFileInspection(9, "object", "service_account", "", ("private_key",)),
        "2026.3",
        True,
        "private_key",
    ),
    (REGULAR, KeyFileInspection(9, "other"), "2026.3", True, "not JSON"),
    (REGULAR, KeyFileInspection(9, "json"), "2026.3", True, "not JSON"),
    (REGULAR, KeyFileInspection(9, "binary"), "2026.3", False, ""),
    (REGULAR, Failure(13), "2026.3", True, "has no permission to read"),
    (REGULAR, None, "2026.3", False, ""),
    (Failure(2), None, "2026.3", True, "does not exist"),
    (Failure(13), None, "2026.3", True, "has no permission to read"),
    (PathStatus("directory", 0), None, "2026.3", True, "directory"),
    (PathStatus("fifo", 0), None, "2026.3", False, ""),
)


@pytest.mark.parametrize(("status", "key_file", "release", "ends", "word"), ENDS)
def test_effect_of_the_key_file_on_the_server(
    status: Any, key_file: Any, release: str, ends: bool, word: str
) -> None:
    planned, found = judged(key_file_deployment("/k.json", release), status, key_file)
    assert (planned.outcome, planned.exit_code) == (("exits", 1) if ends else ("unknown", None))
    assert len(found) == ends
    assert word in "".join(found)


def test_a_file_of_an_unknown_container_is_not_reported_as_missing() -> None:
    planned, found = judged(key_file_deployment("/k.json", bare_metal=False), Failure(2))
    assert (planned.outcome, found) == ("unknown", [])
    relative, found = judged(
        key_file_deployment("k.json", bare_metal=False, mounts=(Mount("/a", "/"),)), Failure(2)
    )
    assert (relative.outcome, found) == ("unknown", [])
    mounted, found = judged(
        key_file_deployment("/k.json", bare_metal=False, mounts=(Mount("/a", "/"),)), Failure(2)
    )
    assert (mounted.outcome, len(found)) == ("exits", 1)


# -- the whole program ---------------------------------------------------------------------------------


def run(public_dir: Path, *arguments: str) -> list[Any]:
    config = {"model_config_list": [{"config": {"name": "m", "base_path": "gs://b/m"}}]}
    (public_dir / "config.json").write_text(json.dumps(config))
    common = (
        "--load", "none", "--mount", f"{public_dir}:/models", "--env", f"AWS_SECRET_ACCESS_KEY={SECRET}",
        "--env", f"AZURE_STORAGE_CONNECTION_STRING=AccountKey={SECRET}", "--env", f"S3_ENDPOINT=u:{SECRET}@h:1",
        "--env", f"AWS_ENDPOINT_URL=http://{SECRET}@h/?k={SECRET}", *arguments,
    )  # fmt: skip
    server = ("--", "--config_path", "/models/config.json", "--port", "9000")
    texts = []
    hidden = (SECRET, base64.b64encode(SECRET.encode()).decode().rstrip("=")[:-2])
    saved = public_dir / "facts.json"
    for command in (
        ("check",),
        ("check", "--verbose"),
        ("check", "-f", "json"),
        ("collect", "-o", str(saved)),
    ):
        result = ovms_doctor(*command, *common, *server)
        texts.append(result)
    for secret in hidden:
        outputs = [one.text + one.err.decode() for one in texts]
        assert secret not in "".join(outputs) + saved.read_text()
    return texts


def test_a_working_key_file_has_no_finding(public_dir: Path) -> None:
    (public_dir / "k.json").write_text(json.dumps(ACCOUNT))
    (public_dir / "k.json").chmod(0o644)
    text, _, report, _ = run(public_dir, "--env", "GOOGLE_APPLICATION_CREDENTIALS=/models/k.json")
    assert text.code == report.code == 3
    found = report.document["findings"]
    assert [item["code"] for item in found if item["code"].startswith("OVD6")] == []
    facts = (public_dir / "facts.json").read_text()
    assert "InspectKeyFile" in facts
    assert "my-models-1" in facts


@pytest.mark.needs_root
def test_a_key_file_that_the_servers_user_may_not_read_ends_it(public_dir: Path) -> None:
    (public_dir / "k.json").write_text(json.dumps(ACCOUNT))
    (public_dir / "k.json").chmod(0o600)
    _, _, report, _ = run(public_dir, "--env", "GOOGLE_APPLICATION_CREDENTIALS=/models/k.json")
    document = report.document
    (finding,) = [item for item in document["findings"] if item["code"].startswith("OVD6")]
    assert (finding["code"], document["server"]["outcome"], document["server"]["exit_code"]) == (
        "OVD640", "exits", 1,
    )  # fmt: skip
    assert finding["server_log"] == [
        "Unable to create default GCS credentials",
        "Exception catch: Unable to create default GCS credentials - will now terminate.",
    ]
    assert finding["subject"]["path"] == f"{public_dir}/k.json"


def test_a_key_instead_of_its_path_is_not_stored(public_dir: Path) -> None:
    variable = f"GOOGLE_APPLICATION_CREDENTIALS={json.dumps(ACCOUNT)}"
    _, _, report, _ = run(public_dir, "--env", variable)
    assert [item["code"] for item in report.document["findings"] if item["code"].startswith("OVD6")] == [
        "OVD640"
    ]
