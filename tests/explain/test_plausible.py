"""Which causes of a message its values and its text exclude, and which of several is the likeliest.

The messages are those of the server's releases (``data/signatures.json``): several causes share each of them.
"""

from __future__ import annotations

import pytest

from ovms_doctor.explain.plausible import by_likelihood, of_generative_model, possible

NAMELESS = "Attempt to get a name for a Tensor without names"
LAYOUT = "Failed to configure input layout for model:m; version:1; from OpenVINO with error:"
SCHEMA = "JSON schema parse error:{}. Keyword:additionalProperties Key: "


@pytest.mark.parametrize(
    ("code", "values", "text", "expected"),
    [
        # A directory that is missing on a disk, and one in a store.
        ("OVD106", {"path": "/models/m"}, "", True),
        *(("OVD106", {"path": f"{scheme}://b/m"}, "", False) for scheme in ("s3", "gs", "az", "azfs")),
        ("OVD106", {"file": "s3://b/m"}, "", False),
        ("OVD659", {"path": "/models/m"}, "", False),
        ("OVD659", {"model_file": "/models/m"}, "", False),
        ("OVD659", {"path": "s3://b/m"}, "", True),
        ("OVD659", {"path": "gs://b/m"}, "", True),
        ("OVD659", {}, "", True),
        # A host in the place of the bucket.
        ("OVD623", {"bucket": "models"}, "", False),
        ("OVD623", {"bucket": "minio:9000"}, "", True),
        ("OVD623", {"bucket": "minio.local"}, "", True),
        ("OVD623", {}, "", True),
        ("OVD622", {"bucket": "models"}, "", False),
        ("OVD622", {"bucket": "my.models"}, "", True),
        ("OVD622", {}, "", True),
        # The step that sets layouts fails for the layout, or for a tensor without a name.
        ("OVD333", {"what": "Layout [N] is not compatible"}, LAYOUT, False),
        ("OVD333", {"what": "layout [N] is not compatible"}, LAYOUT, False),
        ("OVD333", {"what": NAMELESS}, LAYOUT, True),
        ("OVD333", {"what": "Layout [N] is not compatible"}, "Error during loading input tensors", True),
        ("OVD333", {}, LAYOUT, True),
        ("OVD430", {}, LAYOUT + NAMELESS, False),
        ("OVD430", {}, LAYOUT + "Check '!get_names().empty()' failed at", False),
        ("OVD430", {}, LAYOUT + "Exception from src/core/src/descriptor/tensor.cpp:102:", False),
        ("OVD430", {}, LAYOUT + "Layout [N] is not compatible", True),
        # Errors that only an IR has.
        *(
            (code, {"path": f"/m/1/model{suffix}"}, "", suffix == ".xml")
            for code in ("OVD307", "OVD308", "OVD311", "OVD312", "OVD315")
            for suffix in (".xml", ".onnx", ".pb", ".pdmodel", ".pdiparams", ".tflite")
        ),
        # A graph with an unknown calculator, and one whose streams do not fit.
        ("OVD362", {}, "ValidatedGraphConfig Initialization failed.\nInput Stream \"x\" does not have", False),
        ("OVD362", {}, "Output Stream \"x\" is already in use", False),
        ("OVD362", {}, "Side packet \"x\" is required but was not provided", False),
        ("OVD362", {}, "output side packet \"x\" is defined twice", False),
        ("OVD362", {}, "input Side Packet \"x\" has no source", False),
        ("OVD362", {}, "No registered object with name: XCalculator", True),
        ("OVD363", {}, "No registered object with name: XCalculator", False),
        ("OVD363", {}, "Unable to find Calculator \"XCalculator\"", False),
        ("OVD363", {}, "Output Stream \"x\" is already in use", True),
        # A server without a way to its store, not a client without one to its server.
        *(
            ("OVD884", {}, f"{text}: Couldn't connect to server", not text)
            for text in ("", "S3 GetObject", "GCS Couldn't connect", "curlCode: 7", "HeadBucket")
        ),
        # mapping_config.json, and the configuration file.
        ("OVD461", {}, f"{SCHEMA}#/model_config_list/0/config", False),
        ("OVD461", {}, "Given config is invalid according to schema: #/pipeline_config_list", False),
        ("OVD461", {}, f"{SCHEMA}#/inputs/x", True),
        ("OVD461", {}, f"{SCHEMA}#/outputs", True),
        ("OVD461", {}, "Model: m mapping configuration file is not a valid JSON file.", True),
        # The CPU extension is named where it is meant.
        *(
            (f"OVD35{number}", {}, text, "xtension" in text)
            for number in range(1, 8)
            for text in ("Custom CPU extension loading has failed! Reason: x", "cannot open shared object file: x")
        ),
        ("OVD441", {}, "Cannot open library: libopenvino_tokenizers.so", False),
        ("OVD441", {}, "Cannot open library: libmy_node.so", True),
        ("OVD374", {}, "Cannot compile model into target device; error: Unsupported property X", False),
        ("OVD374", {}, "Error during LLM node initialization: Unsupported property X by CPU plugin", True),
        ("OVD406", {}, "Could not infer model task - specify --task value explicitly", False),
        ("OVD406", {}, "error parsing options: x", True),
        ("OVD874", {"version": "policy"}, "", False),
        ("OVD874", {"version": "2"}, "", True),
        # Nothing excludes most codes.
        ("OVD101", {"path": "s3://b/m.onnx", "bucket": "b"}, "S3 Could not infer model task", True),
    ],
)  # fmt: skip
def test_what_a_message_excludes(code: str, values: dict[str, str], text: str, expected: bool) -> None:
    assert possible(code, values, text) is expected


