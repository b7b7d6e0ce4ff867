"""``request``: reads a client's request, collects the served models, predicts the server's answer, prints."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from ovms_doctor.cli.command_line import command_line
from ovms_doctor.cli.deliver import Content, deliver, destinations
from ovms_doctor.cli.document_limits import limits_of
from ovms_doctor.cli.exit_codes import EXIT_FINDINGS, EXIT_INCOMPLETE, EXIT_OK
from ovms_doctor.cli.output import Progress
from ovms_doctor.cli.request_options import RequestOptions
from ovms_doctor.diagnosis.run_start import begin
from ovms_doctor.inputs import DocumentError
from ovms_doctor.model.errors import ConflictingOptionsError, UsageError
from ovms_doctor.model.options import CheckOptions
from ovms_doctor.model.output_options import OutputOptions
from ovms_doctor.probes.named_files import DocumentLimits, NamedFile, read_named_file

if TYPE_CHECKING:
    from ovms_doctor.diagnosis.client_request import JudgedRequest
    from ovms_doctor.diagnosis.run_start import RunStart
    from ovms_doctor.diagnosis.settle import SettledRun
    from ovms_doctor.model.client_request import ClientRequest
    from ovms_doctor.model.findings import Finding
    from ovms_doctor.model.releases import Release
    from ovms_doctor.model.served_models import ServedModels
    from ovms_doctor.model.styled import Output
    from ovms_doctor.report.model import Report
    from ovms_doctor.report.request_document import RequestInfo
    from ovms_doctor.report.text_writer import TextWriter

#: Maximum size in bytes of a body from standard input that is kept in memory; a file is mapped.
LARGEST_INPUT = 96 << 20
#: Maximum size in bytes of a file that is read whole.
_READ_WHOLE = 32 << 20
#: The maximum size in bytes of a request that the HTTP server accepts.
_MOST_BODY = 1 << 30
_LARGEST_METADATA = 1 << 24


def run_request(check_options: CheckOptions, options: RequestOptions, output_options: OutputOptions) -> int:
    """Runs ``request`` and returns the exit code: 0 if the server answers with a result, 1 if it refuses the request, 3
    if the answer is unknown."""
    _check_usage(check_options, options)
    destinations(output_options)
    run_start = begin(command_line())
    request = _read(options, limits_of(check_options))
    request_server = _RequestServer(check_options, options, request)
    try:
        models, release = request_server.served()
        if request is None:
            return _report_error_text(
                options.error or "", models, release, request_server, run_start, output_options
            )
        from ovms_doctor.diagnosis.client_request import judge_request

        judged = judge_request(request, models, release, request_server.facts, request_server.collector)
        return _report(judged, request_server, run_start, output_options)
    finally:
        request_server.close()


def _check_usage(check_options: CheckOptions, options: RequestOptions) -> None:
    if options.source is None and options.error is None:
        raise UsageError("name a file with the request, - for standard input, or --error TEXT")
    if options.source is not None and options.error is not None:
        raise ConflictingOptionsError(
            "--error is used alone: it is a client's error text instead of the request"
        )
    sources = [bool(check_options.names_deployment), options.url is not None, options.metadata is not None]
    if sum(sources) > 1:
        raise ConflictingOptionsError("--model, --url and --metadata exclude each other")
    if not any(sources) and options.error is None:
        raise UsageError("name the served models: --model DIR, --url http://HOST:PORT or --metadata FILE")


# -- the request -----------------------------------------------------------------------------------------


def _read(options: RequestOptions, limits: DocumentLimits) -> ClientRequest | None:
    if options.source is None:
        return None
    from ovms_doctor.inputs.requests.read import ReadOptions, read_request

    apis = {"kserve": "KServe", "tfs": "TFS", "openai": "OpenAI", None: None}
    api: Any = apis[options.api]
    data = _content(options.source, limits)
    directory = "." if options.source == "-" else os.path.dirname(options.source) or "."
    try:
        return read_request(
            data, ReadOptions(options.path or "", api), lambda name: _named_file(name, directory, limits)
        )
    except DocumentError as error:
        raise UsageError(f"{options.source}: {error}") from None


class _MappedBody(mmap.mmap):
    """A mapped file that can be used like bytes; the memory of pages that were read can be released."""

    def release_before(self, offset: int) -> None:
        """Releases the pages before an offset; they are read again when needed."""
        pages = offset // mmap.PAGESIZE * mmap.PAGESIZE
        if pages:
            self.madvise(mmap.MADV_DONTNEED, 0, pages)


def _content(source: str, limits: DocumentLimits) -> bytes:
    """Returns the bytes of a file or of standard input. A large file is mapped and needs no memory."""
    try:
        with NamedFile(source, limits=limits) as file:
            status = os.fstat(file.fileno()) if file.has_descriptor else None
            if source == "-" or status is None or not stat.S_ISREG(status.st_mode):
                return file.read_up_to(LARGEST_INPUT)
            size = status.st_size
            if size > _MOST_BODY:
                raise UsageError(
                    f"{source} has {size:,} bytes: the server answers 413 to a body of more than 1 GiB"
                )
            if size <= _READ_WHOLE:
                return file.read() or b""
            mapped: Any = _MappedBody(file.fileno(), 0, access=mmap.ACCESS_READ)
            return mapped  # type: ignore[no-any-return]
    except OSError as error:
        raise UsageError(f"{source}: {error.strerror}") from None


def _named_file(name: str, directory: str, limits: DocumentLimits) -> bytes:
    """Returns the content of a file that a curl command line names, relative to the working directory or to the file
    with the command line."""
    if name == "-":
        raise DocumentError("the data comes from standard input, which is not available")
    for path in (name, os.path.join(directory, name)):
        with suppress(UsageError):
            return read_named_file(path, LARGEST_INPUT, limits)
    raise DocumentError(f"the file {name} that it names cannot be read")


# -- the served models -----------------------------------------------------------------------------------


class _RequestServer:
    """The server that the request is for: its source, its models, and the collector for its facts."""

    def __init__(
        self, check_options: CheckOptions, options: RequestOptions, request: ClientRequest | None
    ) -> None:
        from ovms_doctor.model.facts import Facts

        self._check_options = check_options
        self._options = options
        self._request = request
        self.facts = Facts()
        self.collector: Any = None
        self.run: SettledRun | None = None
        #: The file with the request; empty for standard input, and for an error text alone.
        self.source = options.source if options.source not in (None, "-") else ""
        self.release_from = ""

    def served(self) -> tuple[ServedModels, Release]:
        """Returns the models and the release."""
        from msgspec.structs import replace

        models, release = self._served()
        return replace(models, mediapipe=not self._options.without_mediapipe), release

    def _served(self) -> tuple[ServedModels, Release]:
        from ovms_doctor.model.served_models import ServedModels

        if self._options.url is not None:
            return self._from_url(self._options.url)
        if self._options.metadata is not None:
            return self._from_file(self._options.metadata)
        if self._check_options.names_deployment:
            return self._from_deployment()
        return ServedModels(), self._release(None)

    def _release(self, text: str | None) -> Release:
        from ovms_doctor.model.releases import NEWEST, ReleaseError, parse_release

        release = self._check_options.release
        try:
            if release is not None:
                self.release_from = "--ovms-version"
                return parse_release(release)
            if text:
                self.release_from = "the server"
                return parse_release(".".join(text.split(".")[:2]))
        except ReleaseError as error:
            raise UsageError(str(error)) from None
        self.release_from = "newest known"
        return NEWEST

    def _from_deployment(self) -> tuple[ServedModels, Release]:
        from ovms_doctor.cli.check import collector_for, with_sources
        from ovms_doctor.cli.presence import stat_targets
        from ovms_doctor.diagnosis.client_request import served_by
        from ovms_doctor.diagnosis.settle import settled_run

        options = with_sources(self._check_options)
        progress = Progress()
        self.collector = collector_for(options, progress)
        with progress:
            self.facts.add(stat_targets(self._check_options, options, self.collector))
            self.run = settled_run(options, self.facts, self.collector, progress.show_question)
        self.release_from = self.run.deployment.release_from
        return served_by(self.run, self.collector), self.run.deployment.release

    def _from_url(self, url: str) -> tuple[ServedModels, Release]:
        import json

        from ovms_doctor.prediction.live.address import AddressError, read_address
        from ovms_doctor.prediction.requests.metadata import MetadataError, served_from_answers
        from ovms_doctor.probes.metadata import MetadataUnavailableError, fetch_metadata

        try:
            address = read_address(url)
            if address.grpc:
                raise AddressError("it is a gRPC address: name the REST port, http://HOST:PORT")
            first = fetch_metadata(address, (), self._check_options.timeout)
            names = self._requested_names(tuple(json.loads(first.config)) if first.config else ())
            found = fetch_metadata(address, names, self._check_options.timeout)
            models = served_from_answers(found.config, found.models)
        except (MetadataUnavailableError, MetadataError, ValueError, RecursionError) as error:
            raise UsageError(f"{url}: {error}") from None
        return models, self._release(found.version)

    def _requested_names(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Returns the models whose metadata are requested: the model that the request names, else all."""
        request = self._request
        if request is not None:
            named = request.message.model_name if request.message is not None else ""
            hits = tuple(name for name in names if name == named or f"/models/{name}" in request.path)
            return hits or names
        return names

    def _from_file(self, path: str) -> tuple[ServedModels, Release]:
        from ovms_doctor.model.served_models import ServedModels
        from ovms_doctor.prediction.requests.metadata import MetadataError, models_from_metadata

        try:
            models = models_from_metadata(
                read_named_file(path, _LARGEST_METADATA, limits_of(self._check_options))
            )
        except MetadataError as error:
            raise UsageError(f"{path}: {error}") from None
        newest = max((model.version for model in models), default=1)
        names = {model.name for model in models}
        return ServedModels(
            models, tuple((name, newest) for name in names), (), frozenset(names)
        ), self._release(None)

    def close(self) -> None:
        """Closes the collector."""
        if self.collector is not None:
            self.collector.close()


