"""The chat template of a text generation model: the file that the release takes it from, and whether its engine
accepts it.

Source: loadTextProcessor, loadPyTemplateProcessor and loadChatTemplate (llmnoderesources.cpp, servable_initializer.cpp,
v2024.2 to v2026.3), tokenizer.cpp and tokenizer_impl.cpp of OpenVINO GenAI (2025.2 to 2026.3); what minja refuses was
run with GenAI 2025.4 and 2026.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.chat_template import (
    TemplateFile,
    TemplateName,
    in_list,
    simplified_template,
    template_text,
)
from ovms_doctor.model.deployment import Deployment
from ovms_doctor.model.facts import Failure, InspectTemplate, PathStatus, TemplateInspection, Unavailable
from ovms_doctor.model.graph_plan import ServableFault, ServableFaultKind
from ovms_doctor.model.names import is_stock_image
from ovms_doctor.model.releases import Release
from ovms_doctor.model.served_models import TemplateOutcome
from ovms_doctor.prediction.graphs.model_directory import ModelDirectory
from ovms_doctor.prediction.graphs.servables import ServableContext

#: Jinja's own library, in builds with Python; the C++ library of OpenVINO GenAI: Jinja2Cpp in 2025.2, then minja.
Engine: TypeAlias = Literal["jinja2", "genai"]
Ask: TypeAlias = Callable[[InspectTemplate], TemplateInspection | Failure | Unavailable]

_JINJA, _LEGACY, _TOKENIZER = "chat_template.jinja", "template.jinja", "tokenizer_config.json"
_IR, _ADDITIONAL = "openvino_tokenizer.xml", "additional_chat_templates/tool_use.jinja"
_JSON = (_TOKENIZER, "processor_config.json", "chat_template.json")
#: All files that can have a template, those first whose template is the best copy.
_ALL = (_JINJA, "chat_template.json", _TOKENIZER, "processor_config.json", _IR, _LEGACY)
#: In bytes; a tokenizer's IR has the whole vocabulary in its .bin.
_LARGEST = 16 << 20
_LFS = "version https://git-lfs.github.com/spec/"
#: The tags and filters that the server adds to Jinja.
_TAGS, _FILTERS = ("generation", "break", "continue"), ("from_json",)
#: Tags of Jinja that minja does not have.
_NOT_IN_MINJA = ("import", "include", "from", "extends", "block", "with", "autoescape", "print", "do", "raw")
_NOT_LOADED = "Error: Chat template not loaded correctly, so it cannot be applied"
_NOT_APPLIED = (
    "Failed to apply chat template. The model either does not have chat template or has an invalid one."
)
_EMPTY_PROMPT = "Final prompt after applying chat template is empty"
_NOT_FOUND = "Chat template was not found in model files."
_WARNING = (
    "Warning: Chat template has not been loaded properly. Servable will not respond to /chat/completions "
    "endpoint."
)
_NOT_COMPATIBLE = (
    "Chat template is not compatible with minja — basic rendering failed. Disabling /chat/completions endpoint for "
    "this model."
)
#: The beginnings of the values of pipeline_type for vision-language models.
_VISION = ("VLM", "OMNI")
_DENIED = "the server's user has no read permission on it"
_POINTER, _PAGE = "it is a Git LFS pointer", "it is a web page"
#: Files whose whole text the engines take for the prompt.
_NO_TEMPLATES = (_POINTER, _PAGE)
_PAGES = ("<!doctype", "<html lan", "<html><he")
EMPTY = "it is empty, and no other template is used instead of it"


class TemplateSettings(Struct, frozen=True):
    """What decides which template is used, besides the files."""

    #: The release of the server.
    release: Release
    #: Whether it is a vision-language model.
    vision: bool
    #: Whether the server was built with Python; None if it is unknown.
    python: bool | None
    #: ``chat_template_mode`` of the node, since 2026.3; empty if it is not set.
    mode: str = ""


class ChatTemplate(Struct, frozen=True):
    """The template of a model, as the server uses it."""

    #: The engine that applies it.
    engine: Engine
    #: The template that is used, or why there is none.
    outcome: TemplateOutcome
    #: The file that it is taken from; empty for a default.
    name: str = ""
    #: The kind of that file.
    kind: TemplateFile = "template"
    #: Why the engine refuses it, as the end of a sentence.
    detail: str = ""
    #: The line of the fault, from 1, in the template; 0 if it is unknown.
    line: int = 0
    #: The text of the server's answer to a chat request, if it refuses all of them.
    answer: str = ""
    #: The files with a template that this release and engine do not read, if a default is used.
    unread: tuple[str, ...] = ()
    #: ``chat_template.jinja``, if another file's different template is used instead of it; else empty.
    unused: str = ""
    #: Whether the release certainly does so.
    certain: bool = True
    #: The kind of build for which this holds, if that of the server is unknown: ``with Python``, ``without Python``.
    build: str = ""
    #: Why the template could not be parsed; empty if it was.
    unparsed: str = ""


class _Source(Struct, frozen=True):
    """A file that has a template.

    ``text``: the template; None if it is not a text that can be used.
    ``detail``: why it cannot be used.
    """

    name: str
    kind: TemplateFile
    text: str | None
    detail: str = ""


def has_python(deployment: Deployment) -> bool | None:
    """Whether the server was built with Python; None if it is unknown. The published images are, and the first release
    that can be built without it is 2025.2."""
    if not deployment.release.at_least(2025, 2):
        return True
    container = deployment.container
    if container is not None and container.image:
        return True if is_stock_image(container.image) else None
    return None if deployment.bare_metal else True


def chat_template(directory: ModelDirectory, settings: TemplateSettings, ask: Ask) -> ChatTemplate:
    """Returns the template of the model in ``directory``. Raises FactsMissingError, UnavailableFileError. ``ask``:
    parses a template."""
    newer = settings.release.at_least(2026, 0)
    directory.prepare(_JINJA, _ADDITIONAL if newer else _LEGACY, *_JSON, _IR)
    files = _Files(directory, settings.release)
    results = {engine: _with(engine, files, settings, ask) for engine in _engines(settings)}
    found = next(iter(results.values()))
    other = results.get("genai")
    if len(results) == 1 or other is None:
        return found
    if (found.outcome, found.unread, found.unused) == (other.outcome, other.unread, other.unused):
        # Both engines do the same.
        return found
    worse = found if found.outcome != "own" or found.unused else other
    return replace(
        worse, certain=False, build="with Python" if worse.engine == "jinja2" else "without Python"
    )


def chat_template_faults(context: ServableContext, *, vision: bool) -> Iterator[ServableFault]:
    """Yields the fault of the model's template: with each of them the graph is AVAILABLE. ``vision``: the files are
    those of a vision-language model."""
    directory, pipeline_type = context.directory, context.text("pipeline_type", "AUTO")
    if pipeline_type != "AUTO":
        vision = pipeline_type.startswith(_VISION)
    if vision and not context.release.at_least(2025, 2):
        return
    settings = TemplateSettings(context.release, vision, context.python, context.text("chat_template_mode"))
    found = chat_template(directory, settings, directory.parsed)
    path = directory.join(found.name) if found.name else directory.path
    if found.unparsed:
        directory.unparsed.append(CouldNotLook(path, found.unparsed))
    if found.outcome == "own" and not found.unused:
        return
    kind: ServableFaultKind = "chat_template_unused"
    subject = found.name
    log: tuple[str, ...] = ()
    if found.outcome == "missing":
        kind, path, subject = "chat_template", directory.path, _JINJA
        log = (_NOT_FOUND,) if context.python is not False else ()
    elif found.outcome == "damaged":
        kind = "chat_template_damaged"
    elif found.outcome == "refused":
        kind, subject = "chat_template_refused", "Jinja" if found.engine == "jinja2" else "OpenVINO GenAI"
        log = _log(found, context.release)
    elif found.outcome != "own":
        kind = "chat_template_unread" if found.unread else "chat_template_default"
        subject, path = found.outcome, directory.join(found.unread[0]) if found.unread else directory.path
    else:
        path = directory.join(found.unused)
    fault = context.fault(
        kind, "requests", path=path, subject=subject, detail=found.detail, log=log, certain=found.certain
    )
    yield replace(fault, file_line=found.line, build=found.build)


def _log(found: ChatTemplate, release: Release) -> tuple[str, ...]:
    """Returns the line that the server logs at its start about a template that its engine refuses."""
    if found.detail == EMPTY:
        return ()
    if found.engine == "jinja2":
        return (_WARNING,)
    return (_NOT_COMPATIBLE,) if release.at_least(2026, 3) else ()


def _engines(settings: TemplateSettings) -> tuple[Engine, ...]:
    """Returns the possible engines: of a vision-language model it is GenAI's until 2026.2; since then all kinds have
    the same choice (input_processor.cpp)."""
    release = settings.release
    if not release.at_least(2025, 2) and not settings.vision:
        return ("jinja2",)
    if (settings.vision and not release.at_least(2026, 3)) or settings.mode == "MINJA":
        return ("genai",)
    return ("jinja2",) if settings.python else ("genai",) if settings.python is False else ("jinja2", "genai")


class _Files:
    """The files of a model that can have a template."""

    def __init__(self, directory: ModelDirectory, release: Release) -> None:
        self._directory = directory
        self._release = release

    def template(self, name: str) -> _Source | None:
        """Returns a file that is a template; None if it does not exist."""
        status = self._directory.status(name)
        if not isinstance(status, PathStatus) or status.kind != "regular":
            return None
        data = self._directory.read(name, _LARGEST)
        if not isinstance(data, bytes):
            return _Source(name, "template", None, _DENIED)
        try:
            text = template_text(data, "template") or ""
        except UnicodeDecodeError:
            return _Source(name, "template", None, "it is not UTF-8")
        if text.startswith(_LFS):
            return _Source(name, "template", None, _POINTER)
        if text.lstrip()[:9].lower() in _PAGES and "{{" not in text and "{%" not in text:
            return _Source(name, "template", None, _PAGE)
        return _Source(name, "template", text)

    def member(self, name: str) -> object:
        """Returns ``chat_template`` of a JSON file; None if there is none, ``...`` for a null."""
        document = self._directory.json(name).value
        if not isinstance(document, dict) or "chat_template" not in document:
            return None
        return ... if document["chat_template"] is None else document["chat_template"]

    def json(self, name: str, *, lists: bool = True) -> _Source | None:
        """Returns a JSON file whose member is a template, or a list with one; None for any other member."""
        value = self.member(name)
        text = in_list(value, "default") if isinstance(value, list) and lists else value
        return _Source(name, "json", text) if isinstance(text, str) else None

    def ir(self) -> _Source | None:
        """Returns the tokenizer's IR, if it has a template."""
        data = self._directory.read(_IR, _LARGEST)
        if not isinstance(data, bytes):
            return None
        text = template_text(data, "ir")
        if not self._release.at_least(2025, 3):
            text = simplified_template(data) or text
        return None if text is None else _Source(_IR, "ir", text)

    def find(self, name: str) -> _Source | None:
        """Returns a file with a template that is not empty, by its name."""
        read = self.json if name.endswith(".json") else self.template
        found = self.ir() if name == _IR else read(name)
        return found if found is not None and found.text else None


