"""The report on redacted facts equals the report on the original facts."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from ovms_doctor.model.facts import Facts, ListStore, StoreAccess, StoredObject, StoreListing, codec
from ovms_doctor.model.options import CheckOptions
from tests.cases_build import Case, load_cases
from tests.cases_run import predict_case
from tests.logs.recorded import read_recorded
from tests.logs.recorded import recorded as recorded_logs
from tests.redaction.redacted_facts import loaded, outline, redacted

CASES = [
    case
    for release in ("2026.3", "2025.4")
    for family in ("serving", "random")
    for case in list(load_cases(release, family).values())[::12]
]
DATA = Path(__file__).parents[1] / "data" / "facts"


@pytest.mark.needs_root
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.release}-{case.id}")
@pytest.mark.sample(every=4)
def test_recorded_cases(case: Case, public_dir: Path) -> None:
    options, run = predict_case(case, public_dir / "zebrafish")
    facts = run.facts
    result, names = redacted(facts, options)
    document = codec.dump(result.facts, {})
    assert "zebrafish" not in document
    assert len(document.encode()) == len(codec.dump(facts, {}).encode())
    assert outline(result.facts, result.options) == outline(facts, options)
    assert names.entries()


@pytest.mark.parametrize("name", ["collected-1.0.json.xz", "run-line-schema-1.0.json"])
def test_recorded_facts(name: str) -> None:
    data = (DATA / name).read_bytes()
    facts, options = loaded((lzma.decompress(data) if name.endswith(".xz") else data).decode("utf-8"))
    result, _ = redacted(facts, options)
    assert outline(result.facts, result.options) == outline(facts, options)


@pytest.mark.parametrize("key", sorted(recorded_logs())[::4])
def test_recorded_logs(key: str) -> None:
    facts = Facts({}, complete=True)
    options = CheckOptions(arguments=("--config_path", "/config.json"), server_log=read_recorded(key))
    result, _ = redacted(facts, options)
    assert outline(result.facts, result.options) == outline(facts, options)


def test_keys_of_a_store_stay_in_their_order() -> None:
    access = StoreAccess("s3", "bucket")
    keys = [
        f"repo/{name}/1/model.xml" for name in ("alpaca", "badger", "caribou", "dingo", "echidna", "ferret")
    ]
    listing = StoreListing(tuple(StoredObject(key, 1) for key in keys))
    facts = Facts({ListStore(access, "repo/"): listing}, complete=True)
    result, _ = redacted(facts)
    ((_, answer),) = result.facts
    assert isinstance(answer, StoreListing)
    found = [item.key for item in answer.objects]
    assert found == sorted(found)
    assert not set(found) & set(keys)
