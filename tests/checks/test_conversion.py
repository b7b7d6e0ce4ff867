"""Files of other programs: what each is, and how a model that OVMS reads is made of it."""

from __future__ import annotations

import pytest

from ovms_doctor.checks.context import Context
from ovms_doctor.checks.conversion import foreign_file, holds_model
from ovms_doctor.model.facts import Facts
from ovms_doctor.model.plan import Plan
from tests.prediction.memory import deployment

CONTEXT = Context(deployment(), Plan("config", "serves"), Facts(complete=True))
OTHER = "Convert the model that it was made from, as ONNX or with openvino.convert_model."
OPTIMUM = "optimum-cli export openvino --model /m/1 NEW_DIRECTORY"
EXPORT = "Export the model as ONNX with the program that wrote it, and serve the .onnx file."


@pytest.mark.parametrize(
    ("name", "kind", "step"),
    [
        ("pytorch_model.bin", "a file of Hugging Face weights", OPTIMUM),
        ("model.safetensors", "a file of Hugging Face weights", OPTIMUM),
        ("a.bin.index.json", "a file of Hugging Face weights", OPTIMUM),
        *((f"a{suffix}", "a PyTorch model", f"yolo export model=/m/1/a{suffix} format=openvino")
          for suffix in (".pt", ".PT", ".pth", ".pt2", ".torchscript")),
        *((f"a{suffix}", "a training checkpoint", OTHER) for suffix in (".ckpt", ".ckpt.meta", ".ckpt.index")),
        *((f"a{suffix}", "an engine of TensorRT", OTHER) for suffix in (".engine", ".plan", ".trt")),
        *((f"a{suffix}", "a pickled Python object", EXPORT) for suffix in (".pkl", ".pickle", ".joblib")),
        *((f"a{suffix}", "a Caffe model", EXPORT) for suffix in (".caffemodel", ".prototxt")),
        *((f"a{suffix}", "a model of another program", EXPORT) for suffix in (".mlmodel", ".nemo", ".msgpack")),
        *((f"a{suffix}", "an archive", f"unzip /m/1/a{suffix} -d /m/1") for suffix in (".zip", ".mar")),
        *((f"a{suffix}", "an archive", f"tar -xf /m/1/a{suffix} -C /m/1")
          for suffix in (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")),
    ],
)  # fmt: skip
def test_the_program_and_the_way(name: str, kind: str, step: str) -> None:
    found = foreign_file(CONTEXT, "/m/1", ["readme.txt", name])
    assert found is not None
    assert (found.name, found.format) == (name, f"{kind}, which OVMS does not read")
    assert step in (found.steps[0].command or found.steps[0].text)


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".keras"])
def test_a_keras_model_is_loaded_by_tensorflow(suffix: str) -> None:
    found = foreign_file(CONTEXT, "s3://b/m/1", [f"a{suffix}"])
    assert found is not None
    assert found.format.startswith("a Keras model")
    assert (found.steps[0].command or "").endswith(f"' s3://b/m/1/a{suffix} NEW_DIRECTORY/1/model.xml")


def test_a_gguf_model_is_served_in_a_graph() -> None:
    found = foreign_file(CONTEXT, "/m/1", ["b.gguf", "c.zip"])
    assert found is not None
    assert (found.name, found.format) == (
        "b.gguf",
        "a GGUF model of llama.cpp, which OVMS serves in a graph only",
    )
    assert 'models_path: "./b.gguf"' in found.steps[0].text


@pytest.mark.parametrize(
    ("names", "foreign", "model"),
    [
        (["readme.txt"], None, False),
        (["model.bin"], None, False),
        (["a.pdiparams"], None, False),
        (["a.PDIPARAMS", "b.pt"], "b.pt", False),
        (["a.pdmodel", "a.pdiparams", "b.pt"], "b.pt", True),
        *(([f"a{suffix}"], None, True) for suffix in (".xml", ".XML", ".onnx", ".pb", ".pdmodel", ".tflite")),
        (["b.pt", "a.zip"], "a.zip", False),
    ],
)  # fmt: skip
def test_models_that_ovms_reads_are_not_foreign(names: list[str], foreign: str | None, model: bool) -> None:
    found = foreign_file(CONTEXT, "/m/1", names)
    assert (None if found is None else found.name) == foreign
    assert holds_model(names) is model