def _with(engine: Engine, files: _Files, settings: TemplateSettings, ask: Ask) -> ChatTemplate:
    release = settings.release
    source = _by_jinja(files, release) if engine == "jinja2" else _by_genai(files, release)
    base = ChatTemplate(engine, "own")
    if source is None:
        return _without(base, files, settings, ask)
    base = replace(base, name=source.name, kind=source.kind)
    if source.text is None:
        damaged = source.detail in _NO_TEMPLATES
        outcome: TemplateOutcome = "damaged" if damaged else "refused"
        answer = "" if damaged else _refusal(engine)
        return replace(base, outcome=outcome, detail=source.detail, answer=answer)
    if not source.text.rstrip("\n"):
        return replace(base, outcome="refused", detail=EMPTY, answer=_EMPTY_PROMPT)
    jinja = files.find(_JINJA)
    if jinja is not None and jinja.name != source.name and _same(jinja.text) != _same(source.text):
        base = replace(base, unused=_JINJA)
    return _parsed(base, source, files, settings, ask)


def _by_jinja(files: _Files, release: Release) -> _Source | None:
    """Returns the template of a build with Python. Since 2026.0 it is GenAI's, and chat_template.jinja replaces it."""
    if release.at_least(2026, 0):
        found = _by_genai(files, release)
        return None if found is None else files.template(_JINJA) or found
    first = files.template(_JINJA) if release.at_least(2025, 3) else None
    first = first or files.template(_LEGACY)
    if first is not None:
        return first
    value = files.member(_TOKENIZER)
    if value is None:
        return None
    text = in_list(value, "default") if release.at_least(2025, 2) and isinstance(value, list) else value
    if isinstance(text, str):
        return _Source(_TOKENIZER, "json", text)
    if isinstance(value, list):
        detail = (
            "its chat_template is a list without a template of the name “default”"
            if release.at_least(2025, 2)
            else "its chat_template is a list, which the release does not support"
        )
    else:
        detail = "its chat_template is null" if value is ... else "its chat_template is not a text"
    return _Source(_TOKENIZER, "json", None, detail)


