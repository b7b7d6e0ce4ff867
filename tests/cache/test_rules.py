"""The rules and findings of the model cache: facts in, plan and findings out; nothing is on disk."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from ovms_doctor.checks.cache import check
from ovms_doctor.checks.context import Context
from ovms_doctor.inputs.arguments import read_arguments
from ovms_doctor.model.container import Container, ContainerMount
from ovms_doctor.model.deployment import Deployment, ModelEntry, ModelParameters
from ovms_doctor.model.facts import (
    Answer,
    AnyQuestion,
    CheckWritable,
    Facts,
    Failure,
    FileKind,
    FileSample,
    ModelInspection,
    PathStatus,
    ProbeWrite,
    StatHost,
    StatPath,
    Unavailable,
    Writability,
    WriteProbe,
)
from ovms_doctor.model.findings import Finding
from ovms_doctor.model.host import User
from ovms_doctor.model.mounts import Mount
from ovms_doctor.model.plan import Plan
from ovms_doctor.prediction.startup import plan
from tests.prediction.memory import MemoryFiles, deployment

CACHE = "/data/cache"
RELEASES = [
    "2022.1",
    "2023.3",
    "2025.1",
    "2025.2",
    "2025.3",
    "2025.4",
    "2026.0",
    "2026.1",
    "2026.2",
    "2026.3",
]


@dataclass
class Disk(MemoryFiles):
    """Files in memory with rights: path → letters that the server's user has there (default rwx). ``sticky``:
    directories with the sticky bit that belong to another user. ``absent``: paths that are not in this
    container. ``free``: free bytes."""

    rights: dict[str, str] = field(default_factory=dict)
    sticky: set[str] = field(default_factory=set)
    frozen: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    probe: Answer = WriteProbe("probe")  # noqa: RUF009 - frozen
    free: int | None = None
    files_left: int | None = None

    def answer(self, question: AnyQuestion) -> Answer:
        if isinstance(question, ProbeWrite):
            return self.probe
        if isinstance(question, StatHost):
            # Of this host, only what is mounted.
            host_directories = {"/srv/m"} | ({"/srv/cache"} if "/opt/cache" in self.directories else set())
            return PathStatus("directory", 0) if question.path in host_directories else Failure(errno.ENOENT)
        if question.path in self.absent:
            return Unavailable("in the container's own layers")
        if not isinstance(question, CheckWritable):
            return super().answer(question)
        self.questions.append(question)
        letters = self.rights.get(question.path, "rwx")
        sticky = question.path in self.sticky
        kind: FileKind = "regular" if question.path in self.files else "directory"
        frozen = question.path in self.frozen
        owner = 0 if sticky or letters != "rwx" else 5000
        mode = 0o1777 if sticky else 0o755
        writable = "w" in letters and not frozen
        return Writability(
            kind, owner, owner, mode, writable, "x" in letters, "r" in letters, frozen, "predicted", None,
            self.free, self.files_left,
        )  # fmt: skip


def _disk(**more: object) -> Disk:
    files = {"/m/1/a.onnx": "good", **more.pop("files", {})}  # type: ignore[dict-item]
    return Disk(files, {CACHE}, **more)  # type: ignore[arg-type]


def _plan_and_findings(deployment: Deployment, disk: Disk) -> tuple[Plan, list[Finding]]:
    facts = Facts()
    for _ in range(100):
        planned = plan(deployment, facts)
        if planned.plan is not None:
            return planned.plan, list(check(Context(deployment, planned.plan, facts)))
        facts.add({question: disk.answer(question) for question in planned.missing})
    raise AssertionError("the rules never stop asking for facts")


def _deployment(release: str = "2026.3", **more: object) -> Deployment:
    return deployment(release, **{"bare_metal": True, "cache_dir": CACHE, **more})  # type: ignore[arg-type]


def _codes(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in findings]


# -- what each release does ----------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("mode", ["single", "config"])
def test_a_directory_that_cannot_be_entered(release: str, mode: str) -> None:
    planned, findings = _plan_and_findings(_deployment(release, mode=mode), _disk(rights={CACHE: ""}))
    if release >= "2026.2":
        assert (planned.outcome, planned.exit_code) == ("exits", 134)
    elif release >= "2025.2":
        assert (planned.outcome, planned.exit_code) == (
            ("exits", 1) if mode == "single" else ("serves", None)
        )
        assert planned.models[0].served == ()
    else:
        assert planned.models[0].served == (1,)
    assert _codes(findings) == [("OVD503", "error" if release >= "2025.2" else "warning")]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("frozen", [False, True])
def test_a_directory_that_cannot_be_written(release: str, frozen: bool) -> None:
    rights = {} if frozen else {CACHE: "rx"}
    planned, findings = _plan_and_findings(
        _deployment(release), _disk(rights=rights, frozen={CACHE} if frozen else set())
    )
    fails = "2025.4" <= release <= "2026.1"
    assert planned.models[0].served == (() if fails else (1,))
    assert _codes(findings) == [("OVD505", "error" if fails else "warning")]
    if fails:
        assert "cannot set permissions" in "".join(findings[0].server_log)


def test_an_existing_blob_may_belong_to_the_model() -> None:
    """The model then loads. So the only prediction is that nothing new is written."""
    disk = _disk(files={f"{CACHE}/1.blob": "x"}, rights={CACHE: "rx"})
    planned, findings = _plan_and_findings(_deployment("2025.4"), disk)
    assert planned.outcome == "serves"
    assert _codes(findings) == [("OVD505", "warning")]


@pytest.mark.parametrize("release", RELEASES)
def test_a_file_instead_of_the_directory(release: str) -> None:
    disk = Disk({"/m/1/a.onnx": "good", CACHE: "text"})
    planned, findings = _plan_and_findings(_deployment(release), disk)
    fails = "2025.2" <= release <= "2026.1"
    assert planned.models[0].served == (() if fails else (1,))
    assert _codes(findings) == [("OVD506", "error" if fails else "warning")]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("sticky", [True, False])
def test_existing_blobs_without_write_permission(release: str, sticky: bool) -> None:
    blob = f"{CACHE}/2.blob"
    rights = {blob: ""} if sticky else {CACHE: "rx", blob: ""}
    disk = _disk(files={blob: "x", f"{CACHE}/1.blob": "x", f"{CACHE}/notes": ""}, rights=rights)
    disk.sticky = {CACHE} if sticky else set()
    planned, findings = _plan_and_findings(_deployment(release), disk)
    assert planned.outcome == "serves"
    found = [finding for finding in findings if finding.code == "OVD504"]
    assert len(found) == (release >= "2025.2")
    assert all(finding.severity == "warning" and finding.confidence == "medium" for finding in found)


# -- the start -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["single", "config"])
def test_directory_that_cannot_be_created_ends_the_process(mode: str) -> None:
    deployment = _deployment(mode=mode, cache_dir="/data/new/cache")
    planned, findings = _plan_and_findings(deployment, _disk(rights={"/data": "rx"}))
    assert (planned.outcome, planned.exit_code, planned.models) == ("exits", 1, ())
    assert _codes(findings) == [("OVD501", "error")]
    line = "filesystem error: cannot create directories: Permission denied [/data/new/cache]"
    assert findings[0].server_log == (f"Exception catch: {line} - will now terminate.",)
    (step,) = findings[0].remedy.steps if findings[0].remedy else ()
    assert step.command == "install -d -o 5000 -g 5000 -m 0750 /data/new/cache"


def test_missing_directory_is_created() -> None:
    planned, findings = _plan_and_findings(_deployment(cache_dir="/data/new/cache"), _disk())
    assert (planned.outcome, findings) == ("serves", [])
    assert planned.cache is not None
    assert planned.cache.created


def test_a_parent_that_is_a_file() -> None:
    planned, findings = _plan_and_findings(_deployment(cache_dir="/m/1/a.onnx/cache"), _disk())
    assert planned.exit_code == 1
    assert _codes(findings) == [("OVD501", "error")]
    assert "Not a directory" in findings[0].server_log[0]


@pytest.mark.parametrize("cache_dir", [CACHE, None])
def test_a_parent_that_is_closed(cache_dir: str | None) -> None:
    """This also applies to /opt/cache, which nobody configured."""
    closed = {"/data": "search"} if cache_dir else {"/opt": "search"}
    planned, findings = _plan_and_findings(_deployment(cache_dir=cache_dir), _disk(denied=closed))
    assert (planned.outcome, planned.exit_code) == ("exits", 1)
    assert _codes(findings) == [("OVD502", "error")]
    assert "status: Permission denied" in findings[0].server_log[0]


@pytest.mark.parametrize(("uid", "outcome"), [(5000, "exits"), (0, "serves")])
def test_under_no_mount(uid: int, outcome: str) -> None:
    """In the image, only root can create a directory at the top; and it is removed with the container."""
    deployment = _deployment(
        bare_metal=False, mounts=(Mount("/srv/m", "/m"),), cache_dir="/cache", user=User(uid, uid)
    )
    planned, findings = _plan_and_findings(deployment, Disk({"/m/1/a.onnx": "good"}))
    assert planned.outcome == outcome
    assert _codes(findings) == [("OVD507", "warning") if uid == 0 else ("OVD501", "error")]
    assert findings[0].confidence == "medium"


def test_the_arguments_are_refused_first() -> None:
    args = (
        "--model_path",
        "/m",
        "--model_name",
        "m",
        "--port",
        "9000",
        "--nonsense",
        "--cache_dir",
        "/none/x",
    )
    deployment = _deployment(mode="single", cache_dir=None)
    arguments = read_arguments(args, deployment.release, deployment.limits)
    deployment = _deployment(mode="single", cache_dir=None, arguments=arguments, models=())
    planned, findings = _plan_and_findings(deployment, _disk(rights={"/": "rx"}))
    assert (planned.exit_code, findings) == (64, [])


# -- the models ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("allow", [False, True])
def test_an_auto_shape_stays_out_of_the_cache(allow: bool) -> None:
    values = (("shape", '"auto"'), ("allow_cache", "true" if allow else "false"))
    deployment = _deployment(entry=ModelEntry("m", "/m", parameters=ModelParameters(values)))
    broken, findings = _plan_and_findings(deployment, _disk(rights={CACHE: ""}))
    assert broken.exit_code == (134 if allow else None)
    _, findings = _plan_and_findings(deployment, _disk())
    assert _codes(findings) == ([] if allow else [("OVD509", "info")])


def test_a_custom_loader_and_the_cache() -> None:
    values = (("custom_loader_options", '{"loader_name": "l"}'), ("allow_cache", "true"))
    deployment = _deployment(entry=ModelEntry("m", "/m", parameters=ModelParameters(values)))
    _, findings = _plan_and_findings(deployment, _disk())
    assert _codes(findings) == [("OVD510", "error")]


def test_a_model_that_is_not_read_does_not_use_the_cache() -> None:
    planned, findings = _plan_and_findings(
        _deployment(), Disk({"/m/1/a.onnx": "broken"}, {CACHE}, rights={CACHE: ""})
    )
    assert planned.outcome == "serves"
    assert _codes(findings) == [("OVD503", "warning")]


def test_the_later_models_are_not_tried_after_the_abort() -> None:
    deployment = _deployment(models=(ModelEntry("m", "/m"), ModelEntry("n", "/n")))
    disk = _disk(files={"/n/1/a.onnx": "good"}, rights={CACHE: "r"})
    planned, findings = _plan_and_findings(deployment, disk)
    assert [model.tried for model in planned.models] == [True, False]
    assert [finding.subject.model for finding in findings] == ["m"]


# -- free space, memory, the probe ---------------------------------------------------------------------------


def test_no_files_left() -> None:
    _, findings = _plan_and_findings(_deployment(), _disk(free=10**9, files_left=0))
    assert _codes(findings) == [("OVD508", "warning")]


@pytest.mark.parametrize(("free", "blobs", "reported"), [(99, 0, True), (100, 0, False), (99, 1, False)])
def test_less_free_space_than_the_weights_need(free: int, blobs: int, reported: bool) -> None:
    class LargeWeightsDisk(Disk):
        def answer(self, question: AnyQuestion) -> Answer:
            answer = super().answer(question)
            if isinstance(answer, ModelInspection):
                return replace(answer, files=(FileSample("/m/1/a.onnx", 100),))
            return answer

    files = {"/m/1/a.onnx": "good", **{f"{CACHE}/{number}.blob": "x" for number in range(blobs)}}
    _, findings = _plan_and_findings(_deployment(), LargeWeightsDisk(files, {CACHE}, free=free, files_left=9))
    assert _codes(findings) == ([("OVD508", "warning")] if reported else [])


def test_a_tmpfs_is_not_persistent() -> None:
    mount = ContainerMount("/opt/cache", "tmpfs")
    container = Container("inspect", "c", mounts=(mount, ContainerMount("/m", "bind", "/srv/m")))
    deployment = _deployment(
        bare_metal=False, cache_dir=None, container=container, mounts=(Mount("/srv/m", "/m"),)
    )
    _, findings = _plan_and_findings(deployment, Disk({"/m/1/a.onnx": "good"}, absent={"/opt/cache"}))
    assert _codes(findings) == [("OVD507", "warning")]


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        (WriteProbe("p"), []),
        (WriteProbe("p", removed=False), [("OVD511", "warning")]),
        (Failure(errno.EDQUOT), [("OVD511", "warning")]),
        (Unavailable("not this user"), []),
    ],
    ids=str,
)
def test_the_probe(answer: Answer, codes: list[tuple[str, str]]) -> None:
    _, findings = _plan_and_findings(_deployment(probe_write=True), _disk(probe=answer))
    assert _codes(findings) == codes


def test_nothing_is_probed_without_probe_write() -> None:
    disk = _disk(probe=Failure(errno.EIO))
    assert _plan_and_findings(_deployment(), disk)[1] == []


# -- healthy caches: no finding --------------------------------------------------------------------------

_MOUNTED = Mount("/srv", "/data")
HEALTHY: dict[str, tuple[Deployment, Disk]] = {
    "its own directory": (_deployment(), _disk()),
    "started alone": (_deployment(mode="single"), _disk()),
    "an older release": (_deployment("2025.4"), _disk()),
    "warm": (_deployment(), _disk(files={f"{CACHE}/1.blob": "x", f"{CACHE}/2.cl_cache": "x"})),
    "sticky and empty": (_deployment(), _disk(sticky={CACHE})),
    "sticky with a readable blob": (_deployment(), _disk(sticky={CACHE}, files={f"{CACHE}/1.blob": "x"})),
    "without the right to list": (_deployment(), _disk(rights={CACHE: "wx"})),
    "mounted": (_deployment(bare_metal=False, mounts=(_MOUNTED, Mount("/srv/m", "/m"))), _disk()),
    "beside targets": (_deployment(bare_metal=False, roots=("/m", CACHE)), _disk()),
    "no cache at all": (_deployment(cache_dir=None), _disk()),
    "opt/cache on this host": (_deployment(cache_dir=None), Disk({"/m/1/a.onnx": "good"}, {"/opt/cache"})),
    "nothing known of the place": (_deployment(), _disk(absent={CACHE})),
    "root, on somebody else's": (_deployment(user=User(0, 0)), _disk(sticky={CACHE}, files={f"{CACHE}/1.blob": ""})),
    "little room, warm": (_deployment(), _disk(free=1, files_left=5, files={f"{CACHE}/1.blob": "x"})),
    "relative": (_deployment(cache_dir="cache", working_directory="/data"), _disk()),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_cache_has_no_finding(name: str) -> None:
    deployment, disk = HEALTHY[name]
    planned, findings = _plan_and_findings(deployment, disk)
    assert findings == []
    assert planned.models[0].served == (1,)


def test_opt_cache_is_not_queried_for_an_unmounted_target() -> None:
    """A target is treated as if it was mounted in a container, so this host's /opt/cache is not relevant."""
    for more in ({"roots": ("/m",)}, {"mounts": (Mount("/srv/m", "/m"),)}):
        disk = Disk({"/m/1/a.onnx": "good"}, {"/opt/cache"}, rights={"/opt/cache": ""})
        planned, findings = _plan_and_findings(_deployment(bare_metal=False, cache_dir=None, **more), disk)
        assert (planned.outcome, planned.cache, findings) == ("serves", None, [])
        assert StatPath("/opt/cache") not in disk.questions


