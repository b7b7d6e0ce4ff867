"""A configuration that was read, entry by entry: what is loaded, what is left out, what is a graph (ConfigLoader
in modelmanager.cpp)."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from ovms_doctor.model import server_log
from ovms_doctor.model.causes import CouldNotLook, SpecialFile
from ovms_doctor.model.deployment import Deployment, Mode, ModelEntry
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    Facts,
    FactsMissingError,
    ListDirectory,
    Listing,
    PlanPart,
    StatPath,
)
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.pipelines import PipelinePlan
from ovms_doctor.model.plan import Detection, Ignored, ModelPlan, Plan, VersionPlan
from ovms_doctor.model.plan_problems import ConfigNote, GraphFault, SkippedEntry, StartProblem
from ovms_doctor.prediction.config.libraries import Libraries, custom_loaders, node_libraries
from ovms_doctor.prediction.config.reading import ConfigEntry, ConfigReading, read_config
from ovms_doctor.prediction.graphs.files import find_graph, is_unlisted, open_graph
from ovms_doctor.prediction.parameters.parsed import end_of_reading, parse_parameters
from ovms_doctor.prediction.paths import absolute, escapes
from ovms_doctor.prediction.servables_below import servables_below
from ovms_doctor.prediction.unmapped_paths import unmapped
from ovms_doctor.prediction.versions import DetectionError, apply_policy, detect

Planner = Callable[[ModelEntry, Deployment, Mode, Facts], ModelPlan]
Assembler = Callable[[Mode, list[ModelPlan]], Plan]


class _ReadingProgress(Struct):
    """One pass over the lists, with its results so far."""

    models: list[ModelPlan] = field(default_factory=list)
    graphs: list[tuple[ConfigEntry, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    duplicates: list[str] = field(default_factory=list)
    skipped: list[SkippedEntry] = field(default_factory=list)
    notes: list[ConfigNote] = field(default_factory=list)
    missing: list[AnyQuestion] = field(default_factory=list)
    #: The entries that lack answers.
    parts: list[PlanPart] = field(default_factory=list)
    #: Why the process ends while it reads an entry.
    problem: StartProblem | None = None

    def lacks(self, error: FactsMissingError, entry: Callable[[], object]) -> None:
        """Records the missing answers for ``entry``, which plans this entry alone."""
        self.missing.extend(error.questions)
        self.parts.append(PlanPart(error.questions, entry))


def plan_configuration(deployment: Deployment, facts: Facts, planner: Planner, assemble: Assembler) -> Plan:
    """Returns the plan for ``--config_path``. Raises FactsMissingError."""
    path = deployment.config_path or ""
    reading = read_config(path, deployment, facts)
    base = Plan(
        "config",
        "unknown",
        config_path=path,
        config_notes=reading.notes,
        config_positions=reading.config_positions,
    )
    if reading.unknown is not None:
        return replace(base, unknown=reading.unknown)
    if reading.problem is not None:
        problem = reading.problem
        return replace(base, outcome="exits", exit_code=problem.exit_code, problem=problem)
    document = reading.document or {}
    arguments = (document, reading.root, deployment.working_directory, deployment.release, facts)
    loaders, libraries = custom_loaders(*arguments), node_libraries(*arguments)
    progress = _models(reading, deployment, facts, planner, loaders)
    if progress.missing:
        raise FactsMissingError(progress.missing, progress.parts)
    ended = _ended(progress, base, assemble)
    if ended is not None:
        return ended
    listed = [(item, item.graphs[0]) for item in reading.graphs]
    items = [*listed, *progress.graphs]
    if items:
        _add_subconfig_models(items, progress, deployment, facts, planner, loaders)
        if progress.missing:
            raise FactsMissingError(progress.missing)
        ended = _ended(progress, base, assemble)
        if ended is not None:
            return ended
    graphs = _graphs(items, progress, deployment, facts)
    if progress.missing:
        raise FactsMissingError(progress.missing)
    # The list of graphs is read before any model is loaded (MediapipeGraphConfig::parseNode, for an MD5, v2023.1).
    early = [plan for plan in graphs if plan.blocked is not None and deployment.release.at_least(2023, 1)]
    late = _until_one_escapes([plan for plan in graphs if plan not in early])
    occupied = progress.names | {plan.entry.name for plan in graphs}
    pipelines: tuple[PipelinePlan, ...] = ()
    if document.get("pipeline_config_list"):
        from ovms_doctor.prediction.pipelines.plan import plan_pipelines

        pipelines = plan_pipelines(document, occupied, libraries.usable, progress.models)
    ignored = tuple(
        Ignored(item.pointer, f"whether the pipeline {item.name} is served ({doubt})")
        for item in pipelines
        if item.fault is None
        for doubt in item.doubts
    )
    return replace(
        assemble("config", [*early, *progress.models, *late]),
        config_path=path,
        config_positions=reading.config_positions,
        duplicates=tuple(dict.fromkeys(progress.duplicates)),
        skipped=tuple(progress.skipped),
        libraries=(*loaders.faults, *libraries.faults),
        pipelines=pipelines,
        config_notes=(*reading.notes, *progress.notes),
        ignored=ignored,
    )


def _ended(progress: _ReadingProgress, base: Plan, assemble: Assembler) -> Plan | None:
    """Returns the plan of a process that ends by an exception while it reads an entry; None without such an entry. The
    models of the entries before it are loaded first, and may end or stop the process themselves."""
    problem = progress.problem
    if problem is None or assemble("config", progress.models).outcome in ("exits", "never_ends"):
        return None
    return replace(base, outcome="exits", exit_code=problem.exit_code, problem=problem)


def _models(
    reading: ConfigReading, deployment: Deployment, facts: Facts, planner: Planner, loaders: Libraries
) -> _ReadingProgress:
    """Applies ``loadModels``: graph, parameters, plugin_config's keys, name; then the model itself."""
    progress = _ReadingProgress()
    release = deployment.release
    #: Names of the entries that lack answers, and whether one of them ends the reading unless it is a graph.
    listed: set[str] = set()
    ends = False
    for index, item in enumerate(reading.entries):
        entry = item.entry
        plan_in_advance = partial(_plan_in_advance, item, deployment, facts, planner, loaders)
        if release.finds_graphs:
            try:
                graph = _graph_of(item, deployment, facts)
            except FactsMissingError as error:
                parsed = parse_parameters(entry, release, deployment.devices)
                ends = ends or parsed.abort is not None or bool(parsed.exception)
                is_first = entry.name not in listed and entry.name not in progress.names
                listed.add(entry.name)
                progress.lacks(error, partial(plan_in_advance, is_model=is_first and not ends))
                continue
            except DetectionError as error:
                progress.names.add(entry.name)
                progress.models.append(ModelPlan(entry, Detection("OK"), unknown=error.cause))
                continue
            if isinstance(graph, SpecialFile):
                progress.names.add(entry.name)
                progress.models.append(ModelPlan(entry, Detection("OK"), blocked=graph))
                continue
            if graph is not None:
                progress.graphs.append((item, graph))
                if entry.parameters or entry.policy.kind != "latest" or entry.policy.count != 1:
                    keys = ", ".join(key for key, _ in entry.parameters.values) or "model_version_policy"
                    progress.notes.append(ConfigNote("graph_keys", entry.pointer, keys, entry.name))
                continue
        parsed = parse_parameters(entry, release, deployment.devices)
        if parsed.exception:
            progress.problem = end_of_reading(parsed, deployment.config_path, entry.pointer)
            break
        if parsed.problem is not None:
            progress.skipped.append(
                SkippedEntry(entry, "refused", parsed.problem.status, parsed.problem.log, parsed.at)
            )
            continue
        if parsed.abort is not None:
            log = (*parsed.abort.log, *((server_log.LIST_FAILED(),) if release.at_least(2023, 0) else ()))
            progress.skipped.append(SkippedEntry(entry, "aborts", parsed.abort.status, log, parsed.at))
            for later in reading.entries[index + 1 :]:
                progress.skipped.append(SkippedEntry(later.entry, "after_abort"))
            break
        if entry.name in progress.names:
            progress.duplicates.append(entry.name)
            continue
        progress.names.add(entry.name)
        try:
            progress.models.append(_model(item, deployment, facts, planner, loaders))
        except FactsMissingError as error:
            progress.lacks(error, partial(plan_in_advance, is_model=True))
    return progress


