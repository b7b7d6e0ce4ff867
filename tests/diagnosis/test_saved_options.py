"""The options of a run beside its facts: what is written, what older files contain, what is refused."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from msgspec.structs import fields

from ovms_doctor.diagnosis.saved_options import (
    _SUBJECTS,
    options_from_json,
    options_to_json,
    saved_sentence,
)
from ovms_doctor.diagnosis.settle import settled_run
from ovms_doctor.model.facts import (
    AnyQuestion,
    CheckWritable,
    Facts,
    Failure,
    InspectLibrary,
    InspectNetwork,
    ListDirectory,
    LoadExtension,
    StatPath,
    codec,
)
from ovms_doctor.model.host import User
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.option import options_of
from ovms_doctor.model.options import CheckOptions, SourceUnavailable
from ovms_doctor.model.output_options import OutputOptions
from tests.model.fact_strategies import FACTS

RECORDED = Path(__file__).parents[1] / "data" / "facts" / "run-line-schema-1.0.json"
SECRET = "hunter2"


def test_a_file_of_schema_1_0_is_read_with_options_and_plan() -> None:
    header, facts = codec.load(RECORDED.read_text())
    options = options_from_json(header["request"])
    assert options.arguments == ("--model_name", "dense", "--model_path", "/models/dense", "--port", "9000")
    assert options.mounts == (Mount("/srv/ovms-test-x", "/models"),)
    assert [item.server for item in options.unavailable_paths] == ["/data"]
    assert (options.memory, options.load, options.release) == (2 << 30, "none", "2025.4")
    assert (options.user, options.user_from) == (
        User(5000, 5000, (39, 44)),
        "as the container has it: 5000",
    )
    assert options.container is not None
    assert options.container.arguments == options.arguments
    assert options.host is not None
    assert options.host.online == 2
    assert settled_run(options, facts, None).plan.models[0].served == (1,)


def test_a_source_that_could_not_be_read_as_older_files_write_it() -> None:
    options = options_from_json({"untold": ["the container x", "no engine", True]})
    assert options.unavailable == SourceUnavailable("the container x", "no engine", True)
    again = options_from_json(json.loads(json.dumps(options_to_json(options))))
    assert again.unavailable == options.unavailable


def test_options_with_secrets_are_not_written() -> None:
    unsaved = {name: option for name, (_, option) in options_of(CheckOptions).items() if not option.saved}
    assert {"docker_run", "env_file", "compose"} <= unsaved.keys()
    options = CheckOptions(
        docker_run=f"docker run -e KEY={SECRET}", env_file=f"/{SECRET}", typed_targets=(SECRET,)
    )
    assert SECRET not in json.dumps(options_to_json(options))
    assert options_from_json({"docker_run": "x", "jobs": 7}) == CheckOptions()


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"targets": "m"},
        {"targets": [1]},
        {"user": {"uid": "0", "gid": 0, "groups": []}},
        {"mounts": [{"host": "/a"}]},
        {"download_limit": "1g"},
        {"load": "everything"},
        {"untold": ["one"]},
        {"container": 1},
    ],
    ids=json.dumps,
)
def test_invalid_options_are_refused(data: object) -> None:
    with pytest.raises(ValueError, match=r"not the options of a run|not a host"):
        options_from_json(data)


@pytest.mark.parametrize("record", [CheckOptions, OutputOptions])
def test_each_option_has_a_default_and_a_text(record: type) -> None:
    """An option that is not given has the field's default: without one, the parser would have to know it."""
    defaults = {item.name: item.required for item in fields(record)}
    for name, (_, option) in options_of(record).items():
        assert not defaults[name]
        assert option.help.endswith((".", "]"))


def test_each_question_has_one_subject() -> None:
    """A new question is in the sentence on a facts file only if the table has it."""
    kinds = Counter(kind for row, _, _ in _SUBJECTS for kind in row)
    assert kinds == Counter(get_args(AnyQuestion))


@given(FACTS)
def test_the_sentence_counts_every_fact(answers: dict[Any, Any]) -> None:
    sentence = saved_sentence(Facts(answers), 0, "facts.json")
    match = re.fullmatch(r"facts\.json: (\d+) facts \(1 KiB\): (.*); secrets.*", sentence)
    assert match is not None
    assert int(match[1]) == len(answers)
    assert sum(int(part.split()[0]) for part in match[2].split(", ") if part) == len(answers)


def test_the_sentence_on_a_facts_file() -> None:
    questions = (StatPath("/a"), CheckWritable("/a"), ListDirectory("/a"), InspectNetwork((9000,)))
    libraries = (InspectLibrary("/a"), LoadExtension("/a"))
    answers: dict[Any, Any] = dict.fromkeys((*questions, *libraries), Failure(2))
    assert saved_sentence(Facts(answers), 31 << 10, "facts.json") == (
        "facts.json: 6 facts (31 KiB): 2 paths, 1 directory listing, 2 libraries, 1 other; "
        "secrets are replaced by ***"
    )
