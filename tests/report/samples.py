"""Reports built by hand, one for each result of a run. ``SAMPLES`` contains them all by name."""

from __future__ import annotations

from msgspec.structs import replace

from ovms_doctor.model.causes import CouldNotLook
from ovms_doctor.model.codes import page_url
from ovms_doctor.model.deployment import Deployment, ModelEntry, Target, VersionPolicy
from ovms_doctor.model.facts.preparation import ModelFormat
from ovms_doctor.model.findings import Evidence, Finding, Remedy, Step, Subject
from ovms_doctor.model.host import User
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.plan import (
    Attempt,
    Basis,
    Detection,
    ErrorCode,
    Ignored,
    ModelPlan,
    Plan,
    StateName,
    VersionPlan,
    VersionState,
)
from ovms_doctor.model.plan_problems import StartProblem
from ovms_doctor.model.releases import parse_release
from ovms_doctor.report.model import CheckRun, Report, Run

#: A name with everything that is special for a terminal, a markup language or a decoder.
HOSTILE = (
    "evil\x1b[31m\x1b]0;title\x07\n[red]markup[/red]:boom:\r\x9b2J\u202egnp.\u2066\udcff\\x41\t\x7f\u00a0\u200b"
    "\x00"
)


def state(name: StateName | None) -> VersionState | None:
    if name is None:
        return None
    code: ErrorCode = "UNKNOWN" if name == "LOADING" else "OK"
    return VersionState(name, code)


def version(
    number: int,
    now: StateName | None = "AVAILABLE",
    later: StateName | None = None,
    *,
    base: str = "/models/m",
    file: str | None = "model.xml",
    kind: ModelFormat = "ir",
    requested: bool = True,
    basis: Basis = "read",
    has_exited: bool = False,
    tried: bool = True,
) -> VersionPlan:
    """A version whose state does not change unless ``later`` or ``has_exited`` is set."""
    path = f"{base}/{number}"
    outcome = "loaded" if now == "AVAILABLE" else "failed"
    model_file = None if file is None else f"{path}/{file}"
    attempt = Attempt(
        number, outcome, path, model_file=model_file, format=kind if file is not None else None, basis=basis
    )  # fmt: skip
    return VersionPlan(
        number,
        (str(number),),
        requested,
        state(now),
        None if has_exited else state(later or now),
        attempt if tried else None,
    )


def model(name: str, *versions: VersionPlan, base: str | None = None, **more: object) -> ModelPlan:
    requested = tuple(item.version for item in versions if item.requested)
    entry = ModelEntry(name, f"/models/{name}" if base is None else base)
    plan = ModelPlan(entry, Detection("OK", requested), requested, versions)
    return replace(plan, **more)  # type: ignore[arg-type]


DEPLOYMENT = Deployment(
    "config",
    parse_release("2026.3"),
    "newest known",
    roots=("/models",),
    targets=(Target("/models", "repository"),),
)
HOST = (("system", "Linux"), ("machine", "x86_64"))
RUN = Run("2026-01-02T03:04:05+00:00", 1.25, ("check", "./models"), HOST)
CHECKS = (
    CheckRun("configuration", "ran", "", 0.001),
    CheckRun("layout", "ran", "", 0.0125),
    CheckRun("reading", "ran", "", 0.25),
    CheckRun("container", "not_applicable", "none was named"),
)


def report(*models: ModelPlan, **more: object) -> Report:
    made = Report(
        "0.1.0",
        RUN,
        "pass",
        0,
        DEPLOYMENT,
        Plan("config", "serves", models=models),
        checks=CHECKS,
        coverage=(
            "configuration: arguments, config.json and version policies",
            "layout: base paths, version directories and model files",
        ),
    )
    return replace(made, **more)  # type: ignore[arg-type]


# -- findings ------------------------------------------------------------------------------------------

NO_VERSION = Finding(
    "OVD101",
    "no-version-directory",
    "error",
    Subject("detector-flat", None, "/srv/models/detector-flat", "/models/detector-flat"),
    "The server finds no version in /models/detector-flat: the model's files are in the directory itself",
    "The server keeps running and answers “ready”, but serves nothing under this name.",
    "high",
    ("No version found for model in path: /models/detector-flat",),
    (Evidence("ir_model.xml, ir_model.bin, mapping_config.json", "list"),),
    "next_poll",
    Remedy(
        "Put the files into a directory named with a number.",
        (
            Step("Make a version directory.", "mkdir /srv/models/detector-flat/1", "host", "changes files"),
            Step(
                "Move the model's files into it.",
                "mv -- /srv/models/detector-flat/ir_model.xml /srv/models/detector-flat/ir_model.bin "
                "/srv/models/detector-flat/mapping_config.json /srv/models/detector-flat/1/",
                "host",
                "changes files",
            ),
            Step("Or look at it first.", "ls -la /srv/models/detector-flat", "host", "reads"),
        ),
    ),
    page_url("OVD101"),
)


