"""Checks whether the paths of the command line exist, in a child process because a dead mount hangs it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ovms_doctor.diagnosis.deploy import server_path
from ovms_doctor.model.errors import UsageError
from ovms_doctor.model.facts import Answer, AnyQuestion, Failure, ListDirectory, Listing, StatPath
from ovms_doctor.model.names import is_remote
from ovms_doctor.model.similar import similar_names

if TYPE_CHECKING:
    from ovms_doctor.model.options import CheckOptions
    from ovms_doctor.probes.collector import Collector

#: Schemes that users write, with those that the server knows (filesystemfactory.cpp: small letters only).
_SCHEMES = {"s3": "s3", "s3a": "s3", "s3n": "s3", "gs": "gs", "gcs": "gs", "az": "az", "azfs": "azfs"}


def stat_targets(
    typed: CheckOptions, options: CheckOptions, collector: Collector
) -> dict[AnyQuestion, Answer]:
    """Returns the collector's answers on the targets and mounts of the command line. ``typed``: the options without
    those of a container, because the mounts of a container are not the user's mistake. Raises UsageError for a path
    that does not exist; a path that is unavailable is left to the rules."""
    named = [(mount.host, "--mount ", mount.host, mount.server) for mount in typed.mounts]
    for text, path in zip(typed.typed_targets, typed.targets, strict=True):
        if is_remote(path):
            # The target is not on this host; the rules query its store.
            continue
        named.append((text, "", path, server_path(path, options)))
    answers = collector.collect([StatPath(server) for _, _, _, server in named])
    for text, option, host, server in named:
        answer = answers.get(StatPath(server))
        if isinstance(answer, Failure) and answer.missing:
            _must_exist(text, option, host, options.timeout)
    return answers


def _must_exist(typed: str, option: str, host: str, deadline: float) -> None:
    """Raises UsageError if the path does not exist. A dangling link exists too: the server finds it."""
    from ovms_doctor.probes.local import LocalCollector

    directory, name = os.path.split(host)
    question = ListDirectory(directory)
    with LocalCollector(None, deadline=deadline) as local:
        answer = local.collect([question])[question]
    if isinstance(answer, Listing):
        names = [entry.name for entry in answer.entries]
    elif isinstance(answer, Failure) and answer.missing:
        names = []
    else:
        return
    if name not in names:
        raise UsageError(f"{option}{typed}: no such file or directory.{_did_you_mean(typed, names)}")


def _did_you_mean(text: str, names: list[str]) -> str:
    """Returns a hint: the most similar name in the directory of the missing path, or the store URL that was probably
    meant."""
    scheme, mark, rest = text.partition("://")
    if mark and scheme.isalnum():
        known = _SCHEMES.get(scheme.lower())
        also = f" Did you mean {known}://{rest}?" if known is not None and rest else ""
        return (
            f"{also} The server reads s3://, gs://, az:// and azfs:// as stores, and everything else as a "
            "path."
        )
    directory, name = os.path.split(text.rstrip("/"))
    close = similar_names(name, names, 1)
    if not close:
        return ""
    prefix = f"{directory}/" if directory else ("./" if text.startswith("./") else "")
    return f" Did you mean {prefix}{close[0]}?"
