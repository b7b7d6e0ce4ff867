"""The directory of a generative model, as the server's user finds it."""

from __future__ import annotations

import json
import posixpath
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model import openvino_log
from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.facts import (
    Facts,
    Failure,
    Fault,
    FileContent,
    InspectModel,
    InspectTemplate,
    ListDirectory,
    Listing,
    LoadModel,
    LoadReport,
    ModelInspection,
    PathStatus,
    ReadFile,
    StatPath,
    TemplateInspection,
    Unavailable,
)
from ovms_doctor.model.releases import is_standard_opset

#: The largest part of a JSON file, or of a tokenizer's XML, that is read, in bytes.
_LIMIT = 16 << 20
_LFS = b"version https://git-lfs.github.com/spec/"
#: The message of nlohmann's parser on a file that is not JSON, by its first characters.
_PARSE_ERROR = "[json.exception.parse_error.101] parse error"
_EMPTY = (
    _PARSE_ERROR
    + " at line 1, column 1: attempting to parse an empty input; check that your input string or stream "
    "contains the expected JSON"
)
_NO_LITERAL = (
    _PARSE_ERROR
    + " at line 1, column 1: syntax error while parsing value - invalid literal; last read: '{first}'"
)
_WITHOUT_WEIGHTS = ("weights-missing", "weights-suffix-case", "weights-other-name")
_NOT_OPENED = openvino_log.CANNOT_OPEN.partition(":")[0]
#: The message on an .xml that OpenVINO's reader does not accept as an IR.
_UNREADABLE = openvino_log.UNREADABLE[-1]
_NO_IR = frozenset(
    "apple-double archive empty-file git-lfs-pointer html-page not-ir text zero-filled".split()
)
_OF_TOKENIZERS = ("openvino_tokenizer.xml", "openvino_detokenizer.xml")
_JSON_BLANKS = b" \t\r\n"
#: ``denied``: the server's user has no read permission. ``invalid``: it exists, but it is not JSON for the server's
#: parser.
JsonState: TypeAlias = Literal["missing", "denied", "invalid", "ok", "unknown"]


class JsonFile(Struct, frozen=True):
    """A JSON file of a model."""

    #: Whether it exists and can be parsed.
    state: JsonState
    #: The document; None if the file is not JSON.
    value: Any = None
    #: The fault of the file, as the end of a sentence.
    detail: str = ""
    #: The beginning of the text of the parser's exception.
    exception: str = ""

    def text(self, key: str) -> str:
        """Returns the text under a key of the top object; empty for another value."""
        found = self.value.get(key) if isinstance(self.value, dict) else None
        return found if isinstance(found, str) else ""


class IrFile(Struct, frozen=True):
    """An IR model: the .xml and its .bin."""

    #: ``damaged``: OpenVINO does not read it.
    #: ``crashes``: OpenVINO ends the process that reads it.
    state: Literal["missing", "denied", "damaged", "crashes", "ok", "unknown"]
    #: The file that is missing, denied or damaged: its name.
    name: str = ""
    #: How it is damaged.
    detail: str = ""
    #: A part of the text of OpenVINO's exception.
    exception: str = ""
    #: The result of the static reading.
    inspection: ModelInspection | None = None
    #: OpenVINO's report, if it read the model and refused it or crashed.
    report: LoadReport | None = None


class UnavailableFileError(Exception):
    """A file could not be read. The message names the file and the reason."""


