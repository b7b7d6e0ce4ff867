"""Codes of weights and other data next to the model's file: missing, misnamed, of the wrong size."""

from __future__ import annotations

from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.openvino_log import (
    APPLE_DOUBLE,
    BAD_INDEX,
    NO_WEIGHTS,
    RUNTIME_TEXT,
    UNREADABLE,
    WRONG_WEIGHTS,
)

WEIGHTS_MISSING = Code(
    code="OVD307",
    name="weights-missing",
    severity="error",
    summary=("The IR has no weights beside the .xml: the same name with .bin in lower case"),
    remedy="Put the .bin beside the .xml, with the same name up to the suffix.",
    log=(
        server_log.READ_FAILED,
        NO_WEIGHTS,
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD315", "OVD313", "OVD111"),
    example=Example("m/1/model.xml\nm/1/other.bin", "m/1/model.xml\nm/1/model.bin"),
)

WEIGHTS_TOO_SMALL = Code(
    code="OVD308",
    name="weights-too-small",
    severity="error",
    summary="The .bin is shorter than the .xml requires",
    remedy="Copy .xml and .bin again, both from the same export, and compare their sizes.",
    log=(
        server_log.READ_FAILED,
        WRONG_WEIGHTS,
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD302", "OVD307"),
    example=Example("m/1/model.bin   272 bytes, 288 needed", "m/1/model.bin   288 bytes"),
)

WEIGHTS_ZERO_FILLED = Code(
    code="OVD309",
    name="weights-zero-filled",
    severity="warning",
    summary=("The .bin has the right length, but large parts of it are zero bytes or were never written"),
    remedy=(
        "Copy the .bin again from a complete source, and compare checksums. The files of a version "
        "that is served are not read again: put them into a new version directory, or restart the "
        "server."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD308", "OVD310"),
    example=Example("m/1/model.bin   the last 2 GB are zero", "m/1/model.bin   copied again"),
)

WEIGHTS_TRAILING_BYTES = Code(
    code="OVD310",
    name="weights-trailing-bytes",
    severity="warning",
    summary="The .bin is longer than the .xml needs",
    remedy="Make sure that .xml and .bin come from the same export.",
    releases=ALL_RELEASES,
    see_also=("OVD308",),
    example=Example(
        "m/1/model.bin   1288 bytes, 288 needed", "m/1/model.bin   288 bytes, from the same export"
    ),
)

WEIGHTS_NAME_MISMATCH = Code(
    code="OVD315",
    name="weights-name-mismatch",
    severity="error",
    summary="The directory has weights, but not under the name that belongs to the .xml of the server",
    remedy="Give the .bin the .xml's name with .bin in lower case; delete files that begin with ._ .",
    log=(
        server_log.READ_FAILED,
        NO_WEIGHTS,
        APPLE_DOUBLE,
        *UNREADABLE,
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD307", "OVD113"),
    example=Example("m/1/model.xml\nm/1/model.BIN", "m/1/model.xml\nm/1/model.bin"),
)

EXTERNAL_DATA_MISSING = Code(
    code="OVD318",
    name="external-data-missing",
    severity="error",
    summary=(
        "Files that belong to the model are missing beside it: an ONNX model's external data, a "
        "SavedModel's variables"
    ),
    remedy="Copy those files too, under the names and in the sub-directory that the model expects.",
    log=(
        server_log.READ_FAILED,
        "Invalid usage of method for externally stored data in file ({file}, offset: {offset}",
        # Until 2025.4.
        "invalid external data: ExternalDataInfo(data_full_path: {file}, offset: {offset}",
        "[TensorFlow Frontend] Saved Model doesn't contain any applicable MetaGraph",
        BAD_INDEX,
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD307",),
    example=Example("m/1/model.onnx", "m/1/model.onnx\nm/1/weights.data"),
)


CODES = (
    WEIGHTS_MISSING,
    WEIGHTS_TOO_SMALL,
    WEIGHTS_ZERO_FILLED,
    WEIGHTS_TRAILING_BYTES,
    WEIGHTS_NAME_MISMATCH,
    EXTERNAL_DATA_MISSING,
)