def no_files(name: str, number: int, detail: str, *, host: str = "", restart: bool = False) -> Finding:
    path = f"/models/{name}/{number}"
    return Finding(
        "OVD111",
        "no-model-files",
        "error",
        Subject(name, number, host + path, path),
        f"Nothing in {path} is a model",
        detail,
        "high",
        (
            f"Error loading model: no valid model file found for model: {name}, version: {number}, "
            f"path: {path}",
            f"Error occurred while loading model: {name}; version: {number}; "
            "error: File not found or cannot open",
        ),
        (Evidence("readme.txt", "list"),),
        "restart" if restart else "next_poll",
        Remedy("Put a model there, or remove the directory."),
        page_url("OVD111"),
        relative=str(number),
    )


NO_FILES = no_files(
    "detector", 2, "The server keeps running and serves version 1 of this model instead.", host="/srv"
)
GOES_DOWN = Finding(
    "OVD115",
    "stand-in-goes-down",
    "error",
    Subject("detector", 1, "/srv/models/detector/1", "/models/detector/1"),
    "Version 1 stands in after start-up and is unloaded at the next poll",
    "The model then serves nothing until version 2 is mended or removed.",
    evidence=(Evidence("versions that do not load: 2", "the rules of this release"),),
    recovers="next_poll",
    docs=page_url("OVD115"),
    caused_by=(NO_FILES.fingerprint,),
    relative="1",
)
EXTENSION = Finding(
    "OVD321",
    "unknown-operation",
    "error",
    Subject("tokenizer", 1, "/srv/models/tokenizer/1/model.xml", "/models/tokenizer/1/model.xml"),
    "The model needs the operation StringTensorUnpack, which is in none of OpenVINO's own sets",
    "The server keeps running and answers “ready”, but serves nothing under this name.",
    "medium",
    (
        "Error: Exception from src/inference/src/cpp/core.cpp:97:\n"
        "Check 'false' failed at src/frontends/common/src/frontend.cpp:54:\n"
        "While validating node 'extension::StringTensorUnpack':\n"
        "Cannot create StringTensorUnpack layer\n"
        "\n"
        "; occurred during loading ov::Model model: tokenizer version: 1",
    ),
    (Evidence("opset extension, type StringTensorUnpack, layer “Unpack_1”", "the model's bytes"),),
    "restart",
    Remedy(
        "Load the extension that has the operation.",
        (
            Step("Load the tokenizers' extension.", "--cpu_extension /ext/libtokenizers.so", "docker run",
                 "restarts the server"),
        ),
    ),
    page_url("OVD321"),
    relative="1/model.xml",
)  # fmt: skip
DUPLICATE = Finding(
    "OVD105",
    "duplicate-version",
    "info",
    Subject("resnet", 2, "/models/resnet/2", "/models/resnet/2"),
    "“2”, “02” are all read as version 2",
    evidence=(Evidence("directories “2”, “02”", "list"),),
    recovers="next_poll",
    docs=page_url("OVD105"),
    relative="2",
)
MAPPING = Finding(
    "OVD204",
    "mapping-unreadable",
    "warning",
    Subject("resnet", 2, "/models/resnet/2/mapping_config.json", "/models/resnet/2/mapping_config.json"),
    "uid 5000 gid 5000 may not read /models/resnet/2/mapping_config.json: the model is served without its "
    "mapping",
    evidence=(Evidence("owner 0:0, mode 0600", "stat"), Evidence("EACCES", "opened as uid 5000")),
    recovers="config_change",
    remedy=Remedy(
        "Let the server's user read it.",
        (
            Step(
                "Give everyone the right.",
                "chmod o+r /models/resnet/2/mapping_config.json",
                "host",
                "needs root",
            ),
        ),
    ),
    docs=page_url("OVD204"),
    relative="2/mapping_config.json",
)
COULD_NOT_LOOK = Finding(
    "OVD904",
    "timed-out",
    "warning",
    Subject("slow", 3, "/models/slow/3/model.onnx", "/models/slow/3/model.onnx"),
    "Could not look at /models/slow/3/model.onnx: OpenVINO did not finish within 60 s",
    "This run does not show what the server does here.",
    docs=page_url("OVD904"),
    relative="3/model.onnx",
)
DENIED = Finding(
    "OVD201",
    "no-search-right",
    "error",
    Subject("m", None, "/models/m", "/models/m"),
    "uid 5000 gid 5000 may not enter the directory /models/m (it lacks x)",
    "The server ends with exit code 64.",
    server_log=(
        "error parsing options: filesystem error: status: Permission denied [/models/m/config.json]",
    ),
    recovers="restart",
    docs=page_url("OVD201"),
)