# -- the report ------------------------------------------------------------------------------------------


def _report(
    judged: JudgedRequest, request_server: _RequestServer, run_start: RunStart, output_options: OutputOptions
) -> int:
    from ovms_doctor.checks.requests.findings import request_findings
    from ovms_doctor.report.request_table import verdict_sentence, write_request

    verdict = judged.verdict

    def request_info() -> RequestInfo:
        from ovms_doctor.checks.requests.corrected import corrected_text
        from ovms_doctor.report.request_json import request_document

        corrected = None if verdict.corrected is None else corrected_text(verdict.corrected, verdict.request)
        return request_document(verdict, corrected, str(judged.release), request_server.release_from)

    judgement = _Judgement(
        request_findings(verdict, judged.models, judged.release),
        verdict.unjudged,
        verdict_sentence(verdict),
        lambda writer: write_request(writer, verdict),
        request_info,
        judged.release,
    )
    return _deliver(judgement, request_server, run_start, output_options)


def _report_error_text(
    text: str,
    models: ServedModels,
    release: Release,
    request_server: _RequestServer,
    run_start: RunStart,
    output_options: OutputOptions,
) -> int:
    """Prints the facts that an error text alone proves, and returns the exit code."""
    from ovms_doctor.checks.requests.findings import error_text_findings
    from ovms_doctor.prediction.requests.error_texts import recognise_error

    proof = recognise_error(text)
    unjudged = "" if proof is not None else "it contains no text of the server or of a known client"

    def request_info() -> RequestInfo:
        from ovms_doctor.report.request_json import error_document

        code_name, found = (proof.code, proof.text) if proof else (None, None)
        parts = dict(proof.parts) if proof else {}
        return error_document(code_name, found, parts, str(release), request_server.release_from)

    if proof is None:
        last = ("?", f"the text does not show the cause: {unjudged}; give the request itself")
    else:
        last = ("✗", f"the server answered “{proof.text}”" if proof.code.isupper() else proof.text)
    findings = error_text_findings(proof, models)
    judgement = _Judgement(findings, unjudged, last, lambda writer: None, request_info, release)
    return _deliver(judgement, request_server, run_start, output_options)


