"""The kinds of texts in facts and options, field by field. A text field without an entry is ``text``; a test
requires an entry for each, so that every field has been decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from ovms_doctor.model import container, environment, facts, live, log, mounts, options, proxy
from ovms_doctor.model.facts import answers, preparation

#: The kind of a replaced text, as in the map and the receipt. ``name``: of a container, volume, project and the like;
#: ``word``: a word of a message or document that this program does not have; ``number``: a long number in a name.
Kind: TypeAlias = Literal["host", "address", "user", "bucket", "model", "name", "path", "word", "number"]
#: The content of a field. ``text``: messages and documents with names in them; ``arguments``: a command line.
Content: TypeAlias = Literal["host", "user", "bucket", "model", "name", "path", "text", "arguments"]
#: For a row, the content of each of its texts.
FieldContent: TypeAlias = Content | tuple[Content, ...]

_TEXT: FieldContent = "text"


def _fields(path: str = "", text: str = "", **others: str) -> dict[str, FieldContent]:
    """Returns the fields of one type by their content, their names separated by blanks."""
    table: dict[str, FieldContent] = dict.fromkeys(path.split(), "path")
    table.update(dict.fromkeys(text.split(), _TEXT))
    for content, names in others.items():
        table.update(dict.fromkeys(names.split(), content))  # type: ignore[arg-type]
    return table


FIELDS: Mapping[type[Any], Mapping[str, FieldContent]] = {
    # -- questions
    facts.CheckWritable: _fields("path"),
    facts.ProbeWrite: _fields("path"),
    facts.InspectNetwork: _fields(host="addresses"),
    facts.StatPath: _fields("path"),
    facts.StatHost: _fields("path"),
    facts.StatTimes: _fields("path"),
    facts.ListDirectory: _fields("path"),
    facts.ListDenials: _fields("path top"),
    facts.ReadFile: _fields("path"),
    facts.InspectModel: _fields("path"),
    facts.LoadModel: _fields("path extension"),
    preparation.Preparation: _fields(text="layouts steps reshape batch device config"),
    facts.LoadPipeline: _fields("path", "task config"),
    facts.InspectLibrary: _fields("path"),
    facts.LoadExtension: _fields("path"),
    facts.InspectTemplate: _fields("path", "tags filters"),
    facts.InspectKeyFile: _fields("path"),
    facts.StoreAccess: _fields(
        "files", bucket="bucket", host="endpoint region", name="profile", text="proxy"
    ),
    facts.ListStore: _fields("prefix"),
    facts.ReadObject: _fields("key"),
    facts.InspectCopy: _fields("file"),
    facts.VersionCopy: _fields("prefix directories"),
    facts.CopiedFile: _fields("name"),
    facts.LoadCopy: _fields("file extension"),
    facts.FetchCopy: _fields("names directory"),
    # -- answers
    facts.Writability: _fields(text="acl"),
    facts.NetworkInspection: _fields(host="missing_addresses", arguments="servers"),
    facts.ListeningSocket: _fields(host="address", name="program"),
    facts.WriteProbe: _fields("name"),
    facts.PathStatus: _fields("resolved"),
    facts.Entry: _fields("name target"),
    facts.Denial: _fields("path", "acl"),
    facts.FileContent: _fields(text="data"),
    facts.Unavailable: _fields("outside", "reason"),
    facts.ModelInspection: _fields(text="element_types writer runtime_options"),
    facts.FileSample: _fields("path"),
    facts.Fault: _fields("path", "kind detail evidence"),
    facts.Operation: _fields(text="type opset layer"),
    facts.Tensor: _fields(text="names element_type shape"),
    answers.WeightsInspection: _fields(text="element_type"),
    facts.LoadReport: _fields(text="message runtime detail"),
    facts.LibraryInspection: _fields("search_paths", "detail machine needed symbol_versions local_openvino"),
    facts.TemplateInspection: _fields(text="message tags"),
    facts.KeyFileInspection: _fields(text="credentials missing_keys", name="project_id"),
    facts.StoreResponse: _fields(host="region"),
    facts.StoreListing: _fields("prefixes"),
    facts.StoredObject: _fields("key"),
    facts.StoreRefusal: _fields("key", "code message", host="region host"),
    # -- options
    options.CheckOptions: _fields(
        "targets inspect compose kubernetes kernel_log log_files env_file cache_dir cpu_extension facts_file "
        "typed_targets working_directory",
        "docker_run release policy target_device release_from user_from host_proxy withheld_variables",
        name="container_name",
        arguments="arguments",
    ),
    options.SourceUnavailable: _fields(text="source reason"),
    mounts.Mount: _fields("host server"),
    mounts.UnavailablePath: _fields("server", "reason"),
    environment.Variable: _fields(text="name", host="text"),
    proxy.Proxy: _fields(text="scheme", host="host"),
    container.Container: _fields(
        "source_name working_directory devices device_sources layers merged_directory image",
        "id labels release release_from arguments_unavailable environment_names "
        "device_requests restart capabilities_dropped security log problems unknown_fields",
        arguments="program arguments",
        name="name network siblings",
        user="user groups",
    ),
    container.ContainerMount: _fields("server host sub_path missing_key", "options", name="name"),
    container.DocumentFile: _fields("server", "unavailable"),
    container.PublishedPort: _fields(text="protocol", host="address"),
    container.ContainerLimits: _fields(text="cpuset"),
    container.Probe: _fields("path", "scheme"),
    container.ContainerState: _fields(
        text="status reason message started_at finished_at health last_reason last_finished_at"
    ),
    container.KernelKill: _fields("cgroup limit_cgroup", "at line", name="process"),
    # -- the log
    log.LogSummary: {
        **_fields(text="release openvino first_at last_at limits", name="sources"),
        "failures": ("model", "text"),
    },
    log.ServerStart: _fields(text="at release openvino ended_at last_message", name="source"),
    log.ServableHistory: _fields("path", "state error_code since device", name="source", model="name"),
    log.RequestStatistics: _fields(
        text="reasons first_at last_at failing_since by_minute", name="source", model="servable"
    ),
    log.GenerativeStatistics: _fields(
        text="cache_full_first_at cache_full_last_at cache_size", name="source"
    ),
    log.LogProblem: _fields(text="text origin first_at last_at", name="source", model="servable"),
    log.Change: _fields(text="at text", name="source", model="servable"),
    log.ClockJump: _fields(text="before after", name="source"),
    # -- the running server
    live.LiveQuery: _fields(text="skipped", model="model"),
    live.Address: _fields("path", host="host"),
    live.Observations: _fields(text="name_problem greeting problem", host="addresses listening"),
    live.ConnectionTry: _fields(text="detail", host="address"),
    live.TlsResult: _fields(text="detail"),
    live.HttpAnswer: _fields("path location", "content_type server body problem"),
    live.GrpcAnswer: _fields(text="call code details version versions", model="model name"),
    live.InferenceProbe: _fields(text="request sent code message problem", model="name"),
}