def _by_genai(files: _Files, release: Release) -> _Source | None:
    """Returns the template of GenAI's tokenizer: the last of the files that has one, then the IR's, which replaces it.
    Since 2026.1 the server sets a chat_template.jinja that is not empty."""
    lists = release.at_least(2025, 3)
    found: _Source | None = None
    for name in _JSON:
        found = files.json(name, lists=lists) or found
    jinja = files.template(_JINJA) if release.at_least(2025, 4) else None
    if jinja is not None and jinja.detail != _DENIED:
        found = jinja
    found = files.ir() or found
    if jinja is not None and jinja.text != "" and jinja.detail != _DENIED and release.at_least(2026, 1):
        found = jinja
    return None if found is None or found.text == "" else found


def _without(base: ChatTemplate, files: _Files, settings: TemplateSettings, ask: Ask) -> ChatTemplate:
    """Returns the result without a template: until 2025.4 the server sets a default one, for a vision-language model
    only in some builds; since 2026.0 it refuses chat requests."""
    release = settings.release
    if release.at_least(2026, 0):
        return replace(base, outcome="missing", answer=_refusal(base.engine))
    if settings.vision:
        return replace(base, outcome="missing", answer=_NOT_APPLIED, certain=False)
    outcome: TemplateOutcome = "generic" if release.at_least(2025, 4) else "one_message"
    unread = tuple(name for name in _ALL if files.find(name) is not None)
    found = replace(base, outcome=outcome, unread=unread)
    source = files.find(unread[0]) if unread else None
    # Whether the engine would accept it decides what is to be done.
    judged = base if source is None else _parsed(base, source, files, settings, ask)
    return replace(found, detail=judged.detail, line=judged.line) if judged.outcome == "refused" else found


