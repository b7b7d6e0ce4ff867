"""The libraries of a release for a shared library: the name of its OpenVINO library, and the C library.

OVMS contains the OpenVINO of its own year and minor number (Makefile and versions.mk at each tag). OpenVINO's library
is called ``libopenvino.so.`` and the last two digits of the year, the minor and the patch number; before 2023.0 the
names followed another scheme, which is not recorded.
"""

from __future__ import annotations

from ovms_doctor.model.pattern import lazy_pattern
from ovms_doctor.model.releases.release import KNOWN_RELEASES, Release

#: Releases that contain another patch of OpenVINO than ``.0``.
_PATCHES: dict[tuple[int, ...], int] = {(2025, 4, 1): 1, (2026, 2, 1): 1}
_LIBRARY = lazy_pattern(r"libopenvino\.so\.(\d\d)(\d)(\d)")
#: The newest C library among the base images of a release, from the release on: Ubuntu 20.04, 22.04, 24.04.
_C_LIBRARIES = (((2022, 1), (2, 31)), ((2023, 0), (2, 35)), ((2025, 0), (2, 39)))
_NEEDED_VERSION = lazy_pattern(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?")

#: Libraries in every base image, and those that come with the server.
_THERE = lazy_pattern(
    r"(?:lib(?:c|m|pthread|dl|rt|gcc_s|stdc\+\+|util|resolv|tbb|tbbmalloc|openvino\w*)|ld-linux-x86-64)\.so(?:\.[\d.]+)?"
)


def openvino_library(release: Release) -> str | None:
    """Returns the file name of the OpenVINO library that an extension for ``release`` must need; None if it is
    unknown."""
    year, minor = release.numbers[:2]
    if year < 2023 or minor > 9:
        return None
    plain = Release(release.numbers[:2]) if release.numbers[2:] == (0,) else release
    if plain in KNOWN_RELEASES:
        patch = _PATCHES.get(plain.numbers, 0)
    elif release.known:
        return None
    else:
        # An unknown release: by its own numbers.
        patch = release.numbers[2] if len(release.numbers) > 2 else 0
    return f"libopenvino.so.{year % 100}{minor}{patch}"


def openvino_of_library(name: str) -> str | None:
    """Returns ``2026.4.1`` for ``libopenvino.so.2641``; None for another name."""
    match = _LIBRARY.fullmatch(name)
    return None if match is None else f"20{match[1]}.{match[2]}.{match[3]}"


def c_library_of(release: Release) -> str:
    """Returns the newest C library that an image of ``release`` may have, like ``2.39``."""
    versions = [version for since, version in _C_LIBRARIES if release.numbers[:2] >= since]
    return ".".join(str(number) for number in versions[-1])


def too_new_for(release: Release, versions: tuple[str, ...]) -> str | None:
    """Returns the newest ``GLIBC_…`` among ``versions``, if no image of a known ``release`` has it."""
    if not release.known:
        return None
    matches = [_NEEDED_VERSION.fullmatch(version) for version in versions]
    newest = max(((int(match[1]), int(match[2])) for match in matches if match), default=(0, 0))
    release_library = tuple(int(number) for number in c_library_of(release).split("."))
    return f"GLIBC_{newest[0]}.{newest[1]}" if newest > release_library else None


def is_in_images(library: str) -> bool:
    """Whether a library is in every image of OVMS, by the name under which another library needs it."""
    return _THERE.fullmatch(library) is not None
