"""How the server reads paths: which it forbids, how it joins them, and the texts of its C++ errors."""

from __future__ import annotations

import os

from ovms_doctor.model.facts import Failure
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.releases import Release


def escapes(path: str, release: Release) -> bool:
    """Applies ``FileSystem::isPathEscaped`` (filesystem.hpp): only these forms of ``..`` are forbidden; a trailing
    ``/..`` only if it is the first one. Until 2022.3.0.1 a name that ends or begins with two dots counts as one of
    them."""
    if ".." not in path:
        return False
    if not release.distinguishes_dotted_names:
        return "../" in path or "/.." in path

    def one(separator: str) -> bool:
        up = ".." + separator
        first = path.find(separator + "..")
        return path.startswith(up) or (first != -1 and first == len(path) - 3) or (separator + up) in path

    return one("/") or (release.backslash_escapes and one("\\"))


def join_base_path(base_path: str, root: str) -> str:
    """Applies ``FileSystem::setPath``: an empty path is the root directory itself; a relative path is appended to the
    root as text, before any check."""
    if not base_path:
        return root
    if is_remote(base_path) or base_path.startswith("/"):
        return base_path
    return root + base_path


def root_of_config(config_path: str, working_directory: str) -> str:
    """Applies ``FileSystem::setRootDirectoryPath``: returns the directory part of the config path as typed, which may
    be relative; the working directory if it has none. Ends with a slash."""
    cut = max(config_path.rfind("/"), config_path.rfind("\\"))
    if len(config_path) > 1 and cut != -1:
        return config_path[: cut + 1]
    return working_directory + "/"


def absolute(path: str, working_directory: str) -> str:
    """Returns the absolute path for a question: joined, never normalised. Without a working directory (in the copy
    of a model from a store) the path is not changed."""
    if not working_directory:
        return path
    return path if path.startswith("/") else working_directory.rstrip("/") + "/" + path


def filesystem_error(call: str, failure: Failure, path: str) -> str:
    """Returns ``std::filesystem::filesystem_error::what()`` of libstdc++, for one path."""
    return f"filesystem error: {call}: {os.strerror(failure.errno)} [{path}]"