@pytest.mark.parametrize(
    "text",
    [
        "Error during LLM node initialization for models_path: /m exception: x",
        "Error during draft model initialization for draft models_path: /m",
        "Failed to process mediapipe graph config:[json.exception.parse_error.101]",
        "Failed to create Image Generation pipelines: x",
        "Pipeline from disk: x",
        "TextToSpeech node name: x",
    ],
)
def test_a_message_about_a_generative_model_has_the_codes_for_these(text: str) -> None:
    def of(*numbers: int) -> set[str]:
        return {of_generative_model(f"OVD{number}", text) for number in numbers}

    assert of(307, 313, 315, 318, 344) == {"OVD366"}
    assert of(301, 302, 303, 304, 305, 306, 308, 311, 312) == {"OVD367"}
    assert of(201, 202, 203) == {"OVD368"}
    assert of(316, 322, 323, 324, 341, 342) == {"OVD375"}
    assert of(321) == {"OVD372"}
    assert of(101, 431) == {"OVD101", "OVD431"}


def test_a_message_about_another_model_keeps_its_code() -> None:
    text = "Error: x; occurred during loading ov::Model model: m version: 1"
    assert of_generative_model("OVD307", text) == "OVD307"


@pytest.mark.parametrize(
    "expected",
    [
        ("OVD405", "OVD205"),
        ("OVD803", "OVD801"),
        ("OVD430", "OVD333"),
        ("OVD505", "OVD503"),
        ("OVD202", "OVD201", "OVD110"),
        ("OVD432", "OVD731", "OVD433", "OVD342"),
        ("OVD301", "OVD303", "OVD302", "OVD304", "OVD305", "OVD306", "OVD203"),
        ("OVD744", "OVD432", "OVD369", "OVD370", "OVD372", "OVD374", "OVD371", "OVD373", "OVD367", "OVD368",
         "OVD366", "OVD375", "OVD823", "OVD822", "OVD821"),
    ],
)  # fmt: skip
def test_the_likeliest_cause_comes_first(expected: tuple[str, ...]) -> None:
    assert by_likelihood(expected[::-1]) == list(expected)
    assert by_likelihood(sorted(expected)) == list(expected)


def test_other_codes_keep_their_place() -> None:
    assert by_likelihood(["OVD205", "OVD101", "OVD405"]) == ["OVD405", "OVD101", "OVD205"]
    assert by_likelihood(["OVD203", "OVD201", "OVD202"]) == ["OVD203", "OVD202", "OVD201"]
