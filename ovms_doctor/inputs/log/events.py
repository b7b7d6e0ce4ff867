"""The effect of one server's messages on its starts, servables and problems."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from ovms_doctor.inputs.log.generative import Generative
from ovms_doctor.inputs.log.history import SERVABLES, STARTS, Problem, Problems, Servable, Start
from ovms_doctor.inputs.log.requests import Requests, status_text
from ovms_doctor.model.log import Change, LogLevel, ServableKind
from ovms_doctor.model.pattern import lazy_pattern

#: The thread of a line without a prefix.
NO_RECORD = b"-"
_CHANGES = 500
#: The number of problems of one thread that are kept until the state of a servable shows their effect.
_RECENT = 30
#: The most threads whose recent problems are kept.
_THREADS = 1_000
_FAILURES = 200

#: The commit after the numbers may begin with digits.
_BANNER = lazy_pattern(r"OpenVINO Model Server (\d{4}\.\d+)((?:\.\d{1,3}(?=[.\s]|$))*)")
_STATUS = lazy_pattern(
    r"STATUS CHANGE: Version (\d+) of model (.*) status change\. New status: "
    r'\( "state": "(\w+)", "error_code": "(\w+)" \)',
    re.DOTALL,
)
_STATE = lazy_pattern(
    r"(Pipeline|Mediapipe): (.*) state changed to: ([A-Z_]+) after handling: (\w+)", re.DOTALL
)
_LOADING = lazy_pattern(
    r"Loading model: (.*), version: (\d+), from path: (.*), with target device: ?(.*?) \.\.\.", re.DOTALL
)
_ADDED = lazy_pattern(r"Will add model: (.*); version: (\d+) \.\.\.", re.DOTALL)
_RELOAD = lazy_pattern(r"Will reload model: (.*?);? version: (\d+)", re.DOTALL)
_HTTP_FAILED = lazy_pattern(r"Processing HTTP/REST request failed: (\w+ .*?)\. Reason: (.*)", re.DOTALL)
_NO_SERVABLE = lazy_pattern(r"Getting modelInstance or pipeline failed\. (.*)", re.DOTALL)
_PIPELINE_FAILED = lazy_pattern(
    r"Executing pipeline: (.*) node: .* failed with ret code: .*?, error message: (.*)", re.DOTALL
)
_NO_DEFAULT = lazy_pattern(r"Default version: \d+ for model: (.*) not found", re.DOTALL)
_C_API = lazy_pattern(
    r"Processing C-API (?:inference )?request for (?:servable|model): (.*); version: \d*", re.DOTALL
)
_DEDUCED = lazy_pattern(r"Model name from deduced from [\w ]+: (.*)", re.DOTALL)
_PATH = lazy_pattern(r"(?::|in|for) (/[^\s;,]{1,1000})")
#: A servable's name and version in a problem.
_SUBJECTS = tuple(
    lazy_pattern(pattern, re.DOTALL)
    for pattern in (
        r"^(?:V|Rev)alidation (?:of )?pipeline(?: definition)?: (?P<name>.*?) (?:definition )?failed",
        r"^Pipeline(?:Definition)?: (?P<name>\S+?);? ",
        r"^(?:In p|Error validating p)ipeline: (?P<name>[^,;\n]+?)(?:,| after| exists|;)",
        r"ov::Model model: (?P<name>.*?) version: (?P<version>\d+)",
        r"servable name: (?P<name>.*?) version: (?P<version>\d+)",
        r"[Mm]odel(?: name)?: ?(?P<name>(?:(?!model: )[^;\n])*?)[;,]? ?version ?: ?(?P<version>\d+)",
        r"; model: (?P<name>[^;\n]*); version: (?P<version>\d+)",
        r"loading model: (?P<name>[^;\n]*) versions; ",
        r"reloading model: (?P<name>[^;\n]*); versions; ",
        r"[Mm]ediapipe graph(?: definition)?: (?P<name>[^,;\n]*?)(?:,| failed| initialization)",
        r"[Pp]ipeline: (?P<name>\S+)(?: |$)",
        r"^Model: (?P<name>\S+?)[,;]? ",
    )
)

#: The messages below the level of a warning that this module uses, as a pattern; each ends with a group.
RELEVANT = (
    rb"STATUS CHANGE: ()|Serv(?:ableManagerModule (?:started|shut)|er started on port )()"
    rb"|Shut(?:ting down|down (?:gRPC server|HTTP server|model manager))()"
    rb"|Processing (?:HTTP/REST request failed: |C-API |config reload request)()"
    rb"|P(?:ipeline: [^\n]* state changed to: |ythonInterpreterModule s)()"
    rb"|Will (?:add|reload) model: ()|Loading model: ()"
    rb"|OpenVINO (?:Model S|backe)()|Getting modelInstance or pipeline failed()"
    rb"|(?:GRPCServer|HTTPServer|C-API)Module shut()"
    rb"|M(?:ediapipe(?:: [^\n]* state changed to: | with requested name: )|odel name from deduced from )()"
    rb"|\[(?:servable name|Model): ()|log level: ()|model_(?:basepath|name): ()"
    rb"|A(?:ll requests: |vailable devices for Open VINO)()"
    rb"|Re(?:quest processing metrics |loading mediapipe graph: )()"
)
_SHUTDOWN = (
    "ServableManagerModule shut",
    "GRPCServerModule shut",
    "HTTPServerModule shut",
    "C-APIModule shut",
    "Shutting down",
    "Shutdown gRPC server",
    "Shutdown HTTP server",
    "Shutdown model manager",
)
_PYTHON_STOPS = "PythonInterpreterModule shutting"
#: The message on an exception that a graph's initialisation throws, after the graph's state (modelmanager.cpp).
_GRAPH_THREW = "Failed to process mediapipe graph config:"
#: Messages after which the process always ends.
_ENDS = lazy_pattern(
    r"will now terminate|^Error occurred in LLM executor: |^Error occurred in Omni executor: "
    r"|^ovms::ModelManager::Start\(\) Error: |^Failed to start (?:g|G)?R(?:PC|EST) server"
)
_KINDS: dict[str, ServableKind] = {"Pipeline": "pipeline", "Mediapipe": "graph"}


class Events:
    """The history of one server."""

    def __init__(self, source: str, requests: Requests) -> None:
        self.source = source
        self.requests = requests
        self.starts: list[Start] = []
        self.problems = Problems()
        self.generative = Generative()
        self.servables: dict[tuple[str, int | None], Servable] = {}
        self.changes: list[Change] = []
        self.servables_left_out = 0
        self.changes_left_out = 0
        self.starts_left_out = 0
        #: Base path → the model's name, from DEBUG logs.
        self.names: dict[str, str] = {}
        self._base_path = ""
        #: Failed requests that levels above DEBUG show: servable and reason → count.
        self.failures: dict[tuple[str, str], int] = {}
        self.devices: str | None = None
        #: The servable that a thread loads, and the problems since the last change of its state.
        self._loading: dict[bytes, Servable] = {}
        self._recent: dict[bytes, list[int]] = {}
        #: The last graph that failed without a message before it, by thread.
        self._failed_graphs: dict[bytes, Servable] = {}
        #: Whether the Python interpreter of the server is being started.
        self._python_starts = False

    # -- messages --------------------------------------------------------------------------------------

    def message(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        for start, handler in _HANDLERS:
            if text.startswith(start):
                handler(self, line, at, thread, text, stamp)
                return

    def _banner(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        match = _BANNER.match(text)
        if match is None or thread == NO_RECORD:
            return
        self._begin(Start(self.source, at or None, line, from_beginning=True))
        # 2026.3.0 is 2026.3, but 2022.3.0.1 and 2025.4.1 are releases of their own.
        self.starts[-1].release = match[1] + ("" if match[2] == ".0" else match[2])
        self.requests.restart(stamp)
        self._loading.clear()
        self._recent.clear()
        self._failed_graphs.clear()
        self._python_starts = False

    def _begin(self, start: Start) -> None:
        if len(self.starts) >= STARTS:
            self.starts_left_out += 1
            del self.starts[STARTS // 2]
        self.starts.append(start)

    def _backend(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        if thread != NO_RECORD:
            self.current(at, line).openvino = text.removeprefix("OpenVINO backend ").strip()

    def current(self, at: str | None, line: int) -> Start:
        """Returns the start to which a line belongs; an excerpt begins without one."""
        if not self.starts:
            self._begin(Start(self.source, at, line, from_beginning=False))
        start = self.starts[-1]
        start.ended_at, start.ended_line = at or start.ended_at, line
        return start

    def _status(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        match = _STATUS.match(text)
        if match is None or self.current(at, line).stopping:
            return
        version, name, state, error_code = match.groups()
        servable = self._servable(name, "model", int(version[:18]))
        if servable is None:
            return
        self._set_state(servable, state, error_code, at, thread, line)

    def _state(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        match = _STATE.match(text)
        if match is None or self.current(at, line).stopping:
            return
        servable = self._servable(match[2], _KINDS[match[1]], None)
        if servable is not None:
            error = "FAILED_PRECONDITION" if match[3] == "LOADING_PRECONDITION_FAILED" else "OK"
            self._set_state(servable, match[3], error, at, thread, line)

    def _set_state(
        self, servable: Servable, state: str, error_code: str, at: str, thread: bytes, line: int
    ) -> None:
        was_failing, since = servable.failing, servable.since
        changed = servable.set_state(state, error_code, at, line)
        if state == "AVAILABLE" and servable.loading_since is not None:
            servable.load_ms = _milliseconds(servable.loading_since, at)
        if servable.failing and error_code == "OK":
            self._note_loading(thread, servable)
        elif servable.failing:
            servable.caused_by(self._recent.pop(thread, ()))
            if servable.kind == "graph" and not servable.problems and len(self._failed_graphs) < _THREADS:
                self._failed_graphs[thread] = servable
            self._loading.pop(thread, None)
        elif state in ("AVAILABLE", "END", "UNLOADING"):
            self._recent.pop(thread, None)
            self._loading.pop(thread, None)
        elif state == "LOADING":
            self._note_loading(thread, servable)
        if not changed or not self.starts[-1].started:
            return
        if servable.failing and not was_failing:
            self.change(at, line, "fails to load", servable)
        elif was_failing and state == "AVAILABLE":
            self.change(at, line, f"is AVAILABLE after it failed since {since}", servable)
        elif state in ("AVAILABLE", "END"):
            self.change(at, line, "is AVAILABLE" if state == "AVAILABLE" else "is retired", servable)

    def _note_loading(self, thread: bytes, servable: Servable) -> None:
        if len(self._loading) >= _THREADS:
            self._loading.clear()
        self._loading[thread] = servable

    def _servable(self, name: str, kind: ServableKind, version: int | None) -> Servable | None:
        start = len(self.starts) - 1
        key = (name, version)
        servable = self.servables.get(key)
        if servable is None or servable.start != start:
            if servable is None and len(self.servables) >= SERVABLES:
                self.servables_left_out += 1
                return None
            servable = self.servables[key] = Servable(name[:1000], kind, version, start)
        return servable

    def _load(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        match = _LOADING.match(text)
        if match is None:
            return
        self.current(at, line)
        servable = self._servable(match[1], "model", int(match[2][:18]))
        if servable is not None:
            servable.path, servable.device = match[3], match[4].strip() or None
            self._note_loading(thread, servable)

    def _version(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        match = _ADDED.match(text)
        if match and self.current(at, line).started and not self.starts[-1].stopping:
            self.change(at, line, "is added", None, match[1], int(match[2][:18]))

    def _reload(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        match = _RELOAD.match(text)
        if match and self.current(at, line).started:
            servable = self.servables.get((match[1], int(match[2][:18])))
            if servable is not None and not servable.failing:
                self.change(at, line, "is reloaded", servable)

    def _reload_graph(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        if self.current(at, line).started:
            self.change(at, line, "is reloaded", None, text.partition(": ")[2], None)

    def _reload_request(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        self.change(at, line, "a client requested a reload of the configuration", None)

    def change(
        self, at: str, line: int, text: str, servable: Servable | None, name: str | None = None,
        version: int | None = None,
    ) -> None:  # fmt: skip
        if len(self.changes) >= _CHANGES:
            self.changes_left_out += 1
            return
        if servable is not None:
            name, version = servable.name, servable.version
        self.changes.append(Change(self.source, at, line, text, name, version))

    def _started(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        self.current(at, line).started = True

    def _stops(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        if text.startswith(_SHUTDOWN):
            self.current(at, line).stopping = True

    def _python(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        """Notes that the interpreter does not start: the server then ends without an error."""
        start = self.current(at, line)
        if text.startswith(_PYTHON_STOPS):
            start.exit = start.exit or self._python_starts
            start.stopping = True
        self._python_starts = text.endswith(" starting")

    def _model_parameter(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        """Notes base path and name of a model, whose lines follow each other."""
        key, _, value = text.partition(": ")
        if key == "model_basepath":
            self._base_path = value
        elif self._base_path and len(self.names) < SERVABLES:
            self.names[self._base_path] = value

    def _devices(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        self.devices = text.partition(": ")[2][:500]

    # -- requests --------------------------------------------------------------------------------------

    def _http_failed(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        match = _HTTP_FAILED.match(text)
        if match:
            self.requests.fail_http(thread, match[1].encode("utf-8", "replace"), match[2], stamp)

    def _validation(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        found = status_text(text)
        if found is not None:
            self.requests.reason(thread, found[1])

    def _no_servable(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        match = _NO_SERVABLE.match(text)
        if match:
            self.requests.fail_grpc(thread, match[1], stamp)

    def _no_graph(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        self.requests.fail_grpc(thread, "Mediapipe graph definition with requested name is not found", stamp)

    def _c_api(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        match = _C_API.match(text)
        if match:
            self.requests.begin_c_api(thread, match[1], stamp)

    def _deduced(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        match = _DEDUCED.match(text)
        if match:
            self.requests.named(thread, match[1], stamp)

    def _generative(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        self.generative.message(at, text)

    def _ignored(self, line: int, at: str, thread: bytes, text: str, stamp: bytes) -> None:
        return

    # -- problems --------------------------------------------------------------------------------------

    def problem(
        self, line: int, at: str | None, thread: bytes, level: LogLevel, origin: str, text: str, stamp: bytes
    ) -> None:
        """Notes a warning or an error with all its lines."""
        match = _PIPELINE_FAILED.match(text)
        if match:
            self._request_failed(thread, match[1], match[2])
        match = _NO_DEFAULT.match(text)
        if match and thread not in self.requests.open and self.starts and self.starts[-1].started:
            self._request_failed(thread, match[1], "Model with requested version is not found")
        ends = bool(_ENDS.search(text))
        if origin == "ovms" and thread == NO_RECORD and level != "warning":
            # Refused arguments and messages of the shell or the engine: printed without a prefix, at the very end.
            ends = True
            if not self.starts or self.starts[-1].stopping or self.starts[-1].exit or not at:
                self._begin(Start(self.source, None, line, from_beginning=True))
        elif ends and not thread and self.starts and (self.starts[-1].stopping or self.starts[-1].exit):
            # Written before the log is set up: another start.
            self._begin(Start(self.source, at, line, from_beginning=True))
        start = self.current(at, line)
        if ends:
            start.exit = True
        if level != "warning":
            start.errors += 1
        loading = self._loading.get(thread)
        name, version = _subject(text)
        if name is None and loading is None:
            name = next((self.names[path] for path in _PATH.findall(text) if path in self.names), None)
        if name is None and loading is not None:
            name, version = loading.name, loading.version
        elif name is not None and version is None and loading is not None and loading.name == name:
            version = loading.version
        graph = self._failed_graphs.pop(thread, None)
        if graph is not None and text.startswith(_GRAPH_THREW):
            name = graph.name
        else:
            graph = None
        problem = self.problems.add(text, level, origin, name, version)
        if problem is None:
            return
        if graph is not None:
            graph.caused_by([problem.number])
        if not problem.count:
            problem.at_start = not start.started
        problem.count_one(at, line, len(self.starts) - 1)
        if len(self._recent) >= _THREADS:
            self._recent.clear()
        recent = self._recent.setdefault(thread, [])
        if problem.number not in recent and len(recent) < _RECENT:
            recent.append(problem.number)
        self._closing(problem, recent)

    def _request_failed(self, thread: bytes, servable: str, reason: str) -> None:
        """Notes a warning on a request. If the request's other messages are logged too, it is counted with those."""
        if thread in self.requests.open:
            self.requests.reason(thread, reason)
            return
        key = (servable[:200], reason[:500])
        if key in self.failures or len(self.failures) < _FAILURES:
            self.failures[key] = self.failures.get(key, 0) + 1

    def _closing(self, problem: Problem, recent: list[int]) -> None:
        """Notes a message that ends a failed load and names the servable, also without logged states."""
        text = problem.text
        if not text.startswith(
            ("Error occurred while loading model: ", "Error occurred while reloading model: ")
        ):
            return
        if problem.servable is None:
            return
        if problem.version is not None:
            servable = self.servables.get((problem.servable, problem.version))
            if servable is None:
                servable = self._servable(problem.servable, "model", problem.version)
        else:
            if any(name == problem.servable for name, _ in self.servables):
                return
            servable = self._servable(problem.servable, "model", None)
        if servable is not None and not servable.failing and servable.state is None:
            servable.failing = True
            servable.since, servable.since_line = problem.first_at, problem.first_line
            servable.caused_by(recent)

    def note_last(self, message: str) -> None:
        """Notes the last message of the current start, if the log does not show its end."""
        if self.starts and self.starts[-1].ended == "cut_off":
            self.starts[-1].last = message

    def finish(self, at: str | None) -> None:
        if self.starts and not self.starts[-1].stopping and at is not None:
            self.starts[-1].ended_at = at
        self.unfinished()

    def unfinished(self) -> None:
        """Assigns to a servable that neither became available nor failed the errors that name it."""
        for servable in self.servables.values():
            if servable.state in ("START", "LOADING") and not servable.problems:
                servable.caused_by(
                    problem.number
                    for problem in self.problems.all
                    if problem.servable == servable.name and problem.version == servable.version
                )

    def lasting(self, problem: Problem) -> bool:
        """Whether the problem remains: False if the servable became available after it, or a later start did not
        have it."""
        servable = self.servables.get((problem.servable or "", problem.version))
        if servable is not None and problem.servable is not None:
            return servable.over_line < problem.last_line
        if not problem.at_start and any(change.line > problem.last_line for change in self.changes[-50:]):
            return False
        return not any(start.started for start in self.starts[problem.last_start + 1 :])