def _parsed(
    base: ChatTemplate, source: _Source, files: _Files, settings: TemplateSettings, ask: Ask
) -> ChatTemplate:
    """Returns the result for a template that is a text. The first fault counts, also one of the template for tools: the
    server loads both together."""
    release = settings.release
    if base.engine == "genai":
        if not release.at_least(2025, 3):
            # What Jinja2Cpp refuses is not known.
            return base
        return _judged(base, source, "default", _TAGS, _FILTERS, ask)
    tags = _TAGS if release.at_least(2025, 3) else ()
    filters = _FILTERS if release.at_least(2025, 4) else ()
    for one, name in ((source, "default"), *_tool_templates(files, release)):
        found = _judged(base, one, name, tags, filters, ask)
        if found.outcome != "own" or found.unparsed:
            return found
    return base


def _tool_templates(files: _Files, release: Release) -> Iterator[tuple[_Source, TemplateName]]:
    """Yields the template for messages with tools, in a build with Python."""
    if release.at_least(2026, 0):
        additional = files.template(_ADDITIONAL)
        if additional is not None:
            yield additional, "default"
            return
    if release.at_least(2025, 2):
        text = in_list(files.member(_TOKENIZER), "tool_use")
        if text is not None:
            yield _Source(_TOKENIZER, "json", text), "tool_use"


def _judged(
    base: ChatTemplate,
    source: _Source,
    name: TemplateName,
    tags: tuple[str, ...],
    filters: tuple[str, ...],
    ask: Ask,
) -> ChatTemplate:
    """Returns the result of the engine's parser for one template."""
    here = replace(base, name=source.name, kind=source.kind)
    if source.text is None:
        return replace(here, outcome="refused", detail=source.detail, answer=_refusal(base.engine))
    if not source.text:
        return base
    answer = ask(InspectTemplate(source.name, source.kind, name, tags, filters))
    if not isinstance(answer, TemplateInspection):
        reason = answer.reason if isinstance(answer, Unavailable) else "it cannot be read"
        return replace(here, unparsed=reason)
    refused = replace(here, outcome="refused", answer=_refusal(base.engine))
    if answer.problem == "syntax" or (answer.problem and base.engine == "jinja2"):
        return replace(refused, detail=answer.message, line=answer.line)
    if base.engine == "genai":
        for tag, line in answer.tags:
            if tag in _NOT_IN_MINJA:
                return replace(refused, detail=f"minja has no {{% {tag} %}}", line=line)
    return base


def _refusal(engine: Engine) -> str:
    return _NOT_LOADED if engine == "jinja2" else _NOT_APPLIED


def _same(text: str | None) -> str:
    """Returns a text by which copies of a template are equal: exporters differ in blanks and line breaks."""
    return "".join((text or "").split())
