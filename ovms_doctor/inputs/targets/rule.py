"""The rule that decides whether a directory is a model, a repository, or a version directory of its parent.

It is the same for a directory of this host and for a prefix in a store: both are a :class:`Directory`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Literal, Protocol, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from ovms_doctor.model.deployment import ModelEntry, Note, Target, VersionPolicy
from ovms_doctor.model.facts import AnyQuestion, FactsMissingError
from ovms_doctor.model.model_files import has_model_file, is_generative, is_graph
from ovms_doctor.model.names import (
    is_plain_number,
    is_tool_directory,
    looks_like_version,
    looks_like_wrong_version,
)

#: The kind of a directory; ``version``: it is a version directory, and its parent is the model.
Kind: TypeAlias = Literal["model", "repository", "version"]
Resolution: TypeAlias = Literal["repository", "model"]
_T = TypeVar("_T")


class Directory(Protocol):
    """A directory with known names; the names below it are loaded on request."""

    def files(self) -> frozenset[str]:
        """Returns the names of entries that are not directories."""

    def directories(self) -> Sequence[str]:
        """Returns the names of the sub-directories in byte order."""

    def below(self, name: str) -> Directory | None:
        """Returns a sub-directory, None if it cannot be listed. Raises FactsMissingError."""

    def prepare(self, names: Iterable[str]) -> None:
        """Requests all facts that ``below`` needs for the names together. Raises FactsMissingError."""


class ResolvedTarget(Struct, frozen=True):
    """The content of a TARGET."""

    #: The target as named, and its kind.
    target: Target
    #: Its models; none for a configuration file.
    models: tuple[ModelEntry, ...] = ()
    #: Notes for the report on how it was resolved.
    notes: tuple[Note, ...] = ()
    #: The server's path of the configuration file, if it is one.
    config_path: str | None = None


def kind_of(directory: Directory, name: str) -> Kind:
    """Returns the kind of a directory called ``name``.

    A directory with a graph.pbtxt is a graph, and one with version directories that contain models is a model. A
    directory whose sub-directories are models is a repository, even if it has single files or unusual names next to
    them (``3d-unet`` begins with a number and is a model's name). A version directory counts as its parent. A
    directory that contains model files is a model without version directories. Raises FactsMissingError.
    """
    if is_graph(directory.files()):
        # Models in its sub-directories belong to the graph or the pipeline: a draft model, the models of its
        # subconfig file, the parts of an image generator.
        return "model"
    if _any_holds_model(directory, _versions(directory, plain=True)):
        return "model"
    if _any_served(directory):
        return "repository"
    files = directory.files()
    if _any_holds_model(directory, _versions(directory)):
        return "model"
    if is_plain_number(name) and (has_model_file(files) or not (files or directory.directories())):
        return "version"
    if has_model_file(files) or is_generative(files) or _versions(directory):
        return "model"
    named = candidates(directory)
    return "model" if named and all(looks_like_wrong_version(each) for each in named) else "repository"


class Models(Struct, frozen=True):
    """The models among the sub-directories of a repository."""

    #: Paths below the repository, in byte order: ``resnet``, ``OpenVINO/Qwen3-8B-int4-ov``.
    models: tuple[str, ...]
    #: Sub-directories that contain no model but other directories with models: the name, and the models' names.
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    #: Sub-directories without any model.
    others: tuple[str, ...]


def models_in(directory: Directory) -> Models:
    """Returns the models in a repository. Raises FactsMissingError with all missing facts."""
    models: list[str] = []
    groups: list[tuple[str, tuple[str, ...]]] = []
    others: list[str] = []
    for name, content in zip(candidates(directory), _each(directory, _content), strict=True):
        if content == "model":
            models.append(name)
        elif not content:
            others.append(name)
        else:
            for each in content:
                path = f"{name}/{each.name}" if each.name else name
                if each.generative:
                    models += [f"{path}/{model}" for model in each.models]
                else:
                    groups.append((path, each.models))
    return Models(tuple(models), tuple(groups), tuple(others))


def resolved(
    path: str,
    server_path: str,
    name: str,
    directory: Directory,
    as_: Resolution | None,
    policy: VersionPolicy,
    model: Callable[[str, str], ResolvedTarget],
) -> ResolvedTarget:
    """Returns the models of a directory.

    Raises FactsMissingError. ``path``: as named; ``server_path``: the server's path; ``name``: the directory's name,
    empty if it has no parent; ``model``: makes a model from a path and the server's path.
    """
    kind = as_ or kind_of(directory, name)
    if kind == "model":
        return model(path, server_path)
    if kind == "version":
        found = model(*(each.rstrip("/").rpartition("/")[0] or "/" for each in (path, server_path)))
        text = f"{name} is a version directory: its parent directory is examined as the model"
        return ResolvedTarget(found.target, found.models, (Note("version_directory", text, path),))
    inside = models_in(directory)
    top, server_top = path.rstrip("/"), server_path.rstrip("/")
    models = tuple(ModelEntry(each, f"{server_top}/{each}", policy) for each in inside.models)
    notes = [
        Note(
            "nested_models",
            f"{top}/{group} is not a model: {_list(names)} one level deeper and {_is_or_are(names)} not "
            "examined",
            f"{top}/{group}",
        )
        for group, names in inside.groups
    ]
    notes += [
        Note(None, f"{each}: no version directory and no model file within two levels", f"{top}/{each}")
        for each in inside.others
    ]
    return ResolvedTarget(Target(path, "repository"), models, tuple(notes))


def _list(names: Sequence[str]) -> str:
    return f"the model {names[0]} is" if len(names) == 1 else f"the models {', '.join(names)} are"


def _is_or_are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def candidates(directory: Directory) -> list[str]:
    """Returns the sub-directories that may be models or versions: not those that file systems and tools create."""
    return [name for name in directory.directories() if not is_tool_directory(name)]


def _versions(directory: Directory, *, plain: bool = False) -> list[str]:
    reads = is_plain_number if plain else looks_like_version
    return [name for name in candidates(directory) if reads(name)]


def _any_holds_model(directory: Directory, names: list[str]) -> bool:
    """Whether one of the sub-directories has model files; a sub-directory that cannot be listed counts as one."""
    directory.prepare(names)
    return any(
        below is None or has_model_file(below.files()) or is_graph(below.files())
        for below in map(directory.below, names)
    )


def _any_served(directory: Directory) -> bool:
    """Whether one of the sub-directories is a model that the server would serve. Only a few are checked: of
    thousands, one of the first nearly always is."""
    names = candidates(directory)
    start, count = 0, 8
    while start < len(names):
        if any(_each(directory, _is_served, names[start : start + count])):
            return True
        start, count = start + count, count * 4
    return False


def _is_exported(files: Collection[str]) -> bool:
    """Whether the files are those of a published model: a generative one, or another that optimum-cli wrote with its
    config.json. Its directory is a model, not a version of the directory above."""
    return is_generative(files) or ("config.json" in files and "openvino_model.xml" in files)


def _is_served(directory: Directory | None) -> bool:
    """Whether a directory is a model that the server would serve: with a version that contains files, or as
    published."""
    if directory is None:
        return False
    if _is_exported(directory.files()):
        return True
    return _any_holds_model(directory, _versions(directory))


class _Group(Struct, frozen=True):
    """A directory whose sub-directories are models."""

    #: Its path below the checked directory; empty for that itself.
    name: str
    #: The models' names.
    models: tuple[str, ...]
    #: Whether all are generative: then the directory is an organisation, as in a pull of models.
    generative: bool


#: The content of a sub-directory of a repository: a model, or nothing, or its groups of models.
_Content: TypeAlias = Literal["model", ""] | tuple[_Group, ...]


def _content(directory: Directory | None) -> _Content:
    if directory is None:
        # It cannot be listed: probably a model with wrong rights; the rules report it.
        return "model"
    names = candidates(directory)
    if (
        has_model_file(directory.files())
        or is_generative(directory.files())
        or _versions(directory, plain=True)
    ):
        return "model"
    group = _group_of(directory, "")
    if group is not None:
        return (group,)
    if any(looks_like_version(name) or looks_like_wrong_version(name) for name in names):
        return "model"
    if any(_each(directory, _has_files)):
        return "model"
    deeper = _each(directory, lambda below: None if below is None else _group_of(below, ""))
    return tuple(
        replace(each, name=name) for name, each in zip(names, deeper, strict=True) if each is not None
    )


def _group_of(directory: Directory, name: str) -> _Group | None:
    """Returns the models among the sub-directories of a directory called ``name``; None if there are none."""
    names = candidates(directory)
    served = [each for each, good in zip(names, _each(directory, _is_served), strict=True) if good]
    if not served:
        return None
    below = [directory.below(each) for each in served]
    generative = all(each is not None and _is_exported(each.files()) for each in below)
    return _Group(name, tuple(served), generative)


def _has_files(directory: Directory | None) -> bool:
    return directory is not None and has_model_file(directory.files())


def _each(
    directory: Directory, action: Callable[[Directory | None], _T], names: list[str] | None = None
) -> list[_T]:
    """Returns the results of ``action`` for each of the names, else for each candidate; missing facts are requested
    together."""
    names = candidates(directory) if names is None else names
    directory.prepare(names)
    found: list[_T] = []
    missing: list[AnyQuestion] = []
    for name in names:
        try:
            found.append(action(directory.below(name)))
        except FactsMissingError as error:
            missing.extend(error.questions)
    if missing:
        raise FactsMissingError(missing)
    return found