class _Judgement(NamedTuple):
    """The result for a request or an error text."""

    #: The findings.
    findings: tuple[Finding, ...]
    #: Why the server's answer is unknown; empty if it is known.
    unjudged: str
    #: The verdict: its mark and its sentence.
    last: tuple[str, str]
    #: Writes the part of the output above the findings.
    write_body: Callable[[TextWriter], None]
    #: Makes the object ``request`` of the JSON report.
    request_info: Callable[[], RequestInfo]
    #: The release whose rules were used.
    release: Release


def _deliver(
    judgement: _Judgement, request_server: _RequestServer, run_start: RunStart, output_options: OutputOptions
) -> int:
    code = _exit_code(judgement.findings, judgement.unjudged, output_options)

    def document() -> dict[str, Any]:
        from ovms_doctor.report.json_report import to_document

        report = _envelope(judgement, code, request_server, run_start)
        return to_document(report, judgement.request_info(), sentence=" ".join(judgement.last))

    def write_text(output: Output) -> None:
        _write_text(judgement, request_server, output_options, output)

    deliver(Content(code, document, write_text, request_server.source), output_options)
    return code


def _exit_code(findings: tuple[Finding, ...], unjudged: str, output_options: OutputOptions) -> int:
    if output_options.exit_zero:
        return EXIT_OK
    order = ("error", "warning", "info")
    counted = order[: order.index(output_options.fail_on) + 1] if output_options.fail_on in order else ()
    if any(finding.severity in counted for finding in findings):
        return EXIT_FINDINGS
    return EXIT_INCOMPLETE if unjudged else EXIT_OK


def _write_text(
    judgement: _Judgement, request_server: _RequestServer, output_options: OutputOptions, output: Output
) -> None:
    from ovms_doctor.report.text_findings import write_findings
    from ovms_doctor.report.text_writer import writer_for
    from ovms_doctor.report.verdict import STYLES

    writer = writer_for(output, verbose=output_options.verbose)
    mark, sentence = judgement.last
    if not output_options.quiet:
        writer.prose(f"OVMS {judgement.release} rules ({request_server.release_from})", indent=1, style="dim")
        judgement.write_body(writer)
        write_findings(writer, judgement.findings)
        writer.blank()
    writer.verdict(mark, sentence, STYLES.get(mark, "bold"))
    writer.print(output)


def _envelope(
    judgement: _Judgement, code: int, request_server: _RequestServer, run_start: RunStart
) -> Report:
    from ovms_doctor import __version__
    from ovms_doctor.report.model import CheckRun, Report

    status: Any = "could_not_look" if judgement.unjudged else "ran"
    verdict: Any = {EXIT_FINDINGS: "fail", EXIT_INCOMPLETE: "incomplete"}.get(code, "pass")
    run = request_server.run
    return Report(
        __version__,
        run_start.run(),
        verdict,
        code,
        None if run is None else run.deployment,
        None if run is None else run.plan,
        judgement.findings,
        (CheckRun("requests", status, judgement.unjudged),),
    )