Handler = Callable[[Events, int, str, bytes, str, bytes], None]
_HANDLERS: tuple[tuple[str | tuple[str, ...], Handler], ...] = (
    ("[", Events._validation),
    ("Processing HTTP/REST request failed: ", Events._http_failed),
    ("Getting modelInstance", Events._no_servable),
    ("Mediapipe with requested name: ", Events._no_graph),
    ("STATUS CHANGE: ", Events._status),
    (("Pipeline: ", "Mediapipe: "), Events._state),
    ("Loading model: ", Events._load),
    ("Will add model: ", Events._version),
    ("Will reload model: ", Events._reload),
    ("Reloading mediapipe graph: ", Events._reload_graph),
    ("Processing config reload request", Events._reload_request),
    ("OpenVINO Model Server ", Events._banner),
    ("OpenVINO backend ", Events._backend),
    (("ServableManagerModule started", "Server started on port "), Events._started),
    (_SHUTDOWN, Events._stops),
    ("PythonInterpreterModule ", Events._python),
    (("All requests: ", "Request processing metrics "), Events._generative),
    ("Processing C-API ", Events._c_api),
    ("Model name from deduced from ", Events._deduced),
    (("model_basepath: ", "model_name: "), Events._model_parameter),
    ("Available devices for Open VINO", Events._devices),
)


def _subject(text: str) -> tuple[str | None, int | None]:
    for pattern in _SUBJECTS:
        match = pattern.search(text)
        if match:
            groups = match.groupdict()
            version = groups.get("version")
            return match["name"], int(version[:18]) if version else None
    return None, None


def _milliseconds(before: str, after: str) -> float | None:
    try:
        passed = (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds() * 1000
    except ValueError:
        return None
    return round(passed, 3) if passed >= 0 else None
