"""The checks of a message against a model (`RequestValidator`, predict_request_validation_utils.hpp).

Both APIs use the same steps in the same order; texts and fields differ (kfs_frontend/validation.cpp and, until 2026.2,
tfs_frontend/validation.cpp). Inputs are checked in the order of their names.
"""

from typing import Literal, TypeAlias

from ovms_doctor.model.client_request import NO_CONTENTS, InferMessage, InferTensor, RequestPosition
from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import ELEMENT_SIZES, ServedInput, ServedModel, dimension_matches
from ovms_doctor.prediction.requests.binary_extension import element_count
from ovms_doctor.prediction.requests.statuses import StatusError

#: The remaining need of a valid request: nothing, another batch size, or another shape.
Need: TypeAlias = Literal["", "batch", "shape"]
Hint: TypeAlias = Literal["string", "string 2D", "image", "none"]

#: Fields of InferTensorContents by the model's precision (`getElementsCount`).
_FIELDS = {
    "BOOL": "bool_contents",
    "I8": "int_contents",
    "I16": "int_contents",
    "I32": "int_contents",
    "I64": "int64_contents",
    "U8": "uint_contents",
    "U16": "uint_contents",
    "U32": "uint_contents",
    "U64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "STRING": "bytes_contents",
}
_GIB = 1 << 30
#: sizeof(std::string) is 32.
_MOST_STRINGS = _GIB // 32
#: The gRPC service and older releases keep sizes in 64 bits.
_SIZE = 2**64


def processing_hint(model_input: ServedInput, release: Release) -> Hint:
    """Returns how encoded data of an input are converted (`TensorInfo::createProcessingHints`)."""
    if model_input.precision == "STRING" and release.at_least(2024, 0):
        return "string"
    if (
        len(model_input.shape) == 2
        and model_input.precision == "U8"
        and not model_input.is_split
        and release.at_least(2023, 0)
    ):
        return "string 2D"
    return "image" if len(model_input.shape) - model_input.is_split == 4 else "none"


def shape_text(shape: tuple[int, ...]) -> str:
    """Returns a request's shape as the server writes it."""
    return "(" + ",".join(str(dimension) for dimension in shape) + ")"


