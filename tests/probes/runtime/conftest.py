"""Fixtures of the runtime tests. Every load runs in a child process, as in the tool."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.probes.runtime.driver import package_directory

#: Not needed for reading or compiling on CPU, and the largest part of the package.
LEFT_OUT = {"include", "cmake", "__pycache__", "cache.json"}
LEFT_OUT_PLUGINS = ("libopenvino_intel_gpu", "libopenvino_intel_npu")

MakePackage = Callable[..., Path]

#: Makes the package import its extension module from a file with another name.
OTHER_HOST_SCRIPT = """
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location(__name__, os.path.join(os.path.dirname(__path__[0]), "binding.so"))
sys.modules[__name__] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[__name__])
"""


def _copy_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or a file of another user
        shutil.copyfile(source, target)


@pytest.fixture
def make_package(tmp_path: Path) -> Iterator[MakePackage]:
    """Makes a copy of the installed package openvino in ``home/site`` below a directory for one user only.

    With ``extension=False``, only the package itself finds its extension module. ``libraries``: for ``private``, only
    their owner may read the frontends; for ``links``, all are links to files below ``home``. Returns ``home``;
    ``home/site`` must be put on the module search path.
    """
    home = tmp_path / "home"

    def make(*, extension: bool = True, libraries: str = "") -> Path:
        def left_out(_: str, names: list[str]) -> list[str]:
            return [name for name in names if name in LEFT_OUT or name.startswith(LEFT_OUT_PLUGINS)]

        package = home / "site" / "openvino"
        shutil.copytree(package_directory(), package, ignore=left_out, copy_function=_copy_file)
        if not extension:
            (library,) = package.glob("_pyopenvino*.so")
            library.rename(package / "binding.so")
            (package / "_pyopenvino").mkdir(exist_ok=True)
            (package / "_pyopenvino" / "__init__.py").write_text(OTHER_HOST_SCRIPT)
        if libraries == "private":
            for library in (package / "libs").glob("*_frontend.so*"):
                content = library.read_bytes()
                library.unlink()
                library.write_bytes(content)
                library.chmod(0o600)
        if libraries == "links":
            files = (package / "libs").rename(home / "files")
            (package / "libs").mkdir()
            for file in files.iterdir():
                (package / "libs" / file.name).symlink_to(file)
        home.chmod(0o700)
        return home

    yield make
    if home.exists():
        home.chmod(0o700)
        libraries = home / "site" / "openvino" / "libs"
        if libraries.exists():
            libraries.chmod(0o755)


@pytest.fixture(params=["extension", "package"])
def package_path(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Module search paths with which OpenVINO is imported as its extension module only, and as its package."""
    if request.param == "extension":
        yield []
    else:
        make = request.getfixturevalue("make_package")
        yield [str(make(extension=False) / "site")]
