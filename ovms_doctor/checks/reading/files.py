"""Codes of files whose content does not fit their names, or is not complete."""

from __future__ import annotations

from ovms_doctor.model import server_log
from ovms_doctor.model.codes import Code, Example
from ovms_doctor.model.openvino_log import (
    BAD_INDEX,
    NOT_A_SAVED_MODEL,
    NOT_A_TFLITE,
    NOT_PARSED,
    RUNTIME_TEXT,
    UNREADABLE,
    WRONG_WEIGHTS,
)

NOT_A_MODEL = Code(
    code="OVD301",
    name="not-a-model",
    severity="error",
    summary="The file is not a model of any format that OpenVINO reads",
    remedy="Read the content of the file, and replace it with the model.",
    log=(
        server_log.READ_FAILED,
        *UNREADABLE,
        NOT_PARSED,
        NOT_A_SAVED_MODEL,
        NOT_A_TFLITE,
        BAD_INDEX,
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD203", "OVD302", "OVD303", "OVD311"),
    example=Example("m/1/model.onnx   a text file", "m/1/model.onnx   an ONNX model"),
)

GIT_LFS_POINTER = Code(
    code="OVD302",
    name="git-lfs-pointer",
    severity="error",
    summary="The file of the model or its weights is a Git LFS pointer (a text of some 130 bytes)",
    remedy="Run git lfs pull where the repository was cloned, and copy the files again.",
    log=(
        server_log.READ_FAILED,
        *UNREADABLE,
        WRONG_WEIGHTS,
        NOT_PARSED,
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD301", "OVD308"),
    example=Example(
        "m/1/model.onnx   version https://git-lfs.github.com/spec/v1 …", "m/1/model.onnx   an ONNX model"
    ),
)

HTML_PAGE = Code(
    code="OVD303",
    name="html-page",
    severity="error",
    summary="The file of the model or its weights is a web page",
    remedy=(
        "Download the file again, with the token or cookie that the site requires, and compare its size."
    ),
    log=(
        server_log.READ_FAILED,
        *UNREADABLE,
        WRONG_WEIGHTS,
        NOT_PARSED,
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD301", "OVD302"),
    example=Example("m/1/model.onnx   <!DOCTYPE html> …", "m/1/model.onnx   an ONNX model"),
)

ARCHIVE = Code(
    code="OVD304",
    name="archive",
    severity="error",
    summary="The model's file is an archive or compressed (zip, gzip, tar, xz, 7z, zstd, bzip2)",
    remedy="Unpack it, and put the files into the version directory.",
    log=(
        server_log.READ_FAILED,
        *UNREADABLE,
        WRONG_WEIGHTS,
        NOT_PARSED,
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD301",),
    example=Example("m/1/model.onnx   a zip archive", "m/1/model.onnx   what was in the archive"),
)

EMPTY_FILE = Code(
    code="OVD305",
    name="empty-file",
    severity="error",
    summary="The model's file has no content",
    remedy="Copy the file again from a complete source.",
    log=(
        server_log.READ_FAILED,
        *UNREADABLE,
        WRONG_WEIGHTS,
    ),
    recovers="next_poll",
    releases=(
        "The same in all releases. An empty Paddle model was AVAILABLE until 2024.3; since 2024.4 it "
        "is refused for having no inputs (OVD331)."
    ),
    see_also=("OVD301", "OVD306", "OVD331"),
    example=Example("m/1/model.onnx   0 bytes", "m/1/model.onnx   complete"),
)

TRUNCATED_MODEL = Code(
    code="OVD306",
    name="truncated-model",
    severity="error",
    summary="The model's file ends too early, or consists of zero bytes only",
    remedy=(
        "Copy the file again from a complete source. Copy new versions under another name and rename "
        "them at the end."
    ),
    log=(
        server_log.READ_FAILED,
        NOT_PARSED,
        NOT_A_TFLITE,
        "TFLite model has no subgraphs in file: {path}",
        NOT_A_SAVED_MODEL,
        BAD_INDEX,
        *UNREADABLE,
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD312", "OVD308"),
    example=Example("m/1/model.onnx   10 of 100 MB", "m/1/model.onnx   100 MB"),
)


CODES = (NOT_A_MODEL, GIT_LFS_POINTER, HTML_PAGE, ARCHIVE, EMPTY_FILE, TRUNCATED_MODEL)