class Validator:
    """One message checked against one model."""

    def __init__(self, message: InferMessage, model: ServedModel, release: Release, *, tfs: bool) -> None:
        self._message = message
        self._model = model
        self._release = release
        self._tfs = tfs
        self._need: Need = ""

    def validate(self) -> Need:
        """Validates the request, and returns what it still needs. Raises StatusError with the first fault."""
        self._number_of_inputs()
        if not self._tfs:
            self._coherency()
        for model_input in sorted(
            self._model.inputs, key=lambda item: item.name.encode("utf-8", "surrogateescape")
        ):
            index, sent = self._find(model_input)
            self._input(model_input, sent, index)
        return self._need

    # -- the message as a whole ----------------------------------------------------------------------
    def _number_of_inputs(self) -> None:
        expected, actual = len(self._model.inputs), len(self._message.inputs)
        if actual == 0 or expected != actual:
            details = f"Expected: {expected}; Actual: {actual}"
            raise StatusError("INVALID_NO_OF_INPUTS", details, RequestPosition("$.inputs"))

    def _coherency(self) -> None:
        if not self._message.raw:
            return
        for sent in self._message.inputs:
            if sent.contents is not None:
                details = (
                    "Passing buffers both in InferInputTensor contents and in raw_input_contents is not allowed. "
                    f"Detected buffer in InferInputTensor contents for input: {sent.name}"
                )
                raise StatusError("INVALID_MESSAGE_STRUCTURE", details, _at(sent, "data"))

    def _find(self, model_input: ServedInput) -> tuple[int, InferTensor]:
        for index, sent in enumerate(self._message.inputs):
            if sent.name == model_input.name:
                return index, sent
        details = f"Required input: {model_input.name}"
        raise StatusError(
            "INVALID_MISSING_INPUT", details, RequestPosition("$.inputs", None, model_input.name)
        )

    # -- one input -----------------------------------------------------------------------------------
    def _label(self, sent: InferTensor) -> str:
        """Returns the end of a message: the input's name, since 2024.5 with repeated text."""
        doubled = not self._tfs and self._release.at_least(2024, 5)
        return f"input name: {'input name: ' if doubled else ''}{sent.name}"

    def _named(self, sent: InferTensor) -> str:
        """Returns the name alone, as some texts put it."""
        doubled = not self._tfs and self._release.at_least(2024, 5)
        return f"input name: {sent.name}" if doubled else sent.name

    def _fail(self, code: str, details: str, sent: InferTensor, member: str) -> StatusError:
        return StatusError(code, f"{details}; {self._label(sent)}", _at(sent, member))

    def _buffer(self, index: int, sent: InferTensor) -> bytes:
        if index >= len(self._message.raw):
            raise StatusError("UNDEFINED", "", _at(sent, "data"))
        return self._message.raw[index]

    def _input(self, model_input: ServedInput, sent: InferTensor, index: int) -> None:
        least = 0 if self._release.at_least(2023, 1) else 1
        if any(dimension < least for dimension in sent.shape):
            details = f"Negative or zero dimension size is not acceptable: {shape_text(sent.shape)}"
            raise self._fail("INVALID_SHAPE", details, sent, "shape")
        batch_index = model_input.batch_index
        if batch_index is not None and batch_index >= len(model_input.shape):
            raise StatusError("INTERNAL_ERROR", "", _at(sent, "shape"))
        if sent.datatype == ("STRING" if self._tfs else "BYTES") and self._encoded(model_input, sent, index):
            return
        expected = model_input.precision if self._tfs else model_input.datatype
        if sent.datatype != expected:
            details = f"Expected: {model_input.precision}; Actual: {sent.datatype}"
            raise self._fail("INVALID_PRECISION", details, sent, "datatype")
        if len(model_input.shape) != len(sent.shape):
            details = f"Expected: {model_input.shape_text}; Actual: {shape_text(sent.shape)}"
            raise self._fail("INVALID_NO_OF_SHAPE_DIMENSIONS", details, sent, "shape")
        self._batch(model_input, sent, batch_index)
        self._shape(model_input, sent, batch_index)
        self._content(model_input, sent, index)

    def _batch(self, model_input: ServedInput, sent: InferTensor, batch_index: int | None) -> None:
        batch = model_input.batch
        if batch is None or batch_index is None or dimension_matches(batch, sent.shape[batch_index]):
            return
        if self._model.batch_auto:
            self._need = "batch"
        elif not model_input.shape_auto:
            details = f"Expected: {batch}; Actual: {sent.shape[batch_index]}"
            raise self._fail("INVALID_BATCH_SIZE", details, sent, f"shape[{batch_index}]")

    def _shape(self, model_input: ServedInput, sent: InferTensor, batch_index: int | None) -> None:
        skipped = None
        if self._model.batch_auto:
            if batch_index is None:
                raise StatusError("INTERNAL_ERROR", "", _at(sent, "shape"))
            skipped = batch_index
        wrong = [
            position
            for position, (dimension, value) in enumerate(zip(model_input.shape, sent.shape, strict=True))
            if position != skipped and not dimension_matches(dimension, value)
        ]
        if not wrong:
            return
        if model_input.shape_auto:
            self._need = "shape"
            return
        details = f"Expected: {model_input.shape_text}; Actual: {shape_text(sent.shape)}"
        raise self._fail("INVALID_SHAPE", details, sent, f"shape[{wrong[0]}]")

    # -- encoded data --------------------------------------------------------------------------------
    def _encoded(self, model_input: ServedInput, sent: InferTensor, index: int) -> bool:
        """Checks strings and images; returns whether nothing else of this input is checked."""
        hint = processing_hint(model_input, self._release)
        if self._message.raw and not self._tfs:
            batch, width = self._raw_strings(self._buffer(index, sent), sent)
        else:
            strings = (sent.contents or NO_CONTENTS).strings
            batch, width = len(strings), max((len(text) for text in strings), default=0) + 1
        if hint == "string":
            if batch > _MOST_STRINGS and self._release.at_least(2026, 3):
                details = f"; element count {batch} exceeds max {_MOST_STRINGS}"
                raise StatusError("INVALID_STRING_MAX_SIZE_EXCEEDED", details, _at(sent, "data"))
            return False
        if hint == "none":
            raise StatusError("NOT_IMPLEMENTED", "", _at(sent, "datatype"))
        if len(sent.shape) != 1:
            kind = "binary input" if self._tfs or not self._release.at_least(2023, 0) else "input"
            details = f"Expected number of {kind} shape dimensions: 1; Actual: {len(sent.shape)}"
            raise self._fail("INVALID_NO_OF_SHAPE_DIMENSIONS", details, sent, "shape")
        if hint == "string 2D":
            self._limit_2d(batch, width, sent)
        self._encoded_batch(model_input, sent, batch)
        if hint == "string 2D":
            self._width(model_input, sent, batch, width)
        return True

    def _raw_strings(self, buffer: bytes, sent: InferTensor) -> tuple[int, int]:
        """Applies `getRawInputContentsBatchSizeAndWidth`: each element follows four bytes with its length."""
        position, count, longest = 0, 0, 0
        while position + 4 <= len(buffer):
            length = int.from_bytes(buffer[position : position + 4], "little")
            longest = max(longest, length)
            position += 4 + length
            count += 1
        if position != len(buffer):
            raise StatusError("INVALID_INPUT_FORMAT", "", _at(sent, "data"))
        return count, longest + 1

    def _limit_2d(self, batch: int, width: int, sent: InferTensor) -> None:
        if batch <= 0:
            raise StatusError("INVALID_BATCH_SIZE", "", _at(sent, "data"))
        if batch * width > _GIB:
            details = f"; actual {batch * width // (1 << 20)}MB (max 1GB)"
            raise StatusError("INVALID_STRING_MAX_SIZE_EXCEEDED", details, _at(sent, "data"))

    def _encoded_batch(self, model_input: ServedInput, sent: InferTensor, batch: int) -> None:
        expected = model_input.batch
        if expected is None:
            details = f"Batch not present in input name: {self._named(sent)}"
            raise StatusError("INVALID_BATCH_SIZE", details, _at(sent, "shape"))
        if sent.shape[0] != batch:
            raise StatusError("INVALID_BATCH_SIZE", "", _at(sent, "shape[0]"))
        if dimension_matches(expected, sent.shape[0]):
            return
        if self._model.batch_auto:
            self._need = "batch"
        elif not model_input.shape_auto:
            # The server writes the number of elements in the message itself, even if they are in a buffer.
            count = len((sent.contents or NO_CONTENTS).strings)
            raise self._fail("INVALID_BATCH_SIZE", f"Expected: {expected}; Actual: {count}", sent, "shape[0]")

    def _width(self, model_input: ServedInput, sent: InferTensor, batch: int, width: int) -> None:
        fits = dimension_matches(model_input.shape[1], width)
        if not self._model.batch_auto:
            fits = fits and dimension_matches(model_input.shape[0], batch)
        if fits:
            return
        if model_input.shape_auto:
            self._need = "shape"
            return
        details = (
            f"Expected batch size: {model_input.shape[0]}; got: {batch}; Expected max null terminated string length: "
            f"{model_input.shape[1]}; got: {width}"
        )
        raise self._fail("INVALID_SHAPE", details, sent, "data")

    # -- content -------------------------------------------------------------------------------------
    def _content(self, model_input: ServedInput, sent: InferTensor, index: int) -> None:
        expected = element_count(sent.shape)
        if expected is None:
            if self._release.at_least(2026, 3):
                raise self._fail("INVALID_CONTENT_SIZE", "Shape dimensions overflow", sent, "shape")
            expected = _product(sent.shape)
        if self._tfs:
            self._tfs_content(model_input, sent, expected)
        elif self._message.raw:
            self._raw_content(model_input, sent, expected, self._buffer(index, sent))
        else:
            actual = (sent.contents or NO_CONTENTS).count(_FIELDS.get(model_input.precision, ""))
            if actual != expected:
                details = f"Expected: {expected} values; Actual: {actual} values"
                raise self._fail("INVALID_VALUE_COUNT", details, sent, "data")

    def _raw_content(self, model_input: ServedInput, sent: InferTensor, expected: int, buffer: bytes) -> None:
        size = len(buffer)
        if sent.datatype == "BYTES":
            self._raw_bytes(sent, expected, buffer)
            return
        wanted_size = expected * ELEMENT_SIZES.get(model_input.datatype, 0)
        if wanted_size >= _SIZE:
            if self._release.at_least(2026, 3):
                details = f"Shape too large; {self._named(sent)}"
                raise StatusError("INVALID_CONTENT_SIZE", details, _at(sent, "shape"))
            wanted_size %= _SIZE
        if wanted_size != size:
            details = f"Expected: {wanted_size} bytes; Actual: {size} bytes"
            raise self._fail("INVALID_CONTENT_SIZE", details, sent, "data")

    def _raw_bytes(self, sent: InferTensor, expected: int, buffer: bytes) -> None:
        size, position, count = len(buffer), 0, 0
        while size >= position + 4:
            length = int.from_bytes(buffer[position : position + 4], "little")
            if position + length + 4 > size:
                details = (
                    f"Batch length metadata exceeded buffer size, buffer size: {size}, batch length: {length}"
                )
                raise self._fail("INVALID_CONTENT_SIZE", details, sent, "data")
            position += length + 4
            count += 1
        if size != position:
            details = f"Processed bytes: {position} do not equal to buffer size: {size}"
            raise self._fail("INVALID_CONTENT_SIZE", details, sent, "data")
        if count != expected:
            details = f"Expected: {expected} values; Actual: {count} values"
            raise self._fail("INVALID_VALUE_COUNT", details, sent, "data")

    def _tfs_content(self, model_input: ServedInput, sent: InferTensor, expected: int) -> None:
        contents = sent.contents or NO_CONTENTS
        fields = {"STRING": "string_val", "U16": "int_val", "FP16": "half_val"}
        if sent.datatype in fields:
            if sent.datatype == "STRING":
                expected = sent.shape[0] if sent.shape else 0
            actual = contents.count(fields[sent.datatype])
            if actual != expected:
                details = f"Expected: {expected}; Actual: {actual}"
                raise self._fail("INVALID_VALUE_COUNT", details, sent, "data")
            return
        size = expected * ELEMENT_SIZES.get(model_input.datatype, 0) % _SIZE
        if size != sent.content_size:
            details = f"Expected: {size} bytes; Actual: {sent.content_size} bytes"
            raise self._fail("INVALID_CONTENT_SIZE", details, sent, "data")


def _product(shape: tuple[int, ...]) -> int:
    """Returns the number of elements in 64 bits, without a check for overflows."""
    count = 1
    for dimension in shape:
        count = count * dimension % _SIZE
    return count


def _at(sent: InferTensor, member: str) -> RequestPosition:
    return RequestPosition(f"{sent.path}.{member}" if sent.path else "", sent.offset, sent.name)