def test_status_of_a_mounted_opt_cache_is_queried() -> None:
    deployment = _deployment(
        bare_metal=False, cache_dir=None, mounts=(Mount("/srv", "/opt"), Mount("/srv/m", "/m"))
    )
    planned, _ = _plan_and_findings(deployment, Disk({"/m/1/a.onnx": "good"}, {"/opt/cache"}))
    assert planned.cache is not None
    assert not planned.cache.configured


# -- what an engine makes, and the forms of a remedy ---------------------------------------------------


def _container_deployment(source: str, **more: object) -> Deployment:
    """A container with a mount at /opt/cache. ``more`` may state that the engine creates its host path."""
    mount = ContainerMount("/opt/cache", "bind", "/srv/cache", **more)  # type: ignore[arg-type]
    container = Container(source, "c", mounts=(mount, ContainerMount("/m", "bind", "/srv/m")))  # type: ignore[arg-type]
    mounts = (Mount("/srv/cache", "/opt/cache", mount.read_only), Mount("/srv/m", "/m"))
    return _deployment(bare_metal=False, cache_dir=None, container=container, mounts=mounts)


@pytest.mark.parametrize("uid", [0, 5000])
def test_a_directory_that_the_engine_creates_belongs_to_root(uid: int) -> None:
    deployment = replace(_container_deployment("docker-run", created_by_engine=True), user=User(uid, uid))
    planned, findings = _plan_and_findings(deployment, Disk({"/m/1/a.onnx": "good"}))
    assert planned.outcome == "serves"
    assert _codes(findings) == ([] if uid == 0 else [("OVD505", "warning")])
    steps = [step.command for finding in findings if finding.remedy for step in finding.remedy.steps]
    assert steps == ([] if uid == 0 else ["install -d -o 5000 -g 5000 -m 0750 /srv/cache"])


