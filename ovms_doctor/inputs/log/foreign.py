"""Lines between the server's records that are not its log: other libraries, the loader, the container engine.

Each is recognised by its own form; every other line continues the message before it.
"""

from __future__ import annotations

import re

from msgspec import Struct

from ovms_doctor.model.log import LogLevel
from ovms_doctor.model.pattern import lazy_pattern


class ForeignLine(Struct, frozen=True):
    """A line that does not continue a message.

    ``origin``: its writer; ``ovms`` for a line that the server prints without a prefix.
    ``level``: its level.
    ``message``: its text.
    """

    origin: str
    level: LogLevel
    message: str


_TRANTOR = lazy_pattern(
    rb"\d{8} \d\d:\d\d:\d\d\.\d{6} UTC \d+ (TRACE|DEBUG|INFO|WARN|ERROR|FATAL) +(.*)", re.DOTALL
)
_GLOG = lazy_pattern(rb"([IWEF])\d{4}(?:\d{4})? [\d:.]+\s+\d+ [^\s:]+:\d+\] *(.*)", re.DOTALL)
_OPENVINO = lazy_pattern(rb"\[(ERROR|WARNING|INFO)\] \d\d:\d\d:\d\d\.\d{3} (.*)", re.DOTALL)
_OPENVINO_DEBUG = lazy_pattern(rb"\[\d\d:\d\d:\d\d\.\d{4}\]([A-Z])\[[^\]]*\](.*)", re.DOTALL)
_EVHTTP = lazy_pattern(rb"\[evhttp_server\.cc : \d+\] NET_LOG: (.*)", re.DOTALL)
_LEVEL: dict[bytes, LogLevel] = {
    b"TRACE": "trace", b"DEBUG": "debug", b"INFO": "info", b"WARN": "warning", b"WARNING": "warning",
    b"ERROR": "error", b"FATAL": "critical", b"I": "info", b"W": "warning", b"E": "error", b"F": "critical",
    b"D": "debug",
}  # fmt: skip

#: The beginnings of lines that the server, the loader, the shell and the container engine write to standard error.
_PLAIN_STARTS = (
    # Refused arguments: config.cpp, cli_parser.cpp.
    rb"error parsing options", rb"Use (?:either )?config_path ", rb"Use --list_models ", rb"Model parameters in CLI ",
    rb"(?:rest_)?port ", rb"(?:grpc|rest)_\w+ (?:count|has|setting|is)", rb"grpcWorkers count", rb"metrics_enable ",
    rb"File path provided as an --cpu_extension", rb"log_level should be", rb"config_path ", rb"model_name ",
    rb"model_repository_path parameter", rb"source_model parameter", rb"--[\w-]+ (?:should|parameter|is |can)",
    rb"[\w ]+: .{1,200} is not allowed\. Supported ", rb"Adding models to the config", rb"Removing models from ",
    rb"Set (?:config_path|model_name) ", rb"Graph options not init", rb"cache_dir (?:is|does)",
    rb"filesystem error: ", rb"\S+ error on config ", rb"OpenVINO Model Server \d",
    # The end of the process.
    rb"SIGILL received", rb"terminate called ", rb"Segmentation fault", rb"Killed$", rb"Aborted", rb"Bus error",
    rb"Illegal instruction", rb"std::bad_alloc", rb"\S+: error while loading shared libraries: ",
    # The shell of a script that starts the server.
    rb"\S+: line \d{1,6}: {1,8}\d{1,10} (?:Killed|Segmentation fault|Bus error|Aborted|Illegal instruction) .*\bovms\b",
    # The container engine.
    rb"exec \S+: ", rb"docker: ", rb"Error response from daemon", rb"OCI runtime ", rb"Unable to find image ",
)  # fmt: skip
_PLAIN = lazy_pattern(rb"|".join(_PLAIN_STARTS))
_PROTOBUF = lazy_pattern(rb"\[libprotobuf (ERROR|WARNING|FATAL) [^\]]*\] *(.*)", re.DOTALL)
_TRACEBACK = b"Traceback (most recent call last):"
#: A message that is not a problem: the banner of ``--version``.
_HARMLESS = lazy_pattern(rb"OpenVINO Model Server \d|Unable to find image ")


def recognise(line: bytes) -> ForeignLine | None:
    """Returns the kind of the line; None for a line that continues the message before it."""
    for pattern, origin in ((_TRANTOR, "drogon"), (_OPENVINO, "openvino"), (_PROTOBUF, "protobuf")):
        match = pattern.match(line)
        if match:
            return ForeignLine(origin, _LEVEL[match[1]], _text(match[2]))
    match = _GLOG.match(line)
    if match:
        return ForeignLine("glog", _LEVEL[match[1]], _text(match[2]))
    match = _OPENVINO_DEBUG.match(line)
    if match:
        return ForeignLine("openvino", _LEVEL.get(match[1], "info"), _text(match[2]))
    match = _EVHTTP.match(line)
    if match:
        return ForeignLine("evhttp", "warning", _text(match[1]))
    if line.startswith(_TRACEBACK):
        return ForeignLine("traceback", "error", _text(line))
    if _PLAIN.match(line):
        return ForeignLine("ovms", "info" if _HARMLESS.match(line) else "error", _text(line))
    return None


def _text(data: bytes) -> str:
    return data[:16_384].decode("utf-8", "replace").strip()
