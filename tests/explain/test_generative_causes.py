"""What the exception of a generative model names leads to the codes of generative models, not to those of files in a
version directory; and the same text about a classic model to the codes of those."""

from __future__ import annotations

import pytest

from ovms_doctor.explain.search import explain

#: What the server writes around the exception, and the code of that message alone.
AROUND = (
    ("Error during llm node initialization for models_path: /models/m/./ exception: ", "OVD822"),
    ("Error during omni model node initialization for models_path: /models/m/./ exception: ", "OVD822"),
    ("Error during draft model initialization for draft models_path: /models/d exception: ", "OVD822"),
    ("Failed to process mediapipe graph config:", "OVD821"),
    ("Failed to create Image Generation pipelines: sd. Error: ", "OVD822"),
    ("Failed to create Text2ImagePipeline from disk: ", "OVD822"),
)
FROM_CORE = "Exception from src/inference/src/cpp/core.cpp:97:\nException from src/inference/src/model_reader.cpp:60:\n"
EXCEPTIONS = (
    ("Empty weights data in bin file or bin file cannot be found!", "OVD366"),
    ('ir: Could not open the file: "/models/m/openvino_resampler_model.xml"', "OVD366"),
    ("Could not find a model in the directory '\"/models/m/\"'", "OVD366"),
    ("Incorrect weights in bin file!", "OVD367"),
    ("[json.exception.parse_error.101] parse error at line 1, column 1: syntax error while parsing value - invalid "
     "literal; last read: 'v'", "OVD367"),
    ("[json.exception.type_error.302] type must be number, but is string", "OVD367"),
    ("Can not open file /models/m/openvino_model.bin for mapping. Ensure that file exists and has appropriate "
     "permissions.", "OVD368"),
    ("filesystem error: status: Permission denied [/models/m/openvino_text_embeddings_model.xml]", "OVD368"),
    ("Model is supposed to be stateful, cannot perform the SDPAToPagedAttention transformation. For proper "
     "conversion run: optimum-cli", "OVD369"),
    ("No output with 3 dimensions found", "OVD369"),
    ("Unsupported 'qwen9_vl' VLM model type", "OVD370"),
    ("Unsupported 'qwen9_asr' ASR model type", "OVD370"),
    ("Unsupported model architecture 'phi3'", "OVD370"),
    ("Cannot create Truncate layer Truncate_12 id:34 from unsupported opset: extension", "OVD372"),
    ("Unsupported property NUM_STRAEMS by CPU plugin.", "OVD374"),
    ("CacheEvictionConfig.max_cache_size must be larger than CacheEvictionConfig.start_size", "OVD374"),
    ("Failed to extract MAX_PROMPT_LEN. Type mismatch: expected types: int or int64_t", "OVD374"),
    ("Opset opset17 doesn't contain the operation with type: FooBar", "OVD375"),
    ('Device with "cpu" name is not registered in the OpenVINO Runtime', "OVD432"),
    ("Requested KV-cache size is larger than available memory size on the system.", "OVD744"),
)  # fmt: skip
#: Codes of files in a version directory.
CLASSIC = {f"OVD{number}" for number in (*range(201, 206), *range(301, 350))}


def _codes(text: str) -> list[str]:
    return [entry.code for entry, _ in explain(text).codes]


@pytest.mark.parametrize(("exception", "expected"), EXCEPTIONS)
@pytest.mark.parametrize(("around", "general"), AROUND)
def test_cause_precedes_the_message_around_it(
    around: str, general: str, exception: str, expected: str
) -> None:
    for text in (exception, FROM_CORE + exception):
        codes = _codes(around + text)
        assert codes[0] == expected, codes
        assert codes[-1] == general or general not in codes
        assert not CLASSIC & set(codes)


@pytest.mark.parametrize(("around", "general"), AROUND)
def test_unknown_exception_leaves_the_general_code(around: str, general: str) -> None:
    assert _codes(f"{around}the moon is too bright today") == [general]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Empty weights data in bin file or bin file cannot be found!", "OVD307"),
        ("Incorrect weights in bin file!", "OVD308"),
        (
            "Can not open file /m/1/model.bin for mapping. Ensure that file exists and has appropriate permissions.",
            "OVD203",
        ),
    ],
)
def test_same_text_about_a_classic_model(text: str, expected: str) -> None:
    line = f"Error: {FROM_CORE}{text}\n; occurred during loading ov::Model model: m version: 1"
    codes = _codes(line)
    assert codes[0] == expected
    assert not {"OVD366", "OVD367", "OVD368"} & set(codes)