def test_directory_that_the_engine_does_not_create_has_no_effect() -> None:
    planned, findings = _plan_and_findings(_container_deployment("docker-run"), Disk({"/m/1/a.onnx": "good"}))
    assert (planned.cache, findings) == (None, [])


@pytest.mark.parametrize(
    ("source", "command"),
    [
        ("docker-run", "-v /srv/cache:/opt/cache:rw"),
        ("compose", "volumes: [/srv/cache:/opt/cache:rw]"),
        ("kubernetes", "volumeMounts: [{name: cache, mountPath: /opt/cache, readOnly: false}]"),
    ],
)
def test_the_remedy_has_the_form_of_its_source(source: str, command: str) -> None:
    disk = Disk({"/m/1/a.onnx": "good"}, {"/opt/cache"}, frozen={"/opt/cache"})
    _, (finding,) = _plan_and_findings(_container_deployment(source, read_only=True), disk)
    assert finding.code == "OVD505"
    assert finding.remedy is not None
    assert [step.command for step in finding.remedy.steps] == [command]


def test_a_volume_of_a_pod_can_be_assigned_to_its_group() -> None:
    disk = Disk({"/m/1/a.onnx": "good"}, {"/opt/cache"}, rights={"/opt/cache": "rx"})
    _, (finding,) = _plan_and_findings(_container_deployment("kubernetes"), disk)
    assert finding.remedy is not None
    commands = [step.command for step in finding.remedy.steps]
    assert commands[0] == "chown -R 5000:5000 /srv/cache && chmod u+rwx /srv/cache"
    assert commands[-1] == "securityContext: {fsGroup: 5000}"


