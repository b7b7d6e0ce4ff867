"""Entries on the model's files: are they what their names say, whole, and together?"""

from __future__ import annotations

from ovms_doctor.model import server_log as log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.openvino_log import (
    APPLE_DOUBLE,
    BAD_INDEX,
    CANNOT_OPEN,
    NO_WEIGHTS,
    NOT_A_SAVED_MODEL,
    NOT_A_TFLITE,
    NOT_PARSED,
    RUNTIME_TEXT,
    UNREADABLE,
    WRONG_WEIGHTS,
)

_READ = (log.READ_FAILED,)

NOT_A_MODEL = Code(
    code="OVD301",
    name="not-a-model",
    severity="error",
    summary="The file is no model of any format that OpenVINO reads",
    remedy="Look at what the file really is, and put the model in its place.",
    log=(
        *_READ,
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
    summary="A Git LFS pointer (a text of some 130 bytes) lies in place of the model or its weights",
    remedy="Run git lfs pull where the repository was cloned, and copy the files again.",
    log=(
        *_READ,
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
    summary="A web page was saved in place of the model or its weights",
    remedy=(
        "Download the file again, with what the site asks for (a token, a cookie), and compare its size."
    ),
    log=(
        *_READ,
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
    summary="A packed file (zip, gzip, tar, xz, 7z, zstd, bzip2) lies in place of the model",
    remedy="Unpack it, and put the files into the version directory.",
    log=(
        *_READ,
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
    remedy="Copy the file again from where it is whole.",
    log=(
        *_READ,
        *UNREADABLE,
        WRONG_WEIGHTS,
    ),
    recovers="next_poll",
    releases=(
        "The same in all releases. An empty Paddle model was AVAILABLE until 2024.3; since 2024.4 it "
        "is refused for having no inputs (OVD331)."
    ),
    see_also=("OVD301", "OVD306", "OVD331"),
    example=Example("m/1/model.onnx   0 bytes", "m/1/model.onnx   whole"),
)

TRUNCATED_MODEL = Code(
    code="OVD306",
    name="truncated-model",
    severity="error",
    summary="The model's file ends too early, or is nothing but zero bytes",
    remedy=(
        "Copy the file again from where it is whole. Copy new versions under another name and rename "
        "them at the end."
    ),
    log=(
        *_READ,
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

WEIGHTS_MISSING = Code(
    code="OVD307",
    name="weights-missing",
    severity="error",
    summary=("The IR's weights are not where OpenVINO looks: same directory, same name, .bin in lower case"),
    remedy="Put the .bin beside the .xml, with the same name up to the suffix.",
    log=(
        *_READ,
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
    summary="The .bin is shorter than the .xml says it must be",
    remedy="Copy .xml and .bin again, both from the same export, and compare their sizes.",
    log=(
        *_READ,
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
        "Copy the .bin again from where it is whole, and compare checksums. The files of a version "
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

IR_VERSION_UNSUPPORTED = Code(
    code="OVD311",
    name="ir-version-unsupported",
    severity="error",
    summary="The IR is of a version that this OpenVINO does not read: only 10 and 11 are",
    remedy=("Convert the original model again with a current OpenVINO (ovc or openvino.convert_model)."),
    log=(
        *_READ,
        *UNREADABLE,
        'node <net> has attribute "version" = {version} which is not an unsigned 64 bit integer',
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD301",),
    example=Example('<net name="m" version="6">', '<net name="m" version="11">'),
)

XML_MALFORMED = Code(
    code="OVD312",
    name="xml-malformed",
    severity="error",
    summary="The .xml breaks off or is damaged: OpenVINO's XML parser gives up",
    remedy="Copy the .xml again from where it is whole.",
    log=(
        *_READ,
        "Start-end tags mismatch at offset {offset}",
        "Error parsing element attribute at offset {offset}",
        "Error parsing start element tag at offset {offset}",
        "Error parsing end element tag at offset {offset}",
        "Could not determine tag type at offset {offset}",
        "Check 'res.status == pugi::status_ok' failed",
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD306", "OVD319"),
    example=Example("m/1/model.xml   ends within an element", "m/1/model.xml   ends with </net>"),
)

DANGLING_LINK = Code(
    code="OVD313",
    name="dangling-link",
    severity="error",
    summary="The model's file or its weights are a symbolic link that leads to nothing",
    remedy=(
        "Copy the file in place of the link, or mount the link's destination at the path to which it leads."
    ),
    log=(
        *_READ,
        "ir: Could not open the file: {path}",
        CANNOT_OPEN,
        NO_WEIGHTS,
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD124", "OVD307"),
    example=Example("m/1/model.onnx -> ../store/gone.onnx", "m/1/model.onnx"),
)

SPECIAL_FILE = Code(
    code="OVD314",
    name="special-file",
    severity="error",
    summary="The model's file is a FIFO or a device, which is never read to its end",
    remedy="Remove it, put the model's file in its place, and restart the server.",
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD118", "OVD904"),
    example=Example("prw-r--r-- m/1/model.onnx", "-rw-r--r-- m/1/model.onnx"),
)

WEIGHTS_NAME_MISMATCH = Code(
    code="OVD315",
    name="weights-name-mismatch",
    severity="error",
    summary="Weights are there, but not under the name that belongs to the .xml the server takes",
    remedy="Give the .bin the .xml's name with .bin in lower case; delete files that begin with ._ .",
    log=(
        *_READ,
        NO_WEIGHTS,
        APPLE_DOUBLE,
        *UNREADABLE,
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD307", "OVD113"),
    example=Example("m/1/model.xml\nm/1/model.BIN", "m/1/model.xml\nm/1/model.bin"),
)

GRAPH_INCONSISTENT = Code(
    code="OVD316",
    name="graph-inconsistent",
    severity="error",
    summary="The .xml is well-formed, but its layers, edges or constants contradict each other",
    remedy="Export the model again. If it was edited by hand, the evidence names the layer.",
    log=(
        *_READ,
        "Cannot create  layer  id:{id} from unsupported opset:",
        "Can not find output port with id {port} in layer {layer}",
        "Can not find input port with id {port} in layer {layer}",
        "has incorrect input with index {port}",
        "Attempt to access node {node} that not in graph.",
        "is missing mandatory attribute: {attribute} at offset {offset}",
        "which is not an unsigned 64 bit integer at offset {offset}",
        "Attribute and shape size are inconsistent for Const op!{sizes}",
        "While validating node {node}",
        "is inconsistent!",
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD312", "OVD341"),
    example=Example(
        '<edge from-layer="77" from-port="0" to-layer="2" to-port="0"/>   no layer 77', "exported again"
    ),
)

EMPTY_MODEL = Code(
    code="OVD317",
    name="empty-model",
    severity="warning",
    summary="The IR has no layers, or neither inputs nor outputs: OpenVINO reads it as an empty model",
    remedy="Export the model again.",
    releases="AVAILABLE until 2024.3; refused as OVD331 since 2024.4.",
    see_also=("OVD331", "OVD332"),
    example=Example('<net name="m" version="11"><layers/></net>', "exported again, with its layers"),
)

EXTERNAL_DATA_MISSING = Code(
    code="OVD318",
    name="external-data-missing",
    severity="error",
    summary=(
        "Files that belong to the model are not beside it: an ONNX model's external data, a "
        "SavedModel's variables"
    ),
    remedy="Copy those files too, under the names and in the sub-directory that the model expects.",
    log=(
        *_READ,
        "Invalid usage of method for externally stored data in file ({file}, offset: {offset}",
        "[TensorFlow Frontend] Saved Model doesn't contain any applicable MetaGraph",
        BAD_INDEX,
    ),
    recovers="next_poll",
    releases=RUNTIME_TEXT,
    see_also=("OVD307",),
    example=Example("m/1/model.onnx", "m/1/model.onnx\nm/1/weights.data"),
)

XML_TOLERATED = Code(
    code="OVD319",
    name="xml-tolerated",
    severity="info",
    summary="The .xml is not well-formed, but OpenVINO's XML parser accepts it",
    remedy="Nothing for the server's sake. Export the model again if other tools are to read it.",
    releases=ALL_RELEASES,
    see_also=("OVD312",),
    example=Example("a blank line before <?xml", "<?xml at the very beginning"),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "reading": (
        NOT_A_MODEL,
        GIT_LFS_POINTER,
        HTML_PAGE,
        ARCHIVE,
        EMPTY_FILE,
        TRUNCATED_MODEL,
        WEIGHTS_MISSING,
        WEIGHTS_TOO_SMALL,
        WEIGHTS_ZERO_FILLED,
        WEIGHTS_TRAILING_BYTES,
        IR_VERSION_UNSUPPORTED,
        XML_MALFORMED,
        DANGLING_LINK,
        SPECIAL_FILE,
        WEIGHTS_NAME_MISMATCH,
        GRAPH_INCONSISTENT,
        EMPTY_MODEL,
        EXTERNAL_DATA_MISSING,
        XML_TOLERATED,
    ),
}
