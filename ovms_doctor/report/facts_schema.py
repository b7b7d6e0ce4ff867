"""The JSON Schema of a file of recorded facts, read off the data types that the codec writes.

:mod:`ovms_doctor.model.facts.codec` derives what it writes from the fields of questions and answers; the schema is
derived from the same fields, so the two cannot part. What is said of each field stands here.
"""

from __future__ import annotations

from types import UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from ovms_doctor.model.facts import Answer, Entry, Question
from ovms_doctor.model.facts.codec import FORMAT, SCHEMA_VERSION

Schema: TypeAlias = dict[str, Any]

#: One sentence for each type that may stand in the file.
TYPES: dict[str, str] = {
    "StatPath": "Asks for stat(2) of a path as the server's user, links followed.",
    "StatHost": "Asks for stat(2) of a path of the host itself, with the rights of whoever ran the program.",
    "CheckWritable": "Asks what the server's user may do with a path, and how much room is left there.",
    "ProbeWrite": "Asks for a file to be made and removed in a directory as the server's user.",
    "ListDirectory": "Asks for the entries of a directory as the server's user.",
    "ReadFile": "Asks for the beginning of a regular file as the server's user.",
    "InspectModel": "Asks what the bytes of a model say, without OpenVINO.",
    "LoadModel": "Asks what OpenVINO does with a model.",
    "InspectLibrary": "Asks what the bytes of a shared library say, which is not loaded.",
    "LoadExtension": "Asks what OpenVINO does with a CPU extension, which runs its code.",
    "InspectKeyFile": "Asks what kind of key a file holds, as the server's user.",
    "HeadBucket": "Asks S3 whether this client may see the bucket.",
    "ListStore": "Asks a store for the keys that begin with a prefix.",
    "ReadObject": "Asks a store for the beginning of an object.",
    "InspectCopy": "Asks what the bytes of a model in a store say, without OpenVINO.",
    "LoadCopy": "Asks what OpenVINO does with a model in a store, once it is downloaded.",
    "FetchCopy": "Asks for files of a store to be put into a directory of the host that looks.",
    "StoreAccess": "How a client of the server's speaks to a bucket; it holds no secret.",
    "VersionCopy": "What the server downloads of one version.",
    "CopiedFile": "A file of what is downloaded.",
    "Preparation": "What the server does to a model between reading and compiling it.",
    "PathStatus": "A path that exists and may be looked at.",
    "Listing": "A directory's entries in the order in which the file system gave them.",
    "FileContent": "The beginning of a file.",
    "Failure": "A system call that failed as the server's own would.",
    "Unavailable": "It could not be looked at, which says nothing about the server.",
    "Writability": "What the server's user may do with a path that exists.",
    "Probed": "A file could be made and written.",
    "ModelInspection": "What the bytes of a model say.",
    "LoadReport": "What OpenVINO did with a model or a CPU extension.",
    "LibrarySeen": "What a shared library's bytes say.",
    "KeyFileSeen": "What a file with credentials is, without any of its secrets.",
    "StoreAnswered": "The store did what it was asked.",
    "StoreListing": "Keys of a store in the order of their bytes.",
    "StoreRefusal": "A store, or what stands before it, does not do what it was asked.",
    "StoredObject": "An object in a store.",
    "Denial": "Where access stops, and why.",
    "FileSample": "A file that belongs to a model.",
    "WeightsInspection": "Constants of one element type.",
    "Fault": "Something wrong with a model's bytes.",
    "Operation": "An operation of a model in OpenVINO's format.",
    "Tensor": "An input or output of a model.",
}
#: One sentence for each field; by its name alone where it means the same in every type.
FIELDS: dict[str, str] = {
    "path": "The path as the server sees it.",
    "StatHost.path": "The path as the host that was looked at sees it.",
    "own": "Whether it was asked with the rights of whoever ran the program, to understand what was named.",
    "limit": "How many bytes are asked for.",
    "format": "The model's format.",
    "level": "How far the model was to be loaded.",
    "preparation": "What is done to the model before it is compiled, null for nothing.",
    "extension": "The server's path of the CPU extension that is loaded first, null for none.",
    "LibrarySeen.size": "Its size in bytes.",
    "fault": "Why it is no library that can be loaded, empty where it is one.",
    "LibrarySeen.detail": "The fault in one sentence.",
    "KeyFileSeen.size": "Its size in bytes.",
    "form": "What it is: a JSON object, other JSON, binary, or something else.",
    "KeyFileSeen.credentials": "The type of credentials that it says to be, empty where it says none.",
    "project_id": "The project that it names, empty where it names none.",
    "lacking": "The keys that this type needs and that are not there.",
    "bits": "32 or 64, 0 where that is not known.",
    "machine": "The processor it was built for.",
    "needed": "The libraries that it asks for.",
    "paths": "Where it says to look for them.",
    "LibrarySeen.versions": "The versions of symbols that it asks for.",
    "entry": "Whether it has the entry point of an OpenVINO extension, null where that is not known.",
    "openvino_here": "The name of the OpenVINO library at hand, empty where there is none.",
    "layouts": "Layouts: input or output, tensor, its layout, the model's layout.",
    "steps": "Preprocessing of the one input, each with its value as JSON.",
    "reshape": "Shapes that are asked for, by tensor.",
    "batch": "The batch that is set, null for none.",
    "device": "The device that it is compiled for.",
    "config": "Plugin properties, each with its value as JSON.",
    "untouched": "Whether layouts and preprocessing are left out altogether.",
    "PathStatus.kind": "What lies there, after links.",
    "PathStatus.size": "Its size in bytes.",
    "resolved": "The server's path that links lead to, null where none is on the way.",
    "Writability.kind": "What lies there, after links.",
    "writable": "Whether access(2) grants writing.",
    "searchable": "Whether access(2) grants searching.",
    "readable": "Whether access(2) grants reading.",
    "read_only": "Whether it is mounted read-only, for everybody.",
    "free": "Bytes that this user may still take of the file system, null where that is not known.",
    "free_files": "Files that this user may still make, null where that is not known or not limited.",
    "Probed.name": "The name of the file that was made.",
    "removed": "Whether that file is gone again.",
    "entries": "The entries, without . and .. themselves.",
    "data": "The bytes, as base64.",
    "FileContent.size": "The size of the whole file in bytes.",
    "errno": "The error number, as on Linux.",
    "denial": "Why access was refused, null where that is not known.",
    "reason": "Why it could not be looked at.",
    "timed_out": "Whether the deadline for looking passed.",
    "files": "The files that belong to the model.",
    "faults": "What is wrong with its bytes.",
    "operations": "The operations that it uses.",
    "element_types": "The element types that it uses.",
    "ModelInspection.inputs": "Its inputs, null where its bytes do not tell.",
    "ModelInspection.outputs": "Its outputs, null where its bytes do not tell.",
    "ir_version": "The version of OpenVINO's format, null for other formats.",
    "writer": "What wrote the model, null where it does not say.",
    "weights_needed": "How many bytes of weights it needs, null where it does not say.",
    "weights": "Its constants by element type.",
    "LoadReport.outcome": "How loading ended.",
    "stage": "The step that was reached.",
    "LoadReport.message": "OpenVINO's whole error text.",
    "runtime": "The version of OpenVINO.",
    "signal": "The signal that ended the child process, null where none did.",
    "LoadReport.inputs": "The inputs that OpenVINO found.",
    "LoadReport.outputs": "The outputs that OpenVINO found.",
    "step": "The step of the preparation that failed, empty where none did.",
    "prepared_inputs": "The inputs after the preparation.",
    "LoadReport.detail": "More on how loading ended.",
    "at": "The server's path of the directory or file that refuses.",
    "right": "The right that is lacking.",
    "uid": "Its owner.",
    "gid": "Its group.",
    "mode": "Its permission bits, as a decimal number.",
    "how": "Whether access was tried or computed from the rights.",
    "acl": "Its access control list in short text form, null where it has none.",
    "WeightsInspection.size": "How many bytes they take in the file.",
    "WeightsInspection.element_type": "Their element type.",
    "converted": "How a Convert behind them is taken: decompression, plain, empty where there is none.",
    "FileSample.size": "Its size in bytes, null where it is not there or no file.",
    "Fault.kind": "The kind of fault.",
    "fatal": "Whether OpenVINO refuses the model for it.",
    "Fault.detail": "The fault in one sentence.",
    "evidence": "What was seen.",
    "Operation.type": "The operation's type as written.",
    "opset": "The operation set as written.",
    "count": "How many layers use it.",
    "layer": "The name of the first such layer.",
    "names": "Its names, none where it has none.",
    "element_type": "Its element type.",
    "shape": "Its shape as OpenVINO prints it.",
    "store": "The kind of store.",
    "bucket": "The bucket's name.",
    "StoreAccess.credentials": "Whose credentials are sent: keys of the environment, a profile's, a file's, none.",
    "endpoint": "Scheme, host and port that are asked, empty for the store's own.",
    "addressing": "Where S3's bucket stands: in the path or in the host's name.",
    "StoreAccess.region": "The region that requests are signed for, empty where none is named.",
    "token": "Whether a session token is sent with the keys.",
    "profile": "The name of the AWS profile, empty where none is used.",
    "StoreAccess.files": "The server's paths of the files that credentials are read from.",
    "proxy": "The variable whose value names the proxy, empty for none.",
    "self_signed": "Whether a service account signs its tokens itself and fetches none.",
    "access": "How the bucket is asked.",
    "prefix": "What the keys begin with.",
    "pages": "How many pages of 1,000 keys are asked for at most.",
    "delimited": "Whether keys are asked for only to the next slash.",
    "key": "The object's key.",
    "copy": "What is downloaded.",
    "file": "The model's file below the version's directory, of a SavedModel the directory.",
    "VersionCopy.files": "The files that are downloaded.",
    "directories": "The directories that are made for them.",
    "VersionCopy.limit": "How many bytes may be downloaded of it, 0 for no limit.",
    "CopiedFile.name": "Its name below the version's directory.",
    "CopiedFile.size": "Its size in bytes.",
    "FetchCopy.names": "The files that are wanted; of the others only their size.",
    "directory": "Where they are put on the host that looks.",
    "StoreAnswered.region": "The bucket's region, empty where the store does not tell.",
    "objects": "The objects.",
    "more": "Whether there are other keys behind the last one.",
    "prefixes": "What the keys behind the next slash begin with, with that slash.",
    "StoredObject.size": "Its size in bytes.",
    "archived": "Whether it must be restored before it can be read.",
    "call": "What was asked of it.",
    "status": "The status of HTTP, 0 where nothing answered.",
    "code": "The store's own word for it, empty where it says none.",
    "StoreRefusal.message": "Its sentence, cut, without secrets.",
    "trouble": "What came instead of an answer, empty where one came.",
    "StoreRefusal.key": "Of several objects that were asked for together, the one that it is about.",
    "StoreRefusal.region": "The bucket's region, empty where the store does not tell.",
    "host": "Who was asked: host and port.",
}


