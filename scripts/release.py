#!/usr/bin/env python3
"""Builds the files of a release: wheel, source archive, single files, SBOM, checksums and their signature.

The version is that of the tag at HEAD (``vX.Y.Z``). The package, the changelog and the tag must agree, there
must be no uncommitted changes, and a second build in another directory must give the same bytes. See
"Releasing" in CONTRIBUTING.md.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import build_archive

ROOT = Path(__file__).resolve().parent.parent
CHECKSUMS = "SHA256SUMS"
#: The namespace of the signature: a signature made for another purpose does not verify.
NAMESPACE = "ovms-doctor-release"


class ReleaseError(Exception):
    """The tree cannot be released; the text states the reason."""


def _git(*arguments: str) -> str:
    """Returns the output of git for these arguments in the checkout."""
    completed = subprocess.run(
        ["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True
    )
    return completed.stdout.strip()


def tagged_version() -> str:
    """Returns the version of the tag at HEAD; raises ReleaseError if tag, package and changelog do not agree."""
    if _git("status", "--porcelain"):
        raise ReleaseError("the checkout has uncommitted changes")
    tags = [tag for tag in _git("tag", "--points-at", "HEAD").split() if re.fullmatch(r"v\d+\.\d+\.\d+", tag)]
    if len(tags) != 1:
        raise ReleaseError(f"HEAD has {len(tags)} tags of the form v1.2.3; a release has one")
    version = tags[0][1:]
    package = re.search(
        r'^__version__ = "(.+)"$', (ROOT / "ovms_doctor/__init__.py").read_text("utf-8"), re.MULTILINE
    )
    if package is None or package[1] != version:
        raise ReleaseError(f"the tag is v{version}, and ovms_doctor.__version__ is {package and package[1]}")
    if f"\n## {version}\n" not in (ROOT / "CHANGELOG.md").read_text("utf-8"):
        raise ReleaseError(f"CHANGELOG.md has no section {version}")
    return version


def _hash(path: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _build_distributions(source: Path, target: Path, umask: int = -1, **variables: str) -> Path:
    """Writes wheel and source archive of the checkout ``source``, with the time of the commit in them, to ``target``.

    ``variables`` are added to the environment. Returns the wheel.
    """
    epoch = _git("log", "-1", "--format=%ct")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target)],
        check=True,
        cwd=source,
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch, **variables},
        stdout=subprocess.DEVNULL,
        umask=umask,
    )
    (wheel,) = target.glob("*.whl")
    return wheel


def _build_again(distributions: list[Path]) -> None:
    """Raises ReleaseError if a clone in another directory, with another umask, time zone, locale and hash
    seed, gives other bytes."""
    with tempfile.TemporaryDirectory() as scratch:
        clone, again = Path(scratch, "a clone"), Path(scratch, "dist")
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True, umask=0o077)
        _build_distributions(clone, again, 0o077, TZ="Asia/Kathmandu", LC_ALL="C", PYTHONHASHSEED="1")
        for path in distributions:
            if _hash(again / path.name) != _hash(path):
                raise ReleaseError(f"two builds of {path.name} differ")


def _write_sbom(wheel: Path, output: Path) -> None:
    """Writes a CycloneDX SBOM of an environment with the wheel and the newest versions of its dependencies."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, "-m", "venv", scratch], check=True)
        python = str(Path(scratch, "bin", "python"))
        subprocess.run([python, "-m", "pip", "install", "--quiet", str(wheel)], check=True)
        # The packages that venv itself installs are not part of the release.
        subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "-y", "setuptools", "pip"], check=True)
        subprocess.run(
            [
                *(sys.executable, "-m", "cyclonedx_py", "environment", python),
                *("--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"),
                *("--output-reproducible", "--output-file", str(output)),
            ],
            check=True,
        )


def build(target: Path, flavours: list[str], key: Path | None) -> None:
    """Writes the release to the empty directory ``target``; ``key`` is the SSH key that signs the checksums."""
    tagged_version()
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise ReleaseError(f"{target} is not empty")
    wheel = _build_distributions(ROOT, target)
    _build_again(sorted(target.iterdir()))
    for flavour in flavours:
        build_archive.build(flavour, target / f"ovms-doctor-{flavour}.pyz", wheel)
    _write_sbom(wheel, target / "ovms-doctor.cdx.json")
    files = sorted(path for path in target.iterdir())
    lines = [f"{_hash(path)}  {path.name}\n" for path in files]
    (target / CHECKSUMS).write_text("".join(lines), encoding="ascii")
    if key is not None:
        subprocess.run(
            ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(target / CHECKSUMS)],
            check=True,
        )


def main() -> int:
    """Parses the command line, builds, and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("target", type=Path, nargs="?", default=ROOT / "dist", help="default: dist")
    parser.add_argument("--archives", default="light,full", help="which single files; default: light,full")
    signing = parser.add_mutually_exclusive_group(required=True)
    signing.add_argument("--key", type=Path, help="the SSH key that signs the checksums")
    signing.add_argument("--unsigned", action="store_true", help="a trial: no signature")
    chosen = parser.parse_args()
    try:
        build(chosen.target, [name for name in chosen.archives.split(",") if name], chosen.key)
    except ReleaseError as error:
        print(f"release.py: {error}", file=sys.stderr)
        return 1
    for path in sorted(chosen.target.iterdir()):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
