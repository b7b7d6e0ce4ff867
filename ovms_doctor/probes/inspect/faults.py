"""Every kind of fault that static reading names, once.

The code that finds a fault decides ``fatal`` of the :class:`~ovms_doctor.model.facts.Fault`; the last column says what
OpenVINO 2026.4.1 does with it ("depends": it differs by fault, e.g. whether the file is too short).

| kind | what it is | read_model |
|---|---|---|
| empty-file | the model file is empty | refuses; Paddle reads an empty model |
| git-lfs-pointer | a Git LFS pointer was copied in place of the file | refuses |
| html-page | a web page (login, "not found") was saved in place of the file | refuses |
| archive | gzip, zip, tar, xz, 7z, zstd or bzip2, not unpacked | refuses |
| zero-filled | only zero bytes: an interrupted or preallocated copy | refuses |
| apple-double | macOS metadata (``._name``) instead of the file | refuses |
| text | plain text or JSON | refuses |
| wrong-format | another model format, or an image, under this suffix | depends on what it is |
| directory | a directory has the name of the model file | depends: read as a SavedModel |
| not-regular | FIFO, socket or device | may hang; never opened here |
| too-large-to-read | XML beyond the limit of this reader, or out of memory | not judged |
| not-ir | XML whose first element is not ``<net>`` | refuses |
| xml-malformed | OpenVINO's XML parser fails, usually at a cut end | refuses |
| xml-tolerated | not well-formed XML, yet OpenVINO's parser accepts it | loads |
| ir-version | ``<net version>`` is not 10 or 11 | refuses |
| graph-empty | no layer, or no Parameter and no Result: an empty model | loads |
| layer-bad | a layer, port or edge lacks a mandatory attribute, or it is not a number | refuses |
| layer-duplicate-id | two layers with one id: the last wins | loads; a follow-up fault may be fatal |
| layer-without-version | a layer without ``version`` (its opset) | refuses |
| edge-dangling | an edge to or from a missing layer | depends: only what outputs reach is built |
| edge-cycle | layers that feed each other | refuses |
| port-missing | an edge names a port that its layer does not have | refuses if reached |
| input-not-connected | a declared input without an edge | depends |
| element-type-unknown | an element type or precision unknown to OpenVINO | refuses if reached |
| shape-bad | a Parameter's shape that cannot be parsed | refuses |
| crash-prone | a pattern that is known to crash read_model | crashes, does not refuse |
| weights-missing | no same-stem ``.bin`` where constants need one | refuses |
| weights-suffix-case | the weights exist, in another case (``.BIN``) | refuses |
| weights-other-name | a ``.bin`` that belongs to no ``.xml`` exists | refuses |
| weights-unreadable | ``.bin`` could not be opened here | not judged |
| weights-too-small | a constant lies beyond the end of ``.bin`` | refuses |
| weights-lfs-pointer | ``.bin`` is a Git LFS pointer | depends on its size: else garbage weights |
| weights-html | ``.bin`` is a web page | depends on its size: else garbage weights |
| weights-bad-reference | a constant's offset, size or shape is missing or wrong | refuses if reached |
| weights-zero-tail | ``.bin`` ends in zeros from the middle of a constant | loads, wrong results |
| weights-sparse | ``.bin`` has holes that were never written | loads, wrong results |
| weights-all-zero | ``.bin`` is zeros throughout | loads, wrong results |
| weights-trailing-bytes | ``.bin`` is longer than the constants need | loads |
| dangling-link | a symbolic link to a weights file leads nowhere | refuses if needed |
| external-data-missing | ONNX external data file is missing | refuses |
| external-data-too-small | ONNX external data ends before a tensor does | refuses |
| external-data-outside | ONNX external data outside of the model's directory | not judged |
| truncated | the file ends within a record, or is not a record | refuses |
| saved-model-missing-pb | no ``saved_model.pb`` in the directory | refuses |
| saved-model-empty | ``saved_model.pb`` without any graph | refuses |
| saved-model-variables-missing | variables, but no ``variables.index`` or data | not judged |
"""

from __future__ import annotations

EMPTY_FILE = "empty-file"
GIT_LFS_POINTER = "git-lfs-pointer"
HTML_PAGE = "html-page"
ARCHIVE = "archive"
ZERO_FILLED = "zero-filled"
APPLE_DOUBLE = "apple-double"
TEXT = "text"
WRONG_FORMAT = "wrong-format"
DIRECTORY = "directory"
NOT_REGULAR = "not-regular"
TOO_LARGE = "too-large-to-read"

NOT_IR = "not-ir"
XML_MALFORMED = "xml-malformed"
XML_TOLERATED = "xml-tolerated"
IR_VERSION = "ir-version"
GRAPH_EMPTY = "graph-empty"
LAYER_BAD = "layer-bad"
LAYER_DUPLICATE_ID = "layer-duplicate-id"
LAYER_WITHOUT_VERSION = "layer-without-version"
EDGE_DANGLING = "edge-dangling"
EDGE_CYCLE = "edge-cycle"
PORT_MISSING = "port-missing"
INPUT_NOT_CONNECTED = "input-not-connected"
ELEMENT_TYPE_UNKNOWN = "element-type-unknown"
SHAPE_BAD = "shape-bad"
CRASH_PRONE = "crash-prone"

WEIGHTS_MISSING = "weights-missing"
WEIGHTS_SUFFIX_CASE = "weights-suffix-case"
WEIGHTS_OTHER_NAME = "weights-other-name"
WEIGHTS_UNREADABLE = "weights-unreadable"
WEIGHTS_TOO_SMALL = "weights-too-small"
WEIGHTS_LFS_POINTER = "weights-lfs-pointer"
WEIGHTS_HTML = "weights-html"
WEIGHTS_BAD_REFERENCE = "weights-bad-reference"
WEIGHTS_ZERO_TAIL = "weights-zero-tail"
WEIGHTS_SPARSE = "weights-sparse"
WEIGHTS_ALL_ZERO = "weights-all-zero"
WEIGHTS_TRAILING_BYTES = "weights-trailing-bytes"
DANGLING_LINK = "dangling-link"

EXTERNAL_DATA_MISSING = "external-data-missing"
EXTERNAL_DATA_TOO_SMALL = "external-data-too-small"
EXTERNAL_DATA_OUTSIDE = "external-data-outside"
TRUNCATED = "truncated"
SAVED_MODEL_MISSING_PB = "saved-model-missing-pb"
SAVED_MODEL_EMPTY = "saved-model-empty"
SAVED_MODEL_VARIABLES_MISSING = "saved-model-variables-missing"

#: All kinds, for tests and documentation that must cover each of them.
KINDS: tuple[str, ...] = tuple(
    value for name, value in sorted(globals().items()) if name.isupper() and isinstance(value, str)
)