def _graph_of(item: ConfigEntry, deployment: Deployment, facts: Facts) -> str | SpecialFile | None:
    """Returns the file that makes an entry a graph. Raises FactsMissingError, DetectionError."""

    def find() -> str | SpecialFile | None:
        if not facts.complete:
            facts.need(_first_questions(item, deployment, facts))
        return find_graph(item.graphs, deployment.working_directory, facts)

    return facts.once(("graph", item.graphs), find)


def _first_questions(item: ConfigEntry, deployment: Deployment, facts: Facts) -> list[AnyQuestion]:
    """Returns the questions for every entry. Nearly always an entry is a model and no graph, so its base path is
    requested in advance: each round of questions costs another plan."""
    path = item.entry.base_path
    base = deployment.absolute(path)
    content = ListDirectory(base)
    questions: list[AnyQuestion] = []
    if not is_remote(path) and not escapes(path, deployment.release):
        questions += (StatPath(base), content)
    listing = facts.get(content)
    for file in item.graphs:
        if not is_remote(file):
            questions += _questions_on_graph(deployment.absolute(file), base, listing, facts)
    return questions


def _questions_on_graph(
    path: str, base: str, listing: Answer | None, facts: Facts
) -> tuple[AnyQuestion, ...]:
    """Returns the questions that decide about a path of graph.pbtxt. Nearly always the lists of the directories,
    which a model needs too, show that there is none. ``listing``: that of the base path, None before it is read."""
    directory = path.rpartition("/")[0]
    version = f"{base}/1"
    if listing is None and directory in (base, version):
        return ()
    if directory == version and isinstance(listing, Listing) and _is_only_version(listing):
        return StatPath(version), ListDirectory(version)
    return () if is_unlisted(path, facts) else (StatPath(path),)


