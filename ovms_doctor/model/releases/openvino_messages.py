"""The messages of ``read_model`` of other OpenVINO releases on the same fault (measured with each release's wheel).

OVMS contains the OpenVINO of its own year and minor number; the runtime that read a model here may be another one,
with other messages. Source: data/openvino-messages.json, 21 releases from 2023.0.0 to 2026.4.1.
"""

from __future__ import annotations

from ovms_doctor.model.releases.release import Release
from ovms_doctor.model.releases.tables import read_table

#: A part of OpenVINO's last line, and its kind of broken model in the table. A suffix as second value: only for a
#: file with it.
_CASES = (
    ("Incorrect weights in bin file", "", "bin-short"),
    ("Empty weights data in bin file", "", "bin-missing"),
    ("from unsupported opset", "", "op-extension"),
    ("doesn't contain the operation with type", "", "op-unknown"),
    ("Unable to read the model", ".xml", "xml-text"),
    ("Unable to read the model", ".onnx", "onnx-garbage"),
    ("Unable to read the model", ".pb", "pb-garbage"),
    ("Unable to read the model", ".tflite", "tflite-garbage"),
)
#: In the table these cases name their own operation and layer, not those of the model.
_NAMES_ITS_OWN = {"op-extension", "op-unknown"}


def text_of_release(release: Release, line: str, path: str) -> tuple[str, str] | None:
    """Returns the OpenVINO of an OVMS release, and the last line that it writes about the fault that another
    OpenVINO reports as ``line`` about ``path``. None if that is unknown, or the fault is not in the table."""
    for part, suffix, case in _CASES:
        if part in line and path.lower().endswith(suffix) and case not in _NAMES_ITS_OWN:
            return _of_case(case, release, path)
    return None


def _of_case(case: str, release: Release, path: str) -> tuple[str, str] | None:
    numbers = release.numbers[:2]
    for entry in read_table("openvino-messages")["cases"][case]:
        first, last = _numbers(entry["releases"][0]), _numbers(entry["releases"][-1])
        if first[:2] <= numbers <= last[:2]:
            lines = [
                text.strip() for text in entry["text"].replace("{file}", path).splitlines() if text.strip()
            ]
            return ".".join(map(str, numbers)), lines[-1]
    return None


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split("."))