@pytest.mark.parametrize(
    ("number", "remedy"), [(errno.ELOOP, "leads back to itself"), (errno.ENAMETOOLONG, "Shorten /data/cache")]
)
def test_a_cache_path_that_cannot_be_resolved_needs_no_right(number: int, remedy: str) -> None:
    class Unresolved(Disk):
        def answer(self, question: AnyQuestion) -> Answer:
            return Failure(number) if getattr(question, "path", "") == CACHE else super().answer(question)

    disk = _disk()
    planned, (finding,) = _plan_and_findings(_deployment(), Unresolved(disk.files, disk.directories))
    assert (planned.exit_code, finding.code) == (1, "OVD502")
    assert remedy in finding.remedy.summary
    assert "right" not in finding.remedy.summary
    assert [step.command for step in finding.remedy.steps] == (
        ["namei -- /data/cache", None] if number == errno.ELOOP else []
    )


def test_a_cache_path_that_may_not_be_entered_needs_the_right() -> None:
    disk = _disk()
    disk.denied["/data"] = "search"
    _, (finding,) = _plan_and_findings(_deployment(), disk)
    assert finding.code == "OVD502"
    assert "right to enter" in finding.remedy.summary
    assert [step.command for step in finding.remedy.steps] == ["chmod o+x /data"]