def _is_only_version(listing: Listing) -> bool:
    """Whether the list of a base path has the directory ``1`` and no other directory or link."""
    return [(entry.name, entry.kind) for entry in listing.entries if entry.kind != "regular"] == [
        ("1", "directory")
    ]


def _plan_in_advance(
    item: ConfigEntry,
    deployment: Deployment,
    facts: Facts,
    planner: Planner,
    loaders: Libraries,
    *,
    is_model: bool,
) -> None:
    """Plans one entry as far as the facts allow. ``is_model``: it is loaded unless it is a graph. Raises
    FactsMissingError."""
    release = deployment.release
    try:
        if release.finds_graphs and _graph_of(item, deployment, facts) is not None:
            return
    except DetectionError:
        return
    parsed = parse_parameters(item.entry, release, deployment.devices)
    if is_model and parsed.problem is None and parsed.abort is None and not parsed.exception:
        _model(item, deployment, facts, planner, loaders)


def _model(
    item: ConfigEntry, deployment: Deployment, facts: Facts, planner: Planner, loaders: Libraries
) -> ModelPlan:
    if item.undefined:
        reason = (
            "it is not defined which of its versions are requested: a value of its version policy has "
            "another type than the server expects"
        )
        return ModelPlan(item.entry, Detection("OK"), unknown=CouldNotLook(item.entry.base_path, reason))
    if item.loader is None:
        return planner(item.entry, deployment, "config", facts)
    return _with_loader(item.entry, item.loader, deployment, facts, loaders)


def _with_loader(
    entry: ModelEntry, loader: str, deployment: Deployment, facts: Facts, loaders: Libraries
) -> ModelPlan:
    """Returns the plan of a model with a custom loader: without the loader its versions are found and never tried; the
    loader's actions are not predicted."""
    absolute_path = absolute(entry.base_path, deployment.working_directory)
    try:
        if is_remote(entry.base_path):
            # The server reads the store before it uses the loader.
            from ovms_doctor.prediction.storage.entry import plan_remote

            remote = plan_remote(entry, deployment, "config", facts)
            if isinstance(remote, ModelPlan):
                return remote
            detection = remote.detection
        else:
            detection = detect(entry.base_path, absolute_path, deployment.release, facts)
    except DetectionError as error:
        return ModelPlan(entry, Detection("OK"), unknown=error.cause)
    if detection.status != "OK":
        return ModelPlan(entry, detection, status=detection.status)
    requested = tuple(sorted(set(apply_policy(entry.policy, list(detection.found)))))
    versions = tuple(
        VersionPlan(number, detection.directories(number), number in requested, None, None, None)
        for number in sorted(set(detection.found))
    )
    unknown = None
    if loader in loaders.usable:
        unknown = CouldNotLook(entry.base_path, f"the custom loader {loader} is not run")
    return ModelPlan(entry, detection, requested, versions, unknown=unknown, tried=False)


