"""From where rights count: known early, so that looking can begin while the rules are imported."""

from __future__ import annotations

import os

from ovms_doctor.model.names import is_remote, looks_like_version
from ovms_doctor.model.options import CheckOptions

#: Files that OVMS and OpenVINO look for in the directory of a model that is named by its file.
_BESIDE = ("{stem}.bin", "{stem}.pdiparams", "{stem}.pdmodel", "mapping_config.json")
#: Variables that name a file with keys for a store.
_KEY_FILES = ("GOOGLE_APPLICATION_CREDENTIALS", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE")


def roots(options: CheckOptions) -> tuple[str, ...]:
    """The server paths from which rights count: the mounts' or the targets' own, none on bare metal."""
    if options.bare_metal:
        return ()
    if options.mounts:
        return tuple(mount.server for mount in options.mount_table.mounts)
    found: list[str] = []
    if options.cache_dir is not None:
        # As a target: taken as what is mounted.
        found.append(os.path.join(options.working_directory, options.cache_dir))
    if options.cpu_extension:
        # With its directory: the library may be reached through that only.
        found.append(os.path.dirname(os.path.join(options.working_directory, options.cpu_extension)))
    if any(is_remote(path) for path in options.targets):
        # What holds the keys for the store is taken as mounted too.
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
