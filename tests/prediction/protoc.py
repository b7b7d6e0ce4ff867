"""protobuf's own parser of the text format as a reference: ``protoc --encode`` with messages made from our table."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from ovms_doctor.model.releases import Release
from ovms_doctor.model.releases.graph_messages import FieldType, enumeration, message_type

TABLE = json.loads(files("ovms_doctor.model.releases").joinpath("data/graph-messages.json").read_text())
SCALARS = {"string", "bool", "int32", "int64", "uint32", "uint64", "float", "double", "bytes"}
EXTENDABLE = {"CalculatorOptions", "MediaPipeOptions", "PacketFactoryOptions", "PacketGeneratorOptions"}
ERROR = re.compile(r"^input:(\d+):(\d+): (?!warning)(.*)$")


class Protoc:
    """The messages of one release, compiled."""

    def __init__(self, directory: Path, release: Release) -> None:
        self._directory = directory
        for name, syntax in (("old.proto", "proto2"), ("graph.proto", "proto3")):
            text = _source(release, syntax)
            (directory / name).write_text(text)

    def errors(self, text: bytes) -> list[str]:
        """The errors for a graph.pbtxt, each ``line:column: message``; none if it is accepted."""
        include = files("grpc_tools").joinpath("_proto")
        command = [
            *(sys.executable, "-m", "grpc_tools.protoc", f"-I{self._directory}", f"-I{include}"),
            *("--encode=mediapipe.CalculatorGraphConfig", "graph.proto"),
        ]
        completed = subprocess.run(command, input=text, capture_output=True)
        lines = completed.stderr.decode("utf-8", "surrogateescape").split("\n")
        found = [f"{match[1]}:{match[2]}: {match[3]}" for line in lines if (match := ERROR.match(line))]
        found += [line.removeprefix("input: ") for line in lines if line.startswith("input: Message missing")]
        assert bool(found) == (completed.returncode != 0), completed.stderr
        return found


def _source(release: Release, syntax: str) -> str:
    names = [name for name in TABLE["messages"] if message_type(name, release)]
    selected = [
        name
        for name in names
        if "." not in name and message_type(name, release).proto3 == (syntax == "proto3")  # type: ignore[union-attr]
    ]
    # Messages of other packages that a proto3 file uses are in the proto2 file.
    head = f'syntax = "{syntax}";\npackage mediapipe;\nimport "google/protobuf/any.proto";\n'
    if syntax == "proto3":
        head += 'import "old.proto";\n'
    body = "".join(_message(name, release, names, syntax) for name in selected)
    enums = [
        name for name in TABLE["enums"] if name.partition(".")[0] not in names and enumeration(name, release)
    ]
    if syntax == "proto2":
        body += "".join(_enum(name, release) for name in enums)
    return head + body


def _message(name: str, release: Release, names: list[str], syntax: str) -> str:
    kind = message_type(name, release)
    assert kind is not None
    inner = "".join(
        _message(other, release, names, syntax)
        for other in names
        if other.startswith(f"{name}.") and "." not in other[len(name) + 1 :]
    )
    inner += "".join(
        _enum(other, release)
        for other in TABLE["enums"]
        if other.rpartition(".")[0] == name and enumeration(other, release)
    )
    lines = [_field(field, number, syntax) for number, field in enumerate(kind.fields.values(), 1)]
    if name in EXTENDABLE:
        lines.append("extensions 20000 to max;")
    if name.endswith("Options") and "." not in name and name not in EXTENDABLE:
        number = 20000 + names.index(name)
        lines.append(f"extend CalculatorOptions {{ optional {name} ext = {number}; }}")
    return f"message {name.rpartition('.')[2]} {{\n{inner}" + "\n".join(lines) + "\n}\n"


def _field(field: FieldType, number: int, syntax: str) -> str:
    kind = (
        field.type if field.type in SCALARS or field.type.startswith("google.") else f"mediapipe.{field.type}"
    )
    label = field.label or ("optional" if syntax == "proto2" else "")
    return f"{label} {kind} {field.name} = {number};"


def _enum(name: str, release: Release) -> str:
    values = enumeration(name, release) or {}
    body = "".join(f"{value} = {number};" for value, number in values.items())
    return f"enum {name.rpartition('.')[2]} {{ {body} }}\n"
