"""Strategies for any question and any answer, for tests of all code that reads and writes facts. Add each new
type here.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import strategies as st

from ovms_doctor.model.facts import (
    CheckWritable,
    CopiedFile,
    Denial,
    Denials,
    Entry,
    Failure,
    Fault,
    FetchCopy,
    FileContent,
    FileSample,
    HeadBucket,
    InspectCopy,
    InspectKeyFile,
    InspectLibrary,
    InspectModel,
    InspectNetwork,
    InspectTemplate,
    KeyFileInspection,
    LibraryInspection,
    ListDenials,
    ListDirectory,
    ListeningSocket,
    Listing,
    ListStore,
    LoadCopy,
    LoadExtension,
    LoadModel,
    LoadPipeline,
    LoadReport,
    ModelInspection,
    NetworkInspection,
    Operation,
    PathStatus,
    PathTimes,
    Preparation,
    ProbeWrite,
    ReadFile,
    ReadObject,
    StatHost,
    StatPath,
    StatTimes,
    StoreAccess,
    StoredObject,
    StoreListing,
    StoreRefusal,
    StoreResponse,
    TemplateInspection,
    Tensor,
    Unavailable,
    VersionCopy,
    Writability,
    WriteProbe,
)
from ovms_doctor.model.facts.answers import WeightsInspection
from ovms_doctor.model.facts.question import answer_types

TEXT = st.one_of(
    st.text(),
    st.binary().map(os.fsdecode),
    st.text(alphabet="\\x5cé\udc80\udcff\ud800{}d0"),
)
NUMBER = st.integers(0, 2**63)
TENSOR = st.builds(Tensor, st.lists(TEXT, max_size=2).map(tuple), TEXT, TEXT)
TENSORS = st.lists(TENSOR, max_size=2).map(tuple)
FORMAT = st.sampled_from(["ir", "onnx", "paddle", "saved_model", "frozen", "tflite"])
LEVEL = st.sampled_from(["read", "compile"])
KIND = st.sampled_from(["regular", "directory", "fifo", "socket", "character", "block"])
DENIAL = st.builds(
    Denial,
    TEXT,
    st.sampled_from(["search", "read"]),
    NUMBER,
    NUMBER,
    NUMBER,
    st.sampled_from(["tried", "predicted"]),
    st.none() | TEXT,
)
DENIALS = st.lists(DENIAL, max_size=2).map(tuple)
ENTRY = st.builds(Entry, TEXT, KIND | st.sampled_from(["link", "unknown"]), st.none() | TEXT)
ROWS = st.lists(st.lists(TEXT, max_size=2).map(tuple), max_size=2).map(tuple)
PREPARATION = st.builds(Preparation, ROWS, ROWS, ROWS, st.none() | TEXT, TEXT, ROWS, st.booleans())
NAMES = st.lists(TEXT, max_size=2).map(tuple)
ACCESS = st.builds(
    StoreAccess,
    st.sampled_from(["s3", "gcs"]),
    TEXT,
    st.sampled_from(["keys", "profile", "anonymous", "file"]),
    TEXT,
    st.sampled_from(["path", "virtual"]),
    TEXT,
    st.booleans(),
    TEXT,
    NAMES,
    TEXT,
)
SECONDS = st.floats(-1e10, 1e10, allow_nan=False)
#: In the order of the store, as the rules make them.
COPIED = st.lists(st.builds(CopiedFile, TEXT, NUMBER), max_size=2).map(
    lambda files: tuple(sorted(files, key=lambda file: file.name.encode("utf-8", "surrogatepass")))
)
DIRECTORIES = NAMES.map(
    lambda names: tuple(sorted(names, key=lambda name: name.encode("utf-8", "surrogatepass")))
)
COPY = st.builds(VersionCopy, ACCESS, TEXT, COPIED, DIRECTORIES, NUMBER)
TEMPLATE_KIND = st.sampled_from(["template", "json", "ir"])
TEMPLATE_NAME = st.sampled_from(["default", "tool_use"])
QUESTION = st.one_of(
    st.builds(HeadBucket, ACCESS),
    st.builds(ListStore, ACCESS, TEXT, NUMBER, st.booleans()),
    st.builds(ReadObject, ACCESS, TEXT, NUMBER),
    st.builds(InspectCopy, COPY, TEXT, FORMAT),
    st.builds(LoadCopy, COPY, TEXT, LEVEL, st.none() | PREPARATION, st.none() | TEXT),
    st.builds(FetchCopy, COPY, NAMES, TEXT),
    st.builds(StatPath, TEXT),
    st.builds(StatHost, TEXT),
    st.builds(InspectNetwork, st.lists(NUMBER, max_size=2).map(tuple), NAMES),
    st.builds(StatTimes, TEXT),
    st.builds(CheckWritable, TEXT),
    st.builds(ProbeWrite, TEXT),
    st.builds(ListDirectory, TEXT),
    st.builds(ListDenials, TEXT, TEXT, NUMBER, NUMBER, st.lists(NUMBER, max_size=3).map(tuple)),
    st.builds(ReadFile, TEXT, NUMBER),
    st.builds(InspectModel, TEXT, FORMAT),
    st.builds(LoadModel, TEXT, LEVEL, st.none() | PREPARATION, st.none() | TEXT, st.booleans()),
    st.builds(LoadPipeline, TEXT, TEXT, st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple)),
    st.builds(InspectLibrary, TEXT),
    st.builds(LoadExtension, TEXT),
    st.builds(InspectKeyFile, TEXT),
    st.builds(InspectTemplate, TEXT, TEMPLATE_KIND, TEMPLATE_NAME, NAMES, NAMES),
)
ANSWERS = {
    NetworkInspection: st.builds(
        NetworkInspection,
        st.lists(st.builds(ListeningSocket, TEXT, NUMBER, TEXT), max_size=2).map(tuple),
        NAMES,
        st.none() | NUMBER,
        st.lists(NAMES, max_size=2).map(tuple),
        NUMBER,
        st.booleans(),
    ),
    StoreResponse: st.builds(StoreResponse, TEXT),
    StoreListing: st.builds(
        StoreListing,
        st.lists(st.builds(StoredObject, TEXT, NUMBER, st.booleans()), max_size=2).map(tuple),
        st.booleans(),
        NAMES,
    ),
    StoreRefusal: st.builds(
        StoreRefusal,
        st.sampled_from(["HeadBucket", "ListObjects", "GetObject", "Token", "Credentials"]),
        st.integers(0, 599),
        TEXT,
        TEXT,
        st.sampled_from(["", "name", "proxy name", "refused", "tls", "timeout", "unreadable"]),
        TEXT,
        TEXT,
    ),
    KeyFileInspection: st.builds(
        KeyFileInspection, NUMBER, st.sampled_from(["object", "json", "binary", "other"]), TEXT, TEXT, NAMES
    ),
    TemplateInspection: st.builds(
        TemplateInspection,
        st.sampled_from(["", "syntax", "name"]),
        TEXT,
        NUMBER,
        st.lists(st.tuples(TEXT, NUMBER), max_size=2).map(tuple),
    ),
    LibraryInspection: st.builds(
        LibraryInspection,
        NUMBER,
        st.sampled_from(["", "empty", "not ELF", "no library", "cut off", "damaged"]),
        TEXT,
        st.sampled_from([0, 32, 64]),
        TEXT,
        NAMES,
        NAMES,
        NAMES,
        st.none() | st.booleans(),
        TEXT,
    ),
    PathStatus: st.builds(PathStatus, KIND, NUMBER, st.none() | TEXT),
    PathTimes: st.builds(PathTimes, SECONDS, SECONDS),
    WriteProbe: st.builds(WriteProbe, TEXT, st.booleans()),
    Writability: st.builds(
        Writability,
        KIND,
        NUMBER,
        NUMBER,
        NUMBER,
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["tried", "predicted"]),
        st.none() | TEXT,
        st.none() | NUMBER,
        st.none() | NUMBER,
    ),
    Denials: st.builds(Denials, DENIALS, DENIALS, st.booleans()),
    Listing: st.builds(Listing, st.lists(ENTRY, max_size=4).map(tuple)),
    FileContent: st.builds(FileContent, st.binary(), NUMBER),
    Failure: st.builds(Failure, st.integers(1, 133), st.none() | DENIAL),
    Unavailable: st.builds(Unavailable, TEXT, st.booleans()),
    ModelInspection: st.builds(
        ModelInspection,
        FORMAT,
        st.lists(st.builds(FileSample, TEXT, st.none() | NUMBER), max_size=2).map(tuple),
        st.lists(st.builds(Fault, TEXT, TEXT, st.booleans(), TEXT, TEXT), max_size=2).map(tuple),
        st.lists(st.builds(Operation, TEXT, TEXT, NUMBER, TEXT), max_size=2).map(tuple),
        st.lists(TEXT, max_size=2).map(tuple),
        st.none() | TENSORS,
        st.none() | TENSORS,
        st.none() | NUMBER,
        st.none() | TEXT,
        st.none() | NUMBER,
        weights=st.lists(
            st.builds(WeightsInspection, TEXT, NUMBER, st.sampled_from(["", "decompression", "plain"])),
            max_size=2,
        ).map(tuple),
        states=TENSORS,
        runtime_options=st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
    ),
    LoadReport: st.builds(
        LoadReport,
        LEVEL,
        st.sampled_from(["ok", "failed", "crashed", "timed_out", "out_of_memory"]),
        LEVEL,
        TEXT,
        TEXT,
        st.none() | st.integers(1, 64),
        TENSORS,
        TENSORS,
        TEXT,
    ),
}


def fitting(question: Any) -> st.SearchStrategy[Any]:
    """A question and an answer of any type that it can have."""
    answers = st.one_of(*(ANSWERS[kind] for kind in answer_types(type(question))))
    return st.tuples(st.just(question), answers)


FACTS = st.lists(QUESTION.flatmap(fitting), max_size=5).map(dict)
