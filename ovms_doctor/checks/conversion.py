"""Model files of other programs, which OVMS does not read: what they are, and how to convert or serve them."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable

from msgspec import Struct

from ovms_doctor.checks.context import Context, quote
from ovms_doctor.model.findings import Step
from ovms_doctor.model.model_files import MODEL_SUFFIXES
from ovms_doctor.model.names import is_remote


class ForeignFile(Struct, frozen=True):
    """A model file that OVMS does not read."""

    #: Its name.
    name: str
    #: The format, the program that writes it, and that OVMS does not read it: the end of a sentence after "is".
    format: str
    #: How it is converted or served.
    steps: tuple[Step, ...]


_Steps = Callable[[Context, str], tuple[Step, ...]]


def foreign_file(context: Context, directory: str, names: Iterable[str]) -> ForeignFile | None:
    """Returns the first of the files in ``directory``, a server path, that is a model in a format of another
    program; None for none. Weights of a model in a format that OVMS reads do not count."""
    for name in sorted(names):
        found = _format_of(name)
        if found is not None:
            text, steps = found
            if steps is not _gguf:
                text += ", which OVMS does not read"
            return ForeignFile(name, text, steps(context, posixpath.join(directory, name)))
    return None


def holds_model(names: Iterable[str]) -> bool:
    """Returns whether one of the files is a model in a format that OVMS reads; weights alone do not count: the server
    loads a .bin only with its .xml, a .pdiparams only with its .pdmodel (modelinstance.cpp)."""
    return any(name.lower().endswith(MODEL_SUFFIXES) for name in names)


def _format_of(name: str) -> tuple[str, _Steps] | None:
    lower = name.lower()
    for suffixes, text, steps in _FORMATS:
        if lower.endswith(suffixes):
            return text, steps
    return None


def _pytorch(context: Context, path: str) -> tuple[Step, ...]:
    host = _host(context, path)
    yolo = Step(
        "If it is a model of Ultralytics (YOLO), export it.",
        f"yolo export model={host} format=openvino",
        "host",
        "changes files",
    )
    other = Step(
        "Else load it with PyTorch, convert it with openvino.convert_model(model, example_input=…), and save it with "
        "openvino.save_model as model.xml in a version directory."
    )
    return yolo, other


def _keras(context: Context, path: str) -> tuple[Step, ...]:
    host = _host(context, path)
    script = (
        "import sys, openvino, tensorflow; openvino.save_model(openvino.convert_model("
        "tensorflow.keras.models.load_model(sys.argv[1])), sys.argv[2])"
    )
    return (
        Step(
            "Convert it with TensorFlow and OpenVINO.",
            f"python -c '{script}' {host} NEW_DIRECTORY/1/model.xml",
            "host",
            "changes files",
        ),
    )


def _hugging_face(context: Context, path: str) -> tuple[Step, ...]:
    directory = _host(context, posixpath.dirname(path))
    return (
        Step(
            "Convert the model, with its config.json and tokenizer, into a new directory, and serve that.",
            f"optimum-cli export openvino --model {directory} NEW_DIRECTORY",
            "host",
            "changes files",
        ),
    )


def _gguf(context: Context, path: str) -> tuple[Step, ...]:
    name = posixpath.basename(path)
    return (
        Step(
            f'Serve it as a generative model: put a graph.pbtxt beside it whose node has models_path: "./{name}", and '
            "name its directory. OVMS reads GGUF files of llama, qwen2 and qwen3 models since 2025.3."
        ),
    )


def _from_the_original(context: Context, path: str) -> tuple[Step, ...]:
    return (Step("Convert the model that it was made from, as ONNX or with openvino.convert_model."),)


def _onnx(context: Context, path: str) -> tuple[Step, ...]:
    return (Step("Export the model as ONNX with the program that wrote it, and serve the .onnx file."),)


def _archive(context: Context, path: str) -> tuple[Step, ...]:
    host, directory = _host(context, path), _host(context, posixpath.dirname(path))
    lower = path.lower()
    command = f"tar -xf {host} -C {directory}"
    if lower.endswith((".zip", ".mar")):
        command = f"unzip {host} -d {directory}"
    return (
        Step(
            "Unpack it, and put the model's files into a version directory.", command, "host", "changes files"
        ),
    )


#: Suffixes in lower case, the description of the file, and its steps. The first suffix that matches counts.
_FORMATS: tuple[tuple[tuple[str, ...], str, _Steps], ...] = (
    (("pytorch_model.bin", ".safetensors", ".bin.index.json"), "a file of Hugging Face weights", _hugging_face),
    ((".pt", ".pth", ".pt2", ".torchscript"), "a PyTorch model", _pytorch),
    ((".h5", ".hdf5", ".keras"), "a Keras model", _keras),
    ((".gguf",), "a GGUF model of llama.cpp, which OVMS serves in a graph only", _gguf),
    ((".ckpt", ".ckpt.meta", ".ckpt.index"), "a training checkpoint", _from_the_original),
    ((".engine", ".plan", ".trt"), "an engine of TensorRT", _from_the_original),
    ((".pkl", ".pickle", ".joblib"), "a pickled Python object", _onnx),
    ((".caffemodel", ".prototxt"), "a Caffe model", _onnx),
    ((".mlmodel", ".nemo", ".msgpack"), "a model of another program", _onnx),
    ((".zip", ".mar", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"), "an archive", _archive),
)  # fmt: skip


def _host(context: Context, path: str) -> str:
    return quote(path if is_remote(path) else context.host(path))
