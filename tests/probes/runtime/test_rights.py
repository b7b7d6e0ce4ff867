"""After the preparation the process may lose its rights; and it never does what it must not do."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.probes.runtime.conftest import MakePackage
from tests.probes.runtime.driver import DATA, Outcome, run
from tests.probes.runtime.models import each_format

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("extension", "libraries"),
    [(True, ""), (False, ""), (True, "private")],
    ids=["extension", "package", "private"],
)
def test_reads_and_compiles_each_format_without_access_to_its_libraries(
    make_package: MakePackage, public_dir: Path, extension: bool, libraries: str
) -> None:
    """OpenVINO is below a directory of mode 0700, and the process changes to another user after the
    preparation.

    If the tests do not run as root, the directory loses all rights instead: the refusal is the same. With private
    libraries, the other user could not even read them through a descriptor of their directory.
    """
    home = make_package(extension=extension, libraries=libraries)
    models = each_format(public_dir)
    outcome = run(
        [(model, level) for level in ("read", "compile") for model in models],
        path=[str(home / "site")],
        lose=str(home),
    )
    assert [(load["outcome"], load["message"]) for load in outcome.loads] == [("ok", "")] * 12
    assert outcome.only("imported") == []
    assert ("openvino.frontend" in outcome.only("prepared")["modules"]) is not extension


def test_libraries_that_no_ir_needs_are_loaded_before_the_first_model_that_needs_them(
    make_package: MakePackage, public_dir: Path
) -> None:
    home = make_package()
    loaded = {}
    for model in each_format(public_dir):
        outcome = run([(model, "read")], path=[str(home / "site")], lose=str(home))
        loaded[os.path.splitext(model)[1]] = {name.partition(".so")[0] for name in outcome.only("libraries")}
    assert loaded.pop(".xml") == {"libopenvino_ir_frontend"}
    for names in loaded.values():
        assert names >= {"libopenvino_onnx_frontend", "libopenvino_intel_cpu_plugin"}


def test_message_is_the_same_without_rights(make_package: MakePackage, public_dir: Path) -> None:
    home = make_package()
    invalid = public_dir / "m.xml"
    invalid.write_text("junk")
    (load,) = run([(invalid, "read")], path=[str(home / "site")], lose=str(home)).loads
    head, _, frontends = load["message"].partition("Available frontends: ")
    assert head.endswith(
        f'Unable to read the model: "{invalid}" Please check that model format: '
        '".xml" is supported and the model is correct. '
    )
    assert sorted(frontends.split()) == "ir jax onnx paddle pytorch tf tflite".split()


def test_libraries_for_one_user_only_are_not_a_failure_of_the_model(
    make_package: MakePackage, public_dir: Path
) -> None:
    """Installed with umask 077, the directory of the libraries is closed for the server's user."""
    home = make_package()
    libraries = home / "site" / "openvino" / "libs"
    libraries.chmod(0o700)
    models = each_format(public_dir)
    outcome = run([(models[0], "read")], path=[str(home / "site")], lose=str(libraries))
    assert outcome.loads == []
    reason = outcome.only("unavailable")
    assert reason.endswith("has no read permission on the directory of OpenVINO's libraries")


def test_libraries_by_links_that_cannot_be_followed_are_not_a_failure_of_the_model(
    make_package: MakePackage, public_dir: Path
) -> None:
    """As in an environment whose packages are links into the cache of one user."""
    home = make_package(libraries="links")
    outcome = run([(each_format(public_dir)[0], "read")], path=[str(home / "site")], lose=str(home))
    assert outcome.loads == []
    assert outcome.only("unavailable").endswith(
        "has no read permission on the directory of OpenVINO's libraries"
    )


def forbidden(loads: list[tuple[str | Path, str]], home: Path, **job: object) -> Outcome:
    home.mkdir()
    outcome = run(loads, environment={"HOME": str(home)}, forbid=True, **job)  # type: ignore[arg-type]
    if "does not let a process filter its calls" in outcome.errors:
        if os.environ.get("CI") == "true":
            pytest.fail("this CI machine does not allow seccomp filters")
        pytest.skip("seccomp filters are not allowed here")
    return outcome


def test_no_socket_and_no_file(tmp_path: Path, package_path: list[str]) -> None:
    """A seccomp filter kills the process at the first created socket, directory or file, for any user."""
    (tmp_path / "models").mkdir()
    models = each_format(tmp_path / "models")
    loads: list[tuple[str | Path, str]] = [
        (model, level) for level in ("read", "compile") for model in [*models, "/nothing.xml"]
    ]
    home = tmp_path / "home-of-user"
    outcome = forbidden(loads, home, path=package_path)
    assert [load["outcome"] for load in outcome.loads] == [*["ok"] * 6, "failed"] * 2
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("action", ["socket", "file"])
def test_the_filter_kills(tmp_path: Path, action: str) -> None:
    outcome = forbidden([(DATA / "fc.xml", "read")], tmp_path / "home-of-user", provoke=action)
    assert outcome.code == -signal.SIGSYS


def test_quiet_on_standard_output(tmp_path: Path) -> None:
    """The parent parses each line of standard output as JSON: any other line would be an error."""
    models = each_format(tmp_path)
    outcome = run([(model, "compile") for model in models])
    assert len(outcome.lines) == len(models) + 3
    assert outcome.errors == ""


def test_python_finds_no_telemetry(make_package: MakePackage) -> None:
    home = make_package(extension=False)
    modules = run([], path=[str(home / "site")]).only("prepared")["modules"]
    assert "openvino.frontend" in modules
    assert not [name for name in modules if name.startswith("openvino_telemetry.")]
    assert "openvino" not in sys.modules
