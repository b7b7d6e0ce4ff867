"""Commands that show, rename and move what a model consists of: on this host, and in a store."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ovms_doctor.checks import path_advice
from ovms_doctor.checks.context import Context
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.findings import CausedBy, Step
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.plan import Plan
from ovms_doctor.model.plan_problems import StartProblem
from tests.prediction.memory import deployment

MOUNTED = Context(
    deployment(mounts=(Mount("/srv/a b", "/models"),)), Plan("config", "serves"), Facts(complete=True)
)


def lines(*steps: Step) -> list[tuple[str | None, str | None, str | None]]:
    return [(step.command, step.location, step.effect) for step in steps]


CHANGES, READS = ("host", "changes files"), ("host", "reads")


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("/models/m/mapping.json", "cat '/srv/a b/m/mapping.json'"),
        ("s3://b/m/mapping.json", "aws s3 cp s3://b/m/mapping.json -"),
        ("gs://b/m/mapping.json", "gcloud storage cat gs://b/m/mapping.json"),
    ],
)
def test_the_content_of_a_file(path: str, command: str) -> None:
    step = path_advice.show(MOUNTED, path, "See the file.")
    assert (step.text, lines(step)) == ("See the file.", [(command, *READS)])


@pytest.mark.parametrize(
    ("base", "command"),
    [
        ("/models/m", "mv -- '/srv/a b/m/1_old' '/srv/a b/m.1_old'"),
        ("/models/m/", "mv -- '/srv/a b/m/1_old' '/srv/a b/m.1_old'"),
        ("s3://b/m", "aws s3 mv --recursive s3://b/m/1_old/ s3://b/m.1_old/"),
        ("gs://b/m", "gcloud storage mv 'gs://b/m/1_old/*' gs://b/m.1_old/"),
        # Beside a bucket there are only other buckets.
        ("s3://b", None),
    ],
)
def test_a_directory_beside_its_model(base: str, command: str | None) -> None:
    step = path_advice.move_out_step(MOUNTED, base, "1_old", "Move it.")
    assert (step.text, step.command) == ("Move it.", command)
    if command is not None:
        assert lines(step) == [(command, *CHANGES)]


@pytest.mark.parametrize(
    ("base", "commands"),
    [
        ("/models/m", ["mkdir '/srv/a b/m/1'",
                       "mv -- '/srv/a b/m/a.pb' '/srv/a b/m/b.pb' '/srv/a b/m/variables' '/srv/a b/m/1/'"]),
        ("s3://b/m/", ["aws s3 mv s3://b/m/b.pb s3://b/m/1/b.pb && aws s3 mv s3://b/m/a.pb s3://b/m/1/a.pb && "
                       "aws s3 mv --recursive s3://b/m/variables/ s3://b/m/1/variables/"]),
        ("gs://b/m", ["gcloud storage mv gs://b/m/b.pb gs://b/m/1/b.pb && gcloud storage mv gs://b/m/a.pb "
                      "gs://b/m/1/a.pb && gcloud storage mv 'gs://b/m/variables/*' gs://b/m/1/variables/"]),
    ],
)  # fmt: skip
def test_a_model_in_a_version_directory(base: str, commands: list[str]) -> None:
    steps = path_advice.into_version(MOUNTED, base, ["b.pb", "a.pb"], ["variables"])
    assert lines(*steps) == [(command, *CHANGES) for command in commands]


def test_a_slash_at_the_end_is_not_repeated_in_a_store() -> None:
    assert path_advice.below("s3://b/m/", 1) == "s3://b/m/1"
    assert path_advice.below("/m", 1) == "/m/1"


@pytest.mark.parametrize(
    ("path", "codes"),
    [("s3://b/m/1", ["OVD660", "OVD661"]), ("gs://b/m/1", ["OVD660", "OVD661"]), ("/m/1", [])],
)
def test_files_that_were_not_downloaded(path: str, codes: list[str]) -> None:
    expected = tuple(CausedBy(code, path=path, any_model=True) for code in codes)
    assert path_advice.left_behind(path) == expected


def test_where_a_list_comes_from() -> None:
    assert path_advice.listed("s3://b/m", "x").how == "list of the store"
    assert path_advice.listed("/m", "x").how == "list"
    assert path_advice.listed("/m", "x", "stat").how == "stat"


@pytest.mark.parametrize(
    ("kind", "problem_path", "path", "expected"),
    [
        ("bind_source_missing", "/models", "/models/m", True),
        ("bind_source_missing", "/models", "/other/m", False),
        ("bind_source_missing", "/models", "s3://b/m", False),
        ("volume_key_missing", "/models/x", "/models/x", True),
        ("volume_key_missing", "/models/x/", "/models/x/y", True),
        ("volume_key_missing", "/models/x", "/models/xy", False),
        ("device_missing", "/models", "/models/m", False),
        (None, None, "/models/m", False),
    ],
)
def test_paths_of_a_mount_for_which_the_engine_does_not_start(
    kind: str | None, problem_path: str | None, path: str, expected: bool
) -> None:
    problem = None if kind is None else StartProblem(kind, "", None, (), path=problem_path)  # type: ignore[arg-type]
    context = replace(MOUNTED, plan=replace(MOUNTED.plan, host_problem=problem))
    assert path_advice.is_never_mounted(context, path) is expected