def facts_schema() -> Schema:
    """The schema that every document of :func:`ovms_doctor.model.facts.codec.dump` fulfils."""
    definitions: dict[str, Schema] = {}
    questions = [_tagged(kind, definitions) for kind in get_args(Question)]
    answers = [_tagged(kind, definitions) for kind in get_args(Answer)]
    major = SCHEMA_VERSION.partition(".")[0]
    fact = _object(
        "A question and its answer.",
        {
            "question": {"oneOf": questions, "description": "What was asked."},
            "answer": {"oneOf": answers, "description": "What was found."},
        },
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ovms-doctor:facts:{major}",
        "title": FORMAT,
        **_object(
            "What was seen of models and their surroundings, to be judged elsewhere.",
            {
                "format": {"const": FORMAT, "description": "Tells this kind of file from any other."},
                "schema_version": {
                    "type": "string",
                    "pattern": rf"^{major}\.[0-9]+$",
                    "description": "Version of this form: the second number grows with added keys.",
                },
                "header": {
                    "type": "object",
                    "description": "What the server was told, and who collected this.",
                },
                "facts": {"type": "array", "items": fact, "description": "All facts, sorted by question."},
            },
        ),
        "$defs": definitions,
    }


def _object(description: str, properties: dict[str, Schema], required: list[str] | None = None) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": True,
    }