def test_refused_property_of_a_classic_model_is_not_a_graph_setting() -> None:
    line = (
        "Cannot compile model into target device; error: Exception from src/inference/src/cpp/core.cpp:109:\n"
        "Unsupported property FOO by CPU plugin.\n; model: m; version: 1; device: CPU"
    )
    assert _codes(line) == ["OVD342"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Error occurred in LLM executor: std::bad_alloc.", "OVD824"),
        ("Error occurred in executor: std::bad_alloc.", "OVD824"),
        ("VLM pipeline generation failed: Cannot allocate memory.", "OVD824"),
        ("Async caught an exception Internal inference error: std::bad_alloc", "OVD816"),
        ("Caught exception in InferenceServiceImpl for servable: m exception: std::bad_alloc", "OVD816"),
        # At start-up the same exception is about the model.
        ("Error: std::bad_alloc; occurred during loading ov::Model model: m version: 1", "OVD342"),
        ("Error during llm node initialization for models_path: /m exception: std::bad_alloc", "OVD375"),
    ],
)
def test_exceptions_while_a_request_runs(text: str, expected: str) -> None:
    assert _codes(text)[0] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Failed to create API handler: Unsupported tool parser: qwen3", "OVD374"),
        (
            "Failed to create API handler: Cannot use tool parser gptoss with reasoning parser qwen3 as they have "
            "different requirements for special tokens in streaming mode",
            "OVD374",
        ),
        ("Failed to create API handler: std::exception", "OVD817"),
        ("This servable accepts only single message requests", "OVD823"),
        ('Unable to find Calculator "X"', "OVD362"),
        ("Requested voice speaker embeddings file does not exist: /m/v.bin", "OVD366"),
        ("File must contain speaker embedding with 512 32-bit floats. Got: 3", "OVD367"),
        ("cache_interval_multiplier must be greater than 0", "OVD374"),
    ],
)
def test_settings_and_files_that_a_message_names(text: str, expected: str) -> None:
    assert _codes(text)[0] == expected


@pytest.mark.parametrize(
    "reason",
    [
        'Message type "mediapipe.LLMCalculatorOptions" has no field named "block_size".',
        'Unknown enumeration value of "OMNI" for field "pipeline_type".',
        'Non-repeated field "cache_size" is specified multiple times.',
        'Value of type "mediapipe.LLMCalculatorOptions" stored in google.protobuf.Any has missing required fields',
        'Could not find type "type.googleapis.com/mediapipe.X" stored in google.protobuf.Any.',
    ],
)
def test_protobuf_own_line_about_a_graph(reason: str) -> None:
    """It names no graph: the server's message after it does."""
    line = f"Error parsing text-format mediapipe.CalculatorGraphConfig: 12:7: {reason}"
    for text in (reason, line, f"[libprotobuf ERROR google/protobuf/text_format.cc:335] {line}"):
        (note,) = explain(text).notes
        assert [entry.code for entry in note.codes] == ["OVD361"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Failed to parse /m/1_Pooling/config.json: Invalid value.", ["OVD826"]),
        ("Failed to parse resolution: 12by12", ["OVD374"]),
        ("Failed to parse HF API JSON response for LoRA adapter a: Invalid value.", ["OVD841"]),
        ("Couldn't parse model version policy. Wrong value", ["OVD407"]),
        ("Couldn't parse model version one", ["OVD874"]),
        ("Graph path is not a directory: /m", ["OVD843"]),
        ("error parsing options - --list_models cannot be used with --pull or --task", ["OVD406"]),
        ("Exception catch: stoi - will now terminate.", ["OVD601"]),
        (
            "Exception catch: basic_string::substr: __pos (which is 7) > this->size() - will now terminate.",
            [],
        ),
    ],
)
def test_message_is_not_confused_with_a_similar_one(text: str, expected: list[str]) -> None:
    assert _codes(text) == expected
    assert explain(text)
