"""Azure: the parts of a path, and whether the client can be created (azurefilesystem.cpp and azurestorage.cpp, v2022.1
to v2026.3; the code after v2026.3 is different)."""

from __future__ import annotations

from ovms_doctor.model.releases import Release
from ovms_doctor.model.storage_plan import AzurePath
from ovms_doctor.prediction.storage.server_environment import ServerEnvironment

BLOBS, FILES = "az://", "azfs://"
CONNECTION = "AZURE_STORAGE_CONNECTION_STRING"
#: Variables that other clients read instead: a user who sets one of these intends to use Azure, and a finding names the
#: right variable.
INSTEAD = ("AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_CLIENT_ID")


def parse_path(path: str) -> AzurePath:
    """Applies ``parseFilePath`` to a path that begins with ``az://`` or ``azfs://``."""
    blob = path.startswith(BLOBS)
    rest = path[len(BLOBS if blob else FILES) :]
    container, slash, directory = rest.partition("/")
    if slash and not container:
        container, directory = rest, ""
    return AzurePath(path, "blob" if blob else "file", container, directory)


def is_connected(environment: ServerEnvironment) -> bool | None:
    """Whether the client has a connection string; None if that is not known."""
    if environment.has(CONNECTION):
        return not environment.empty(CONNECTION)
    source = environment.whole or (not environment.partial and any(environment.has(name) for name in INSTEAD))
    return False if source else None


def known_client(release: Release) -> bool:
    """Whether the rules are valid for this release: its client is azure-storage-cpp 7.5.0."""
    return not release.at_least(2026, 4)