def _tagged(kind: type[Any], definitions: dict[str, Schema]) -> Schema:
    """A question or an answer: its fields, and its type's name beside them."""
    name = kind.__name__
    schema = _of_class(kind, definitions)
    tag = {"const": name, "description": "The kind of question or answer."}
    schema["properties"] = {"type": tag, **schema["properties"]}
    schema["required"] = ["type", *schema["required"]]
    definitions[name] = schema
    return {"$ref": f"#/$defs/{name}"}


def _of_class(kind: type[Any], definitions: dict[str, Schema]) -> Schema:
    hints = get_type_hints(kind)
    name = kind.__name__
    properties = {
        field.name: {
            **_of_hint(hints[field.name], definitions),
            "description": FIELDS.get(f"{name}.{field.name}") or FIELDS[field.name],
        }
        for field in fields(kind)
    }
    # What has its default value is left out of the file.
    required = [field.name for field in fields(kind) if field.default is NODEFAULT]
    return _object(TYPES[name], properties, required)


def _of_hint(hint: Any, definitions: dict[str, Schema]) -> Schema:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        (inner,) = (kind for kind in arguments if kind is not type(None))
        return {"anyOf": [_of_hint(inner, definitions), {"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": _of_hint(arguments[0], definitions)}
    if origin is Literal:
        return {"enum": list(arguments)}
    if hint is Entry:
        return _entry()
    if isinstance(hint, type) and issubclass(hint, Struct):
        assert isinstance(hint, type)
        definitions.setdefault(hint.__name__, _of_class(hint, definitions))
        return {"$ref": f"#/$defs/{hint.__name__}"}
    return dict(_PLAIN[hint])


_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    bytes: {"type": "string", "contentEncoding": "base64"},
}


def _entry() -> Schema:
    """A row, not an object: directories may have very many entries."""
    kinds = get_args(get_type_hints(Entry)["kind"])
    return {
        "type": "array",
        "minItems": 2,
        "description": "Name and kind of an entry, and of a link the text where it leads.",
        "prefixItems": [{"type": "string"}, {"enum": list(kinds)}, {"type": ["string", "null"]}],
    }