# -- reports -------------------------------------------------------------------------------------------

_RESNET = model("resnet", version(2, base="/models/resnet", file="resnet.xml"))


def green() -> Report:
    return report(
        _RESNET,
        model("saved", version(7, base="/models/saved", file="", kind="saved_model")),
        model("yolo", version(1, base="/models/yolo", file="yolo.onnx", kind="onnx", requested=False),
              version(2, base="/models/yolo", file="yolo.onnx", kind="onnx")),
        runtime="2026.3.0-21903-abcdef",
    )  # fmt: skip


def failures() -> Report:
    """Three of four models fail, each for another reason; server and host have different paths."""
    unused = version(1, None, base="/models/tokenizer", requested=False, tried=False)
    return report(
        _RESNET,
        model(
            "detector",
            version(1, "AVAILABLE", "END", base="/models/detector", file="ir_model.xml", requested=False),
            version(2, "LOADING", base="/models/detector", file=None, basis="static"),
        ),
        model("detector-flat"),
        model("tokenizer", unused, version(2, "LOADING", base="/models/tokenizer")),
        verdict="fail",
        exit_code=1,
        deployment=replace(
            DEPLOYMENT, mounts=(Mount("/srv/models", "/models", True),), user=User(1000, 1000, ())
        ),
        findings=(NO_FILES, NO_VERSION, replace(EXTENSION, subject=replace(EXTENSION.subject, version=2)),
                  GOES_DOWN, DUPLICATE),
        runtime="2026.4.1-22982-e213a147257-releases/2026/4",
        host_paths=tuple((f"/models/{name}", f"/srv/models/{name}")
                         for name in ("resnet", "detector", "detector-flat", "tokenizer")),
    )  # fmt: skip


def warnings() -> Report:
    return report(_RESNET, findings=(MAPPING,))


def strict() -> Report:
    """As :func:`warnings`, run with ``--fail-on warning``."""
    return report(_RESNET, findings=(MAPPING,), verdict="fail", exit_code=1)


def exits() -> Report:
    """The only model does not load, which ends the process; no load failed before it."""
    plan = Plan(
        "single",
        "exits",
        1,
        (
            model(
                "m",
                version(1, has_exited=True),
                version(2, "LOADING", has_exited=True, file=None),
                ended=1,
            ),
        ),
    )
    finding = no_files("m", 2, "The server ends with exit code 1 before it serves anything.", restart=True)
    return report(plan=plan, verdict="fail", exit_code=1, findings=(finding,))


def exits_early() -> Report:
    """The process ends before it reads any model."""
    line = DENIED.server_log[0]
    problem = StartProblem("model_path_denied", "OPTIONS_USAGE_ERROR", 64, (line,))
    plan = Plan("single", "exits", 64, problem=problem, ignored=(Ignored("--cache_dir", "/opt/cache"),))
    deployment = replace(
        DEPLOYMENT, mode="single", release_from="--ovms-version", roots=(), bare_metal=True
    )  # fmt: skip
    return report(plan=plan, deployment=deployment, verdict="fail", exit_code=1, findings=(DENIED,))


def never_ends() -> Report:
    broken = no_files("ring", 2, "Start-up never ends.", restart=True)
    ring = Finding(
        "OVD117",
        "start-up-never-ends",
        "error",
        Subject("ring", 2, "/models/ring", "/models/ring"),
        "Start-up never ends: version 2 is tried again without pause",
        recovers="restart",
        caused_by=(broken.fingerprint,),
        relative=".",
    )
    later = model("later", version(1, None, base="/models/later", tried=False), tried=False)
    plan = Plan(
        "config",
        "never_ends",
        models=(
            _RESNET,
            model("ring", version(2, "LOADING", base="/models/ring", file=None), never_ends=2),
            later,
        ),
    )
    return report(plan=plan, verdict="fail", exit_code=1, findings=(broken, ring))


