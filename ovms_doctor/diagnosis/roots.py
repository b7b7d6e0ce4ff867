"""The directories from which permissions count: known early, so that probes can begin while the rules are imported."""

from __future__ import annotations

import os

from ovms_doctor.model.names import is_remote, looks_like_version
from ovms_doctor.model.options import CheckOptions

#: Files that OVMS and OpenVINO search in the directory of a model whose file is named.
_BESIDE = ("{stem}.bin", "{stem}.pdiparams", "{stem}.pdmodel", "mapping_config.json")
#: Variables that name a file with keys for a store.
_KEY_FILES = ("GOOGLE_APPLICATION_CREDENTIALS", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE")


def roots(options: CheckOptions) -> tuple[str, ...]:
    """Returns the server paths from which permissions count: those of the mounts or the targets, none on bare metal."""
    if options.bare_metal:
        return ()
    if options.mounts:
        return tuple(mount.server for mount in options.mount_table.mounts)
    found: list[str] = []
    if options.cache_dir is not None:
        # As a target, it counts as mounted.
        found.append(os.path.join(options.working_directory, options.cache_dir))
    if options.cpu_extension:
        # With its directory, because the library may only be reachable through it.
        found.append(os.path.dirname(os.path.join(options.working_directory, options.cpu_extension)))
    if any(is_remote(path) for path in options.targets):
        # The file with the keys for the store counts as mounted too.
        files = [item.text for item in options.environment if item.name in _KEY_FILES and item.text]
        found += [os.path.join(options.working_directory, file) for file in files]
    for path in options.targets:
        if is_remote(path):
            continue
        found.append(path)
        directory, name = os.path.split(path)
        if looks_like_version(name):
            # The directory may be a version directory; then its parent is the model.
            found.append(directory)
        if os.path.splitext(name)[1]:
            stem = os.path.splitext(name)[0]
            found += [os.path.join(directory, beside.format(stem=stem)) for beside in _BESIDE]
        if name.endswith(".json"):
            found.append(directory)
    return tuple(dict.fromkeys(found))
