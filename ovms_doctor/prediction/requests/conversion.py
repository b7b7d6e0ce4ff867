"""From a checked message to the tensors of an inference (`deserializePredictRequest`, deserialization_main.hpp)."""

from ovms_doctor.model.client_request import NO_CONTENTS, InferMessage, InferTensor, RequestPosition
from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import ServedInput, ServedModel, dimension_matches
from ovms_doctor.prediction.requests.images import ImageHeader, read_image
from ovms_doctor.prediction.requests.statuses import StatusError
from ovms_doctor.prediction.requests.validation import processing_hint

#: The precisions that an encoded image is converted to.
_IMAGE_PRECISIONS = {"FP32", "FP64", "FP16", "I16", "U8", "I8", "U16", "I32"}


class Converter:
    """Converts one message that passed the checks to tensors."""

    def __init__(self, message: InferMessage, model: ServedModel, release: Release, *, tfs: bool) -> None:
        self._message = message
        self._model = model
        self._release = release
        self._tfs = tfs
        #: Why the result is not certain.
        self.doubts: list[str] = []

    def convert(self) -> None:
        """Converts all tensors. Raises StatusError if a tensor cannot be created or does not fit the loaded model."""
        for model_input in sorted(
            self._model.inputs, key=lambda item: item.name.encode("utf-8", "surrogateescape")
        ):
            index, sent = next(
                (index, sent)
                for index, sent in enumerate(self._message.inputs)
                if sent.name == model_input.name
            )
            shape = self._tensor(model_input, sent, index)
            if shape is not None and not _fits(model_input, shape):
                raise StatusError("OV_INTERNAL_DESERIALIZATION_ERROR", "", _at(sent))

    def _tensor(self, model_input: ServedInput, sent: InferTensor, index: int) -> tuple[int, ...] | None:
        """Returns the shape of the tensor that is passed to OpenVINO; `None` if it always fits."""
        if sent.datatype != ("STRING" if self._tfs else "BYTES"):
            if self._tfs and model_input.precision in ("U64", "BOOL", "BF16"):
                raise StatusError("OV_UNSUPPORTED_DESERIALIZATION_PRECISION", "", _at(sent))
            return sent.shape
        hint = processing_hint(model_input, self._release)
        elements = self._elements(sent, index)
        if hint == "string":
            # Until 2026.2 the strings become one row, for any shape.
            return sent.shape if self._release.at_least(2026, 3) and not self._tfs else (len(elements),)
        if hint == "string 2D":
            return len(elements), max((len(text) for text in elements), default=0) + 1
        return self._images(model_input, sent, elements)

    def _elements(self, sent: InferTensor, index: int) -> tuple[bytes, ...]:
        if not self._message.raw or self._tfs:
            return (sent.contents or NO_CONTENTS).strings
        buffer, position, elements = self._message.raw[index], 0, []
        while position + 4 <= len(buffer):
            length = int.from_bytes(buffer[position : position + 4], "little")
            elements.append(buffer[position + 4 : position + 4 + length])
            position += 4 + length
        return tuple(elements)

    def _images(
        self, model_input: ServedInput, sent: InferTensor, elements: tuple[bytes, ...]
    ) -> tuple[int, ...] | None:
        if model_input.is_split:
            self.doubts.append("the result for images that a pipeline splits is not predicted")
            return None
        if model_input.layout == "N...":
            self.doubts.append(
                "a layout in the model's file replaces the default one, and ovms-doctor does not read it"
            )
        if not _accepts_nhwc(model_input.layout, len(model_input.shape)):
            raise StatusError("UNSUPPORTED_LAYOUT", "", _at(sent))
        batch = model_input.batch
        if batch is None or not elements or not dimension_matches(batch, len(elements)):
            raise StatusError("INVALID_BATCH_SIZE", "", _at(sent))
        in_buffer = bool(self._message.raw) and not self._tfs
        if not in_buffer and any(not element for element in elements):
            raise StatusError("STRING_VAL_EMPTY" if self._tfs else "BYTES_CONTENTS_EMPTY", "", _at(sent))
        channels = model_input.shape[3]
        resizes = _resizes(model_input)
        first: ImageHeader | None = None
        for element in elements:
            image = read_image(element)
            if image is None:
                raise StatusError("IMAGE_PARSING_FAILED", "", _at(sent))
            if (
                first is not None
                and not resizes
                and (image.width, image.height) != (first.width, first.height)
            ):
                raise StatusError("BINARY_IMAGES_RESOLUTION_MISMATCH", "", _at(sent))
            expected = first.channels if channels.low == -1 and first is not None else None
            if image.channels is None:
                self.doubts.append("the number of channels of the image is not known before it is decoded")
            elif (expected is not None and image.channels != expected) or not dimension_matches(
                channels, image.channels
            ):
                raise StatusError("INVALID_NO_OF_CHANNELS", "", _at(sent))
            if model_input.precision not in _IMAGE_PRECISIONS:
                raise StatusError("INVALID_PRECISION", "", _at(sent))
            height, width = model_input.shape[1], model_input.shape[2]
            if not resizes and not (
                dimension_matches(height, image.height) and dimension_matches(width, image.width)
            ):
                raise StatusError("INVALID_SHAPE", "", _at(sent))
            first = first or image
        self.doubts.append("only the header of the image was read: decoding it may still fail")
        return None


def _resizes(model_input: ServedInput) -> bool:
    """Applies `isResizeSupported`: no dimension is unlimited, and the layout has height and width."""
    return model_input.layout in ("NHWC", "N?HWC", "...") and all(
        dimension.low != -1 for dimension in model_input.shape
    )


def _accepts_nhwc(layout: str, rank: int) -> bool:
    """Whether a layout is compatible with `N...HWC` (`Layout::createIntersection`)."""
    sides = []
    for text in (layout, "N...HWC"):
        if "..." in text:
            known = len(text.replace(".", ""))
            if known > rank:
                return False
            text = text.replace("...", "?" * (rank - known), 1)
        sides.append(text)
    left, right = list(sides[0]), sides[1]
    if len(left) != rank or len(right) != rank:
        return False
    for position, letter in enumerate(right):
        if left[position] == letter:
            continue
        if letter != "?" and letter in left:
            return False
        if left[position] == "?":
            left[position] = letter
        elif letter != "?":
            return False
    return True


def _fits(model_input: ServedInput, shape: tuple[int, ...]) -> bool:
    return len(shape) == len(model_input.shape) and all(
        dimension_matches(dimension, value) for dimension, value in zip(model_input.shape, shape, strict=True)
    )


def _at(sent: InferTensor) -> RequestPosition:
    return RequestPosition(f"{sent.path}.data" if sent.path else "", sent.offset, sent.name)