def incomplete() -> Report:
    cause = CouldNotLook("/models/slow/3/model.onnx", "OpenVINO did not finish within 60 s", True)
    slow = version(3, None, base="/models/slow", file="model.onnx", kind="onnx", basis="static")
    remote = CouldNotLook("s3://bucket/far", "remote storage is not examined")
    plan = Plan(
        "config",
        "unknown",
        models=(
            _RESNET,
            model("slow", slow, unknown=cause),
            model("far", base="s3://bucket/far", unknown=remote),
        ),
    )
    checks = (
        *CHECKS[:2],
        CheckRun("reading", "timed_out", f"{cause.path}: {cause.reason}", 60.0),
        CheckRun("proxies", "could_not_look", "not among the recorded facts"),
        CheckRun("memory", "crashed", "ZeroDivisionError: division by zero"),
    )
    return report(plan=plan, verdict="incomplete", exit_code=3, findings=(COULD_NOT_LOOK,), checks=checks)


def unreadable() -> Report:
    """Not even the configuration file could be read."""
    cause = CouldNotLook("/config.json", "not among the recorded facts")
    plan = Plan("config", "unknown", unknown=cause, config_path="/config.json")
    reason = f"{cause.path}: {cause.reason}"
    checks = tuple(CheckRun(item.name, "could_not_look", reason) for item in CHECKS[:3])
    deployment = replace(DEPLOYMENT, config_path="/config.json")
    return report(plan=plan, deployment=deployment, verdict="incomplete", exit_code=3, checks=checks)


def crashed() -> Report:
    return Report(
        "0.1.0",
        RUN,
        "incomplete",
        3,
        None,
        None,
        error="The child that looks at files ended: killed by signal 9\nlast words: out of memory",
    )


def hostile() -> Report:
    """The same hostile name in every text that comes from outside."""
    base = f"/models/{HOSTILE}"
    finding = Finding(
        "OVD111",
        "no-model-files",
        "error",
        Subject(HOSTILE, 1, f"/srv/{HOSTILE}/1", f"{base}/1"),
        f"Nothing in {base}/1 is a model",
        f"Nothing of {HOSTILE} is served.",
        "high",
        (f"Missing model directory {base}/1", f"{HOSTILE}\n{HOSTILE}"),
        (Evidence(HOSTILE, HOSTILE),),
        "next_poll",
        Remedy(HOSTILE, (Step(HOSTILE, f"rm -- '{HOSTILE}' $'\\x1b'", "host", "changes files"),)),
        page_url("OVD111"),
    )
    gap = CouldNotLook(f"{base}-gap", HOSTILE)
    plan = Plan(
        "config",
        "serves",
        models=(
            model(HOSTILE, version(1, "LOADING", base=base, file=HOSTILE)),
            model(f"{HOSTILE}-gap", unknown=gap),
        ),
        ignored=(Ignored(HOSTILE, HOSTILE),),
    )
    run = replace(RUN, arguments=("check", HOSTILE), host=(("node", HOSTILE),))
    deployment = replace(
        DEPLOYMENT, mounts=(Mount(f"/srv/{HOSTILE}", base),), release_from=HOSTILE, roots=(HOSTILE,)
    )
    return report(
        plan=plan,
        run=run,
        deployment=deployment,
        verdict="fail",
        exit_code=1,
        findings=(finding,),
        checks=(*CHECKS, CheckRun(HOSTILE, "crashed", HOSTILE)),
        runtime=HOSTILE,
        coverage=(HOSTILE,),
        notes=(HOSTILE,),
    )


def hostile_error() -> Report:
    return replace(crashed(), error=f"{HOSTILE}\n{HOSTILE}")


def many() -> Report:
    """Sixty good models and two bad ones, which are the last."""
    models = [model(f"m{number:02}", version(1, base=f"/models/m{number:02}")) for number in range(60)]
    models.insert(20, model("bad", version(1, "LOADING", base="/models/bad")))
    models.append(model("worse", version(1, "LOADING", base="/models/worse")))
    findings = tuple(
        no_files(name, 1, "The server keeps running, but serves nothing under this name.")
        for name in ("bad", "worse")
    )
    return report(*models, verdict="fail", exit_code=1, findings=findings)


def policies() -> Report:
    """Every form of a version policy, several directories with one number, a model without versions."""
    one = model("all", version(1), version(2))
    entries = [
        replace(one, entry=ModelEntry(kind.kind, f"/models/{kind.kind}", kind))
        for kind in (
            VersionPolicy("all"),
            VersionPolicy("latest", 2),
            VersionPolicy("specific", versions=(1, 2)),
        )
    ]
    double = replace(version(1), directories=("01", "1"))
    return report(*entries, replace(model("double", double), kind="classic"), model("flow", kind="graph"))


SAMPLES = {
    made.__name__: made
    for made in (
        green,
        failures,
        warnings,
        strict,
        exits,
        exits_early,
        never_ends,
        incomplete,
        unreadable,
        crashed,
        hostile,
        hostile_error,
        many,
        policies,
    )
}
