"""How the server reads the text of each parameter, by source and release; no text raises an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovms_doctor.model import server_log
from ovms_doctor.model.deployment import ModelEntry, ModelParameters
from ovms_doctor.model.host import HostDevices
from ovms_doctor.model.parameters import ParsedParameters
from ovms_doctor.model.releases import KNOWN_RELEASES, parse_release
from ovms_doctor.prediction.mapping import read_mapping
from ovms_doctor.prediction.parameters.parsed import parse_parameters
from ovms_doctor.prediction.parameters.shapes import ParameterFormatError, parse_dimension, parse_shape
from tests.parameters.plans import PARAMETERS


def parsed(source: str = "config", release: str = "2026.3", **parameter_values: Any) -> ParsedParameters:
    values = tuple((name, json.dumps(value)) for name, value in parameter_values.items())
    entry = ModelEntry("m", "/m", parameters=ModelParameters(values, source))  # type: ignore[arg-type]
    return parse_parameters(entry, parse_release(release))


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("(1,3,-1,10:20)", "[1,3,?,10..20]"),
        (" ( 1 , 3 ) ", "[1,3]"),
        ("(1,3,)", "[1,3]"),
        ("(0,0:5)", "[0,0..5]"),
    ],
)
def test_shapes(text: str, shape: str) -> None:
    assert parse_shape(text).as_openvino() == shape


@pytest.mark.parametrize(
    "text",
    [
        "",
        "()",
        "1,3",
        "(1,,3)",
        "(1,a)",
        "(5:5)",
        "(8:1)",
        "(1:)",
        "(:1)",
        "(-2)",
        "(--1)",
        "(1-)",
        "(99999999999)",
    ],
)
def test_no_shapes(text: str) -> None:
    with pytest.raises(ParameterFormatError):
        parse_shape(text)
    ignored = parsed(shape=text)
    assert ignored.problem is None
    assert ignored.shapes == ()
    assert ignored.warnings[0].log[-1].startswith("There was an error parsing shape")
    refused = parsed("arguments", shape=text).problem
    assert text == "" or (refused is not None and refused.status == "SHAPE_WRONG_FORMAT")


@pytest.mark.parametrize(
    ("text", "batch"), [("2", "2"), ("-1", "?"), ("1:8", "1..8"), ("5:5", "5"), (" 3 ", "3")]
)
def test_batch_sizes(text: str, batch: str) -> None:
    assert parse_dimension(text).as_openvino() == batch


@pytest.mark.parametrize("text", ["abc", "8:1", "0:5", "1:2:3", "-2", "1-", "--1", "99999999999", " "])
def test_no_batch_sizes(text: str) -> None:
    warning = parsed(batch_size=text).warnings[0]
    assert (warning.kind, warning.log[-1][:16]) == ("ignored", "Wrong batch size")


def test_shape_and_batch() -> None:
    both = parsed(shape="(2,3)", batch_size=4)
    assert both.batch is None
    assert [item.kind for item in both.warnings] == ["both"]
    zero = parsed("arguments", shape="(2,3)", batch_size="0")
    assert zero.batch is not None
    assert not zero.warnings


def test_layouts() -> None:
    pair = parsed(layout="nhwc:nchw").layout
    assert pair is not None
    assert (pair.tensor, pair.model) == ("NHWC", "NCHW")
    assert parsed(layout=":").layout is None
    wrong = parsed(layout="XYZ").problem
    assert wrong is not None
    assert wrong.log == (
        "Parsing model: m config failed due to error: The provided layout is in wrong format",
    )
    refused = parsed("arguments", layout="XYZ").problem
    assert refused is not None
    assert refused.log == ("Couldn't parse layout parameter",)


@pytest.mark.parametrize(
    ("device", "key", "release", "unsupported"),
    [
        ("CPU", "NUM_STREAMS", "2026.3", False),
        ("CPU", "CACHE_DIR", "2026.3", True),
        ("AUTO", "NUM_STREAMS", "2026.3", True),
        ("AUTO:CPU", "NUM_STREAMS", "2026.3", False),
        ("GPU", "CACHE_DIR", "2026.3", False),
        ("cpu", "NUM_STREAMS", "2026.3", True),
        ("CPU", "ENABLE_MMAP", "2025.0", False),
        ("CPU", "ENABLE_MMAP", "2024.5", True),
        ("CPU", "AFFINITY", "2024.5", False),
        ("CPU", "AFFINITY", "2025.0", True),
        ("CPU", "FOO", "2022.1", False),
        ("CPU", "FOO", "2022.2", True),
        ("CPU", "FOO", "2022.3", True),
        # v2022.2 asks the plugin for its old names only, v2022.3 for the new ones.
        ("CPU", "CPU_THROUGHPUT_STREAMS", "2022.2", False),
        ("CPU", "NUM_STREAMS", "2022.2", True),
        ("CPU", "NUM_STREAMS", "2022.3", False),
        ("CPU", "ENFORCE_BF16", "2022.2", False),
        ("CPU", "ENFORCE_BF16", "2022.3", True),
        ("CPU", "CACHE_DIR", "2022.3.0.1", False),
        ("CPU", "CACHE_DIR", "2023.0", True),
        ("GPU", "FOO", "2022.3", False),
        ("AUTO:GPU,CPU", "FOO", "2022.3", False),
        ("MYRIAD", "FOO", "2022.3", False),
        ("MULTI:CPU(2)", "NUM_STREAMS", "2024.5", True),
        ("MULTI:CPU(2)", "NUM_STREAMS", "2025.0", False),
        ("MYRIAD", "FOO", "2023.0", False),
        ("FOO", "NUM_STREAMS", "2026.3", True),
        ("FOO", "NUM_STREAMS", "2022.3", True),
        ("AUTO:FOO,CPU", "NUM_STREAMS", "2026.3", False),
        ("AUTO:FOO", "NUM_STREAMS", "2026.3", True),
    ],
)
def test_plugin_keys(device: str, key: str, release: str, unsupported: bool) -> None:
    found = parsed(release=release, target_device=device, plugin_config={key: "1"})
    assert (found.abort is not None) is unsupported
    if found.abort is not None:
        assert found.abort.log[0] == (
            f"Plugin config key: {key} not found in supported config keys for device: {device}."
        )


@pytest.mark.parametrize(
    ("device", "key", "release", "host_devices", "unsupported"),
    [
        (None, "CACHE_DIR", "2026.3", HostDevices(), True),
        (None, "CACHE_DIR", "2026.3", None, True),
        (None, "CACHE_DIR", "2026.3", HostDevices(dri=True), False),
        (None, "CACHE_DIR", "2026.3", HostDevices(dxg=True), False),
        (None, "CACHE_DIR", "2026.3", HostDevices(accel=True), True),
        (None, "CACHE_DIR", "2026.2", HostDevices(dri=True), True),
        ("CPU", "CACHE_DIR", "2026.3", HostDevices(dri=True), True),
        (None, "ENABLE_HYPER_THREADING", "2026.3", HostDevices(dri=True), False),
        (None, "FOO", "2026.3", HostDevices(dri=True), True),
        ("GPU", "ENABLE_HYPER_THREADING", "2026.3", None, True),
        ("GPU.1", "CACHE_DIR", "2026.3", None, False),
        ("NPU", "NPU_TURBO", "2026.3", None, False),
        ("NPU", "FOO", "2026.3", None, True),
    ],
)
def test_plugin_keys_by_the_servers_devices(
    device: str | None, key: str, release: str, host_devices: HostDevices | None, unsupported: bool
) -> None:
    parameters = {"plugin_config": {key: "1"}, **({} if device is None else {"target_device": device})}
    values = tuple((name, json.dumps(value)) for name, value in parameters.items())
    entry = ModelEntry("m", "/m", parameters=ModelParameters(values, "config"))
    assert (parse_parameters(entry, parse_release(release), host_devices).abort is not None) is unsupported


def text_of(source: str, name: str, text: str) -> ParsedParameters:
    """The text of a parameter, including equal keys."""
    value = json.dumps(text) if source == "arguments" else text
    entry = ModelEntry("m", "/m", parameters=ModelParameters(((name, value),), source))  # type: ignore[arg-type]
    return parse_parameters(entry, parse_release("2026.3"))


@pytest.mark.parametrize("source", ["config", "arguments"])
def test_the_last_of_equal_keys_overwrites(source: str) -> None:
    shapes = dict(text_of(source, "shape", '{"x": "(1,2)", "x": "(3,4)"}').shapes)
    assert shapes["x"].as_openvino() == "[3,4]"
    layouts = dict(text_of(source, "layout", '{"x": "NC", "x": "CN"}').layouts)
    assert str(layouts["x"]) == "CN"
    config = text_of(source, "plugin_config", '{"NUM_STREAMS": "1", "NUM_STREAMS": "2"}').plugin_config
    assert config.values == (("NUM_STREAMS", '"2"'),)


def test_an_earlier_equal_key_is_read_too() -> None:
    value_text = text_of("config", "shape", '{"x": "(1,2)", "x": "oops"}')
    assert [(name, shape.as_openvino()) for name, shape in value_text.shapes] == [("x", "[1,2]")]
    assert value_text.warnings[0].log[-1] == "There was an error parsing shape x"
    refused = text_of("arguments", "shape", '{"x": "oops", "x": "(1,2)"}').problem
    assert refused is not None
    assert refused.status == "SHAPE_WRONG_FORMAT"
    for name, text, status in (
        ("layout", '{"x": "XYZ", "x": "NC"}', "LAYOUT_WRONG_FORMAT"),
        ("plugin_config", '{"NUM_STREAMS": [], "NUM_STREAMS": "2"}', "PLUGIN_CONFIG_WRONG_FORMAT"),
    ):
        problem = text_of("config", name, text).problem
        assert problem is not None
        assert problem.status == status


def test_the_reserved_name_of_a_single_input() -> None:
    omitted = parsed(shape={"ANONYMOUS_INPUT_NAME": "(7,7)", "x": "(1,3)"})
    assert [name for name, _ in omitted.shapes] == ["x"]
    assert [(warning.kind, warning.log) for warning in omitted.warnings] == [
        ("reserved", ("Provided shape name: ANONYMOUS_INPUT_NAME is forbidden and will be omitted",))
    ]
    taken = parsed("arguments", shape='{"ANONYMOUS_INPUT_NAME": "(7,7)"}')
    assert taken.anonymous_shape is not None
    assert taken.warnings == ()


def test_keys_of_old_are_renamed() -> None:
    found = parsed(plugin_config={"CPU_THROUGHPUT_STREAMS": "CPU_THROUGHPUT_AUTO"})
    assert found.plugin_config.values == (("PERFORMANCE_HINT", '"THROUGHPUT"'),)
    assert found.warnings[0].kind == "deprecated"


@pytest.mark.parametrize(
    "key", ["low_latency_transformation", "idle_sequence_cleanup", "max_sequence_number"]
)
def test_keys_of_stateful_models(key: str) -> None:
    alone = parsed(release="2025.4", **{key: 1}).problem
    assert alone is not None
    assert alone.status == "INVALID_NON_STATEFUL_MODEL_PARAMETER"
    assert parsed(release="2025.4", stateful=True, **{key: 1}).problem is None


def test_each_refusal_has_the_name_of_its_model() -> None:
    """Equal parameters are read once for all models."""
    parameters = ModelParameters((("layout", '"lstm:1"'),))
    for name in ("first", "second"):
        problem = parse_parameters(
            ModelEntry(name, "/m", parameters=parameters), parse_release("2026.3")
        ).problem
        assert problem is not None
        assert problem.log == (
            server_log.ENTRY_REFUSED(model=name, status=server_log.STATUS_TEXT[problem.status]),
        )


@pytest.mark.parametrize(
    ("name", "value", "valid"),
    [
        ("mean", "[1,2.5,-3e1]", True),
        ("mean", "(1)", True),
        ("mean", "nan", False),
        ("scale", "1e99", False),
        ("scale", "1,2", False),
        ("color_format", "bgr:rgb", True),
        ("color_format", "BGR", False),
        ("precision", "FP32:UINT8", True),
        ("precision", "F32:U8", False),
    ],
)
def test_preprocessing(name: str, value: str, valid: bool) -> None:
    found = parsed("arguments", **{name: value})
    assert (found.problem is None) is valid
    assert parsed("arguments", "2025.4", **{name: value}).problem is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(sorted(PARAMETERS)), JSON), st.sampled_from(KNOWN_RELEASES), st.booleans()
)
def test_any_value_of_any_parameter(values: dict[str, Any], release: Any, arguments: bool) -> None:
    source = "arguments" if arguments else "config"
    result = parsed(source, str(release), **values)
    assert result.problem is None or result.problem.log


@given(
    st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(KNOWN_RELEASES),
)
def test_any_mapping(data: bytes, release: Any) -> None:
    mapping = read_mapping(data, "/m/1/mapping_config.json", "m", release)
    assert mapping.problem in ("", "half") or not mapping.inputs


SURROGATES = pytest.mark.parametrize(
    ("escape", "release", "is_json"),
    [
        (r"\udc00", "2024.2", True),
        (r"\uDFFF\udc00", "2022.1", True),
        (r"\udc00", "2024.3", False),
        (r"\udc00", "2026.3", False),
        # A high surrogate needs a low one in every release.
        (r"\ud800", "2024.2", False),
        (r"\udc00\ud800", "2024.2", False),
        (r"\ud83d\ude00", "2026.3", True),
        (r"\\udc00", "2026.3", True),
    ],
)


@SURROGATES
@pytest.mark.parametrize("name", ["plugin_config", "layout"])
def test_a_low_surrogate_alone_in_an_argument(name: str, escape: str, release: str, *, is_json: bool) -> None:
    text = '{"A": "' + escape + '"}' if name == "plugin_config" else '{"' + escape + '": "NCHW"}'
    assert (parsed("arguments", release, **{name: text}).problem is None) is is_json


def test_the_bytes_of_a_low_surrogate_alone_are_those_that_rapidjson_stores() -> None:
    config = parsed("arguments", "2024.2", plugin_config=r'{"a\udc00": "x"}').plugin_config
    ((key, value),) = config.values
    assert (key.encode("utf-8", "surrogateescape"), value) == (b"a\xed\xb0\x80", '"x"')


@SURROGATES
def test_a_low_surrogate_alone_in_a_mapping(escape: str, release: str, *, is_json: bool) -> None:
    data = f'{{"inputs": {{"{escape}": "b"}}, "outputs": {{}}}}'.encode()
    mapping = read_mapping(data, "/m/1/mapping_config.json", "m", release=parse_release(release))
    assert (mapping.problem == "not_json") is not is_json
    assert bool(mapping.inputs) is is_json


def test_a_name_in_a_mapping_with_a_low_surrogate_alone_has_its_three_bytes() -> None:
    data = rb'{"inputs": {"a\udc00": "b"}, "outputs": {}}'
    mapping = read_mapping(data, "/m/1/mapping_config.json", "m", parse_release("2024.2"))
    ((name, alias),) = mapping.inputs
    assert (name.encode("utf-8", "surrogateescape"), alias) == (b"a\xed\xb0\x80", "b")


def test_a_fault_of_a_mapping_after_a_low_surrogate_has_its_position_in_the_file() -> None:
    data = rb'{"inputs": {"\udc00\udc01": "b"},}'
    found, same = (
        read_mapping(text, "/m/1/mapping_config.json", "m", parse_release("2024.2"))
        for text in (data, data.replace(b"udc0", b"u0e0"))
    )
    assert (found.problem, found.position, found.hint) == ("not_json", same.position, same.hint)
    assert found.position is not None
    wrong = [
        read_mapping(text, "/m/1/mapping_config.json", "m", parse_release("2024.2")).position
        for text in (
            data.replace(b"},}", b'}, "x": 1}'),
            data.replace(b"udc0", b"u0e0").replace(b"},}", b'}, "x": 1}'),
        )
    ]
    assert wrong[0] == wrong[1] is not None
