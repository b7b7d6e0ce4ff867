"""From a line of the server's log to its codes: recorded lines, constructed ones, and hostile ones."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.explain.general import general
from ovms_doctor.explain.index import codes as entries
from ovms_doctor.explain.records import LIMIT, split_records
from ovms_doctor.explain.search import explain, explain_line
from ovms_doctor.model import server_log as log
from ovms_doctor.model.server_log import Message
from tests.cases_build import Family, RecordedRelease, load_cases
from tests.samples import sampled

VALUES = {
    "line": "69",
    "address": "0.0.0.0:8000",
    "template": "/tmp/fileXXXXXX",
    "bucket": "models.example:9000",
    "path": "/models/a b/1",
    "proxy": "proxy.example:3128",
    "model": "résumé [x]; y",
    "version": "12",
    "number": "16",
    "name": "v1",
    "status": "Internal server error",
    "what": "something: else",
    "schema": "#/definitions/model_config",
    "keyword": "required",
    "key": "#/inputs",
    "error": "Invalid value.",
    "device": "CPU",
    "shape": "(1,a)",
    "layout": "NHWC",
    "side": "input",
    "alias": "image",
    "nireq": "100001",
    "half": "outputs",
}
#: The prefix of each release, and the prefixes that log collectors add.
PREFIXES = [
    "",
    "[2026-01-01 12:00:00.000][1][modelmanager][error][modelmanager.cpp:123] ",
    "[2021-01-07 16:17:46.285][modelmanager][error][modelmanager.cpp:586] ",
    "[2020-12-01 20:06:44.764] [serving] [debug] ",
    "[2025-04-14 14:42:17.197][16344][modelmanager][debug][src/modelinstance.cpp:1028] ",
    "model-server-1  | [2024-01-31 14:58:27.798][1][modelmanager][error][modelinstance.cpp:733] ",
    "2026-08-05T19:04:12.513123456Z [2026-01-01 12:00:00.000][1][serving][error][model.cpp:5] ",
    "2026-08-05T19:04:12.513123456Z stdout F [2026-01-01 12:00:00.000][1][serving][error][model.cpp:5] ",
    "\x1b[36movms_1 |\x1b[0m [2026-01-01 12:00:00.000][1][serving][error][model.cpp:5] ",
]
WRITTEN = [(code, text) for code in entries().values() for text in (*code.messages, *code.texts)]


def _filled(text: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: VALUES.get(match[1], "7"), text)


def _codes(text: str) -> list[str]:
    return [code.code for code, _ in explain_line(text)]


def test_every_text_is_explained_by_its_code() -> None:
    """Without a prefix, and with one; the prefix differs from text to text."""
    wrong = [
        (code.code, prefix, text)
        for number, (code, text) in enumerate(WRITTEN)
        for prefix in ("", PREFIXES[1 + number % (len(PREFIXES) - 1)])
        if code.code not in _codes(prefix + _filled(text))
    ]
    assert wrong == []


@pytest.mark.parametrize("prefix", PREFIXES, ids=range(len(PREFIXES)))
def test_every_prefix_is_left_out(prefix: str) -> None:
    (code, values), *_ = explain_line(prefix + log.NO_VERSION(path="/m"))
    assert (code.code, values) == ("OVD101", {"path": "/m"})


def test_every_general_message_is_known() -> None:
    wrong = [
        (message.name, prefix, text)
        for number, message in enumerate(general().messages)
        for text in message.texts
        for prefix in ("", PREFIXES[1 + number % (len(PREFIXES) - 1)])
        if message not in [note.general for note in explain(prefix + _filled(text)).notes]
    ]
    assert wrong == []


def test_values_are_read_from_the_message() -> None:
    """The values in the typical message of a code are read again, except a whole quoted text."""
    wrong = []
    for code in entries().values():
        for message in code.messages[:1]:
            fields = re.findall(r"\{(\w+)\}", message)
            line = PREFIXES[1] + Message(message, "")(**{name: VALUES[name] for name in fields})
            found = {item.code: values for item, values in explain_line(line)}.get(code.code, {})
            if not {name: VALUES[name] for name in fields if name != "what"}.items() <= found.items():
                wrong.append((code.code, found))
    assert wrong == []


# -- which code comes first ----------------------------------------------------------------------------


#: The last lines of OpenVINO's text, and the code that is listed first for them.
REFUSALS = [
    ("Empty weights data in bin file or bin file cannot be found!", "OVD307"),
    ("Incorrect weights in bin file!", "OVD308"),
    (
        'Unable to read the model: "/m/1/a.xml" Please check that model format: ".xml" is supported and the '
        "model is correct. Available frontends: ir tf",
        "OVD301",
    ),
    (
        'Unable to read the model: "/m/1/._a.xml" Please check that model format: ".xml" is supported and '
        "the model is correct. Available frontends: ir tf",
        "OVD315",
    ),
    (
        "Can not open file /m/1/a.bin for mapping. Ensure that file exists and has appropriate permissions.",
        "OVD203",
    ),
    ("Cannot create StringTensorUnpack layer a id:5 from unsupported opset: extension", "OVD321"),
    ("Cannot create Identity layer Identity_8 id:1 from unsupported opset: opset16", "OVD322"),
    ("Cannot create  layer  id:0 from unsupported opset: ", "OVD316"),
    ("Opset opset1 doesn't contain the operation with type: FancyRelu", "OVD324"),
    ('"q7" is not a member of enum element::Type_t', "OVD323"),
    ("Start-end tags mismatch at offset 1275", "OVD312"),
    ('ir: Could not open the file: "/m/1/a.xml"', "OVD313"),
    ('Could not open the file: "/m/1/my_/saved_model.pb"', "OVD344"),
    ("Invalid usage of method for externally stored data in file (w.data, offset: 0, size: 2)", "OVD318"),
    (
        "invalid external data: ExternalDataInfo(data_full_path: w.data, offset: 0, data_length: 120)",
        "OVD318",
    ),
    ("FrontEnd API failed with GeneralFailure: :\nSaved Model cannot be parsed", "OVD301"),
    (
        "FrontEnd API failed with GeneralFailure:\n[TensorFlow Frontend] Saved Model cannot be parsed",
        "OVD301",
    ),
    ("No conversion rule found for operations: my.domain.MyOp", "OVD341"),
]


@pytest.mark.parametrize(
    ("openvino_text", "first"), REFUSALS, ids=[f"{code} {text[:20]}" for text, code in REFUSALS]
)
def test_openvinos_message_determines_the_code_of_a_failed_read(openvino_text: str, first: str) -> None:
    quoted = f"Exception from src/core.cpp:84:\nCheck 'false' failed at src/a.cpp:5:\n{openvino_text}\n\n"
    (code, values), *_ = explain_line(PREFIXES[1] + log.READ_FAILED(what=quoted, model="m", version=3))
    assert code.code == first
    assert (values["model"], values["version"]) == ("m", "3")


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("/ext/libmine.so", ["OVD353"]),
        ("libOpenCL.so.1", ["OVD355"]),
        ("/ext/libmine.so.2", ["OVD355"]),
        ("libopenvino.so.2330", ["OVD354"]),
    ],
)
def test_the_file_that_an_extension_lacks_determines_the_code(
    quote: str, missing: str, expected: list[str]
) -> None:
    text = (
        "Exception from src/inference/src/cpp/core.cpp:189:\nCannot add extension. Cannot find entry point to the "
        f"extension library. This error happened: Cannot load library {quote}/ext/libmine.so{quote}: {missing}: "
        "cannot open shared object file: No such file or directory\n"
    )
    assert _codes(text) == expected
    found = explain_line(PREFIXES[1] + log.EXTENSION_FAILED(what=text))
    assert [code.code for code, _ in found] == expected
    if expected == ["OVD355"]:
        assert found[0][1] == {"extension": "/ext/libmine.so", "library": missing}


def test_an_extension_that_fails_for_an_unknown_reason_gives_all_codes() -> None:
    codes = _codes(log.EXTENSION_FAILED(what="something new"))
    assert set(codes) == {
        code.code for code in entries().values() if log.EXTENSION_FAILED.text in code.messages
    }


def test_an_unknown_message_of_openvino_gives_all_codes() -> None:
    codes = _codes(log.READ_FAILED(what="something new", model="m", version=3))
    assert set(codes) == {code.code for code in entries().values() if log.READ_FAILED.text in code.messages}


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        (log.NO_VERSION(path="/m"), ["OVD101", "OVD381", "OVD102", "OVD104"]),
        (log.DIRECTORY_MISSING(path="/m"), ["OVD106", "OVD107"]),
        (log.VERSION_DIRECTORY_MISSING(path="/m/1"), ["OVD103", "OVD202", "OVD201"]),
        (log.LOAD_THREW(what="filesystem error: status: Permission denied [/m/1/a.xml]"), ["OVD201"]),
        (
            log.LOAD_THREW(
                what="filesystem error: directory iterator cannot open directory: Permission denied [/m/1]"
            ),
            ["OVD202"],
        ),
        (
            log.OPTIONS_EXCEPTION(what="filesystem error: status: Permission denied [/m/config.json]"),
            ["OVD201"],
        ),
        (log.OPTIONS_EXCEPTION(what="Option ‘port’ is missing an argument"), ["OVD406", "OVD201"]),
        (log.NO_TASK(), ["OVD408"]),
        ("Use config_path or model_path with model_name", ["OVD406"]),
        ("no version found for MODEL in path", ["OVD101", "OVD102", "OVD104", "OVD381"]),
        ("Couldn't list directories", ["OVD110", "OVD201", "OVD202"]),
        ("nothing that any server says", []),
        ("model", []),
        ("", []),
    ],
)
def test_codes_of_a_line(line: str, codes: list[str]) -> None:
    assert _codes(line) == codes


@pytest.mark.parametrize(
    ("other", "added"),
    [
        ("Failed to start gRPC server at 0.0.0.0:9000", ["OVD802"]),
        ("ovms: error while loading shared libraries: libx.so: cannot open shared object file", ["OVD861"]),
        ("exited with code 127", ["OVD861"]),
        ("exited with code 137", []),
        ("CrashLoopBackOff", []),
    ],
)
def test_only_ports_and_libraries_add_to_a_message_of_the_server(other: str, added: list[str]) -> None:
    message = log.NO_VERSION(path="/m")
    named = [code.code for code, _ in explain_line(f"{message} {other}")]
    alone = [code.code for code, _ in explain_line(other)]
    assert alone
    assert [code for code in alone if code in named] == added


def test_the_end_of_a_quoted_text_may_occur_in_a_path() -> None:
    line = log.LOAD_THREW(what="filesystem error: status: Permission denied [/m;x/[1]/a]")
    assert explain_line(line)[0][1] == {"path": "/m;x/[1]/a"}


# -- messages that name no cause -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("The provided base path is invalid or doesn't exists", ["OVD103", "OVD201", "OVD202"]),
        ("File not found or cannot open", ["OVD111", "OVD112"]),
        ("Cannot load model with no inputs", ["OVD331"]),
        (
            "Cannot compile model into target device",
            ["OVD342", "OVD432", "OVD433", "OVD503", "OVD504", "OVD505", "OVD506", "OVD731"],
        ),
        ("Model config is invalid", []),
    ],
)
def test_status_of_a_version_names_the_codes(line: str, codes: list[str]) -> None:
    text = log.VERSION_FAILED(model="m; n", version=1, status=line)
    explanation = explain(text)
    (note,) = explanation.notes
    assert explanation.codes == ()
    assert note.values == {"model": "m; n", "version": "1", "status": line}
    assert _codes(text) == codes


def test_status_of_the_start_names_the_codes() -> None:
    text = "ovms::ModelManager::Start() Error: The provided base path is invalid or doesn't exists"
    assert _codes(text)[0] == "OVD106"


def test_a_failed_read_may_be_many_things() -> None:
    assert len(_codes(log.VERSION_FAILED(model="m", version=1, status="Internal server error"))) > 15


def test_text_that_only_the_documentation_contains() -> None:
    (note,) = explain("Error occurred while loading version").notes
    assert "no release logs it" in note.general.meaning


def test_the_cause_in_a_pasted_log_precedes_its_effects() -> None:
    lines = [
        log.NO_MODEL_FILE(model="m", version=1, path="/m/1"),
        "STATUS CHANGE: Version 1 of model m status change. New status: "
        '( "state": "LOADING", "error_code": "UNKNOWN" )',
        log.VERSION_FAILED(model="m", version=1, status="File not found or cannot open"),
        "Error occurred while loading model: m versions; error: File not found or cannot open",
        "Couldn't start model manager",
    ]
    explanation = explain("\n".join(PREFIXES[1] + line for line in lines))
    assert [(code.code, values) for code, values in explanation.codes] == [
        ("OVD111", {"model": "m", "version": "1", "path": "/m/1"})
    ]
    assert [note.general.name for note in explanation.notes] == [
        "loading-failed", "version-failed", "versions-failed", "model-manager-not-started",
    ]  # fmt: skip


# -- recorded ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["serving", "random"])
@pytest.mark.parametrize("release", ["2025.4", "2026.3"])
def test_every_recorded_message_is_recognised(family: Family, release: RecordedRelease) -> None:
    """Except those of graphs, pipelines and single requests, which have no templates here."""
    recorded = {
        f"{source} {message}"
        for case in load_cases(release, family).values()
        for _, source, message in case.recorded.get("log", ())
    }
    assert recorded
    unknown = [message for message in recorded if not explain(message.partition(" ")[2])]
    beyond = re.compile(r"mediapipe|pipeline|modelinstance.cpp Resetting output")
    assert [message for message in unknown if not beyond.match(message)] == []


# -- records -------------------------------------------------------------------------------------------


def test_a_message_of_several_lines_is_one_record() -> None:
    lead = "ovms-1  | "
    text = (
        f"{lead}{PREFIXES[1]}Cannot compile\n{lead}second\n{lead}\n{lead}; model: m\n{lead}{PREFIXES[1]}next"
    )
    assert split_records(text) == ["Cannot compile\nsecond\n\n; model: m", "next"]


def test_dockers_own_log_file() -> None:
    message = log.NO_VERSION(path='/m/"x"')
    line = json.dumps(
        {"log": f"{PREFIXES[1]}{message}\n", "stream": "stdout", "time": "2026-01-01T00:00:00Z"}
    )
    assert split_records(line) == [message]


# -- hostile -------------------------------------------------------------------------------------------

HOSTILE = [
    "\x00" * 1_000_000,
    "\n" * 1_000_000,
    "[" * 1_000_000,
    "Error: " * 200_000,
    "Path " * 200_000,
    "Error occurred while loading model: " * 50_000,
    "Error occurred while loading model: ; version: " * 50_000,
    "Path \n" * 200_000,
    "[2026-01-01 12:00:00.000]\n" * 40_000,
    "[2026-01-01 12:00:00.000][1]" * 40_000,
    "\x1b[" + "0;" * 500_000,
    "\x1b[31m" * 200_000,
    '{"log":' + "[" * 100_000,
    '{"log":' * 100_000,
    '{"log":1}\n{"log":"\\ud800"}',
    "2026-08-05T19:04:12." + "1" * 1_000_000,
    "\udcff\ud800[bold]\u202e\x1b]0;title\x07" * 1000,
    "İ" * 100_000 + "No version found for model in path: x",
]


@pytest.mark.parametrize("text", sampled(HOSTILE, lambda text: None, every=6), ids=range(len(HOSTILE)))
@pytest.mark.sample(every=3)
def test_hostile_text_is_answered(text: str) -> None:
    """pytest's time limit ends a search that hangs."""
    assert explain_line(text) == []
    assert "OVD408" in _codes(f"{PREFIXES[1]}{log.NO_TASK()}\n{PREFIXES[1]}other\n{text}")
    line = PREFIXES[1] + log.DIRECTORY_MISSING(path=f"/{text}")
    found = {code.code: values for code, values in explain_line(line)}
    assert found.keys() == {"OVD106", "OVD107"}
    assert found["OVD106"]["path"].startswith("/")
    assert len(found["OVD106"]["path"]) <= 4096


def test_message_whose_values_contain_its_text() -> None:
    """A name may contain the text that the server writes around it."""
    for code, text in WRITTEN:
        filled = re.sub(r"\{(\w+)\}", lambda _, text=text: text, text)  # type: ignore[misc]
        assert explain_line(filled), code.code


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    assert isinstance(explain_line(text), list)


@given(
    st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), min_size=1).filter(
        lambda name: name.strip() == name
    )
)
def test_any_name_is_read_back(name: str) -> None:
    line = PREFIXES[1] + log.VERSION_NOT_NUMBER(name=name)
    found = {code.code: values for code, values in explain_line(line)}
    assert found["OVD102"] == {"name": name.strip(" \t\"'")}


def test_only_the_beginning_of_a_text_is_searched() -> None:
    assert explain_line("x" * LIMIT + "\n" + log.NO_TASK()) == []


def test_a_proxy_quoted_by_the_server_is_shown_without_its_password() -> None:
    (hit,) = explain_line("[s3][error] Couldn't parse proxy: someone:canary@proxy:99")
    assert hit[1] == {"proxy": "***@proxy:99"}