class ModelDirectory:
    """The files of one directory. Every method may raise FactsMissingError or UnavailableFileError."""

    def __init__(self, path: str, absolute: str, facts: Facts, *, load: bool = False) -> None:
        #: As the server writes it.
        self.path = path
        self.absolute = absolute.rstrip("/") or "/"
        self._facts = facts
        #: Whether OpenVINO reads the models too.
        self.loads = load
        #: The results of the static reading of complete IRs, by name.
        self.inspected: dict[str, ModelInspection] = {}
        #: The IRs that OpenVINO did not read although it was requested: this program has no library of their
        #: operations.
        self.not_read: list[str] = []
        #: Files that could not be parsed although they can be read.
        self.unparsed: list[CouldNotLook] = []

    def prepare(self, *names: str) -> None:
        """Requests the facts on several files together."""
        self._facts.need(StatPath(f"{self.absolute}/{name}") for name in names)

    def status(self, name: str) -> PathStatus | Failure:
        """Returns the result of stat(2) for a file in the directory."""
        answer = self._facts.ask(StatPath(f"{self.absolute}/{name}"))
        if isinstance(answer, Unavailable):
            raise UnavailableFileError(f"{self.join(name)}: {answer.reason}")
        return answer

    def has(self, name: str) -> bool:
        """Whether a file of this name exists."""
        return isinstance(self.status(name), PathStatus)

    def names(self) -> tuple[str, ...]:
        """Returns the names in the directory; none if it cannot be listed."""
        listing = self._facts.ask(ListDirectory(self.absolute))
        if isinstance(listing, Unavailable):
            raise UnavailableFileError(f"{self.path}: {listing.reason}")
        return tuple(entry.name for entry in listing.entries) if isinstance(listing, Listing) else ()

    def join(self, name: str) -> str:
        """Returns the path of a file in the directory, as the server writes it."""
        return posixpath.join(self.path, name)

    def read(self, name: str, limit: int = _LIMIT) -> bytes | Failure | None:
        """Returns the beginning of a file, None if it does not exist, Failure if it cannot be read."""
        status = self.status(name)
        if isinstance(status, Failure):
            return None if status.missing else status
        if status.kind != "regular":
            return None
        content = self._facts.ask(ReadFile(f"{self.absolute}/{name}", limit))
        if isinstance(content, Unavailable):
            raise UnavailableFileError(f"{self.join(name)}: {content.reason}")
        return content.data if isinstance(content, FileContent) else content

    def json(self, name: str) -> JsonFile:
        """Returns a JSON file as GenAI's parser (nlohmann) reads it: strict, a byte order mark is skipped, NaN is
        refused."""
        data = self.read(name)
        if data is None:
            return JsonFile("missing")
        if isinstance(data, Failure):
            # The parser reads a stream that is not open like an empty file.
            return JsonFile("denied", exception=_EMPTY)
        if not data:
            return JsonFile("invalid", detail="it is empty", exception=_EMPTY)
        if not data.strip(_JSON_BLANKS):
            return JsonFile("invalid", detail="it is empty", exception=_PARSE_ERROR)
        if data.startswith(_LFS):
            exception = _NO_LITERAL.format(first="v")
            return JsonFile("invalid", detail="it is a Git LFS pointer", exception=exception)
        if data[:1] == b"<":
            exception = _NO_LITERAL.format(first="<")
            return JsonFile("invalid", detail="it is a web page or XML", exception=exception)
        try:
            text = data.decode("utf-8-sig")
            return JsonFile("ok", json.loads(text, parse_constant=_refuse))
        except UnicodeDecodeError:
            return JsonFile("invalid", detail="it is not UTF-8", exception=_PARSE_ERROR)
        except (ValueError, RecursionError) as error:
            position = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            return JsonFile("invalid", detail=f"it is not valid JSON{position}", exception=_PARSE_ERROR)

    def parsed(self, question: InspectTemplate) -> TemplateInspection | Failure | Unavailable:
        """Returns the result of Jinja's parser for a template in one of the files, whose name is the question's
        path."""
        return self._facts.ask(replace(question, path=f"{self.absolute}/{question.path}"))

    def ir(self, name: str) -> IrFile:
        """Returns the IR ``NAME.xml`` with ``NAME.bin``, read without OpenVINO, and also with it if requested."""
        xml, weights = f"{name}.xml", f"{name}.bin"
        self.prepare(xml, weights)
        for file in (xml, weights):
            status = self.status(file)
            if isinstance(status, Failure):
                exception = _NOT_OPENED if file == xml else openvino_log.NO_WEIGHTS
                return IrFile("missing" if status.missing else "denied", file, exception=exception)
        for file in (xml, weights):
            # Its first byte is read to find out whether it may be read.
            content = self._facts.ask(ReadFile(f"{self.absolute}/{file}", 1))
            if isinstance(content, Failure):
                # Releases differ in how they report it.
                return IrFile("denied", file)
        answer = self._facts.ask(InspectModel(f"{self.absolute}/{xml}", "ir"))
        if isinstance(answer, Unavailable):
            raise UnavailableFileError(f"{self.join(xml)}: {answer.reason}")
        if isinstance(answer, Failure):
            return IrFile("denied", xml)
        fault = next((fault for fault in answer.faults if fault.fatal), None)
        report = self._read(xml, answer) if self.loads else None
        if report is not None and report.outcome != "ok":
            return _refused(xml, fault, answer, report)
        if fault is not None and report is None:
            exception = _exception_of(fault)
            return IrFile("damaged", _file_of(fault, xml), fault.detail, exception, answer)
        self.inspected[name] = answer
        return IrFile("ok", xml, inspection=answer)

    def _read(self, xml: str, inspection: ModelInspection) -> LoadReport | None:
        """Returns OpenVINO's report on the model; None for a model with text operations, if this program has no library
        of them."""
        foreign = any(not is_standard_opset(item.opset) for item in inspection.operations)
        # OpenVINO's own opsets also contain text operations; without the library, tokenizers are only read statically.
        tokenizers = foreign or xml in _OF_TOKENIZERS
        report = self._facts.ask(LoadModel(f"{self.absolute}/{xml}", "read", tokenizers=tokenizers))
        if isinstance(report, LoadReport) and report.outcome in ("timed_out", "out_of_memory"):
            raise UnavailableFileError(
                f"{self.join(xml)}: {report.detail or report.outcome.replace('_', ' ')}"
            )
        if isinstance(report, LoadReport):
            return report
        if tokenizers and not report.timed_out:
            self.not_read.append(xml)
            return None
        raise UnavailableFileError(f"{self.join(xml)}: {report.reason}")


def _refused(xml: str, fault: Fault | None, inspection: ModelInspection, report: LoadReport) -> IrFile:
    """Returns the result for an IR that OpenVINO refuses, or that crashes it."""
    if report.outcome == "crashed":
        detail = report.detail or "OpenVINO crashed"
        return IrFile("crashes", xml, detail, inspection=inspection, report=report)
    lines = [line.strip() for line in report.message.splitlines() if line.strip()]
    exception = lines[-1] if lines else ""
    name = xml if fault is None else _file_of(fault, xml)
    detail = f"OpenVINO reports “{exception}”" if fault is None else fault.detail
    return IrFile("damaged", name, detail, exception, inspection, report)


def _file_of(fault: Fault, xml: str) -> str:
    name = posixpath.basename(fault.path)
    return name or xml


def _exception_of(fault: Fault) -> str:
    """Returns OpenVINO's message on a fault in an IR's bytes; empty if the releases' messages differ."""
    if fault.path.lower().endswith(".bin"):
        return openvino_log.NO_WEIGHTS if fault.kind in _WITHOUT_WEIGHTS else openvino_log.WRONG_WEIGHTS
    if fault.kind == "xml-malformed":
        # The parser's own sentence, before its position.
        return fault.evidence.partition(" at byte ")[0]
    return _UNREADABLE if fault.kind in _NO_IR else ""


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is not a number in JSON")