def _add_subconfig_models(
    items: list[tuple[ConfigEntry, str]],
    progress: _ReadingProgress,
    deployment: Deployment,
    facts: Facts,
    planner: Planner,
    loaders: Libraries,
) -> None:
    """Adds the models of the graphs' subconfig files: of equal names, the first counts. Raises FactsMissingError."""
    from ovms_doctor.prediction.graphs.subconfig import GraphFiles, subconfig_models

    read = subconfig_models([GraphFiles(item, path) for item, path in items], deployment, facts)
    progress.notes.extend(read.notes)
    progress.skipped.extend(read.skipped)
    progress.problem = read.problem
    for item in read.entries:
        if item.entry.name in progress.names:
            progress.duplicates.append(item.entry.name)
            continue
        progress.names.add(item.entry.name)
        try:
            progress.models.append(_model(item, deployment, facts, planner, loaders))
        except FactsMissingError as error:
            progress.missing.extend(error.questions)


# -- graphs --------------------------------------------------------------------------------------------


def _graphs(
    items: list[tuple[ConfigEntry, str]], progress: _ReadingProgress, deployment: Deployment, facts: Facts
) -> list[ModelPlan]:
    """Returns the graphs of both lists, in the server's order: of equal names, the first counts; the name of a model is
    not available."""
    graphs: dict[str, ModelPlan] = {}
    for item, path in items:
        entry = item.entry
        if entry.name in graphs:
            line = server_log.DUPLICATE_GRAPH(name=entry.name)
            progress.skipped.append(SkippedEntry(entry, "duplicate", "OK", (line,)))
        elif entry.name in progress.names:
            line = server_log.GRAPH_NAME_OCCUPIED(name=entry.name)
            progress.skipped.append(SkippedEntry(entry, "occupied", "MEDIAPIPE_GRAPH_NAME_OCCUPIED", (line,)))
        else:
            try:
                graphs[entry.name] = _graph(item, path, deployment, facts)
            except FactsMissingError as error:
                progress.missing.extend(error.questions)
    return list(graphs.values())


def _until_one_escapes(graphs: list[ModelPlan]) -> list[ModelPlan]:
    """Leaves out the graphs after one whose exception leaves it out (loadMediapipeGraphsConfig)."""
    for index, plan in enumerate(graphs):
        if plan.followed is not None and plan.followed.verdict == "escaped":
            return [*graphs[: index + 1], *(replace(each, tried=False) for each in graphs[index + 1 :])]
    return graphs


def _graph(item: ConfigEntry, path: str, deployment: Deployment, facts: Facts) -> ModelPlan:
    entry = item.entry
    plan = ModelPlan(entry, Detection("OK"), kind="graph")
    # A path in a store is opened like any other path, and no file has this name.
    try:
        fault = open_graph(entry.name, path, deployment.working_directory, deployment.release, facts)
    except DetectionError as error:
        return replace(plan, unknown=error.cause)
    if isinstance(fault, SpecialFile):
        return replace(plan, blocked=fault)
    if isinstance(fault, GraphFault):
        if fault.reason == "missing" and not is_remote(entry.base_path):
            absolute_path = absolute(entry.base_path, deployment.working_directory)
            folder = posixpath.dirname(absolute(path, deployment.working_directory))
            unknown = unmapped(folder, deployment, facts)
            if unknown is not None:
                return replace(plan, unknown=unknown)
            fault = replace(fault, below=servables_below(entry.base_path, absolute_path, facts))
        return replace(plan, status=fault.status, graph=fault)
    from ovms_doctor.prediction.graphs.follow import follow_graph, with_graph
    from ovms_doctor.prediction.graphs.subconfig import graph_base

    return with_graph(
        plan, follow_graph(entry.name, path, graph_base(item, path), deployment, facts), "config"
    )
