"""Azure: paths that the server refuses, and the connection string."""

from __future__ import annotations

from ovms_doctor.checks.context import SERVER_ENVIRONMENT, Context
from ovms_doctor.checks.storage.paths import path_fault
from ovms_doctor.model import server_log
from ovms_doctor.model.codes import ALL_RELEASES, Code, Example
from ovms_doctor.model.findings import Evidence, Finding, Step
from ovms_doctor.model.storage_plan import StoreFault, StorePlan

AZURE_PATH_REFUSED = Code(
    code="OVD643",
    name="azure-path-refused",
    severity="error",
    summary="The server does not accept the path in Azure",
    remedy="Write az://CONTAINER/DIRECTORY or azfs://SHARE/DIRECTORY.",
    log=(
        server_log.AZURE_SLASH,
        server_log.AZURE_UNCHECKED,
    ),
    recovers="config_change",
    releases=ALL_RELEASES,
    see_also=("OVD644",),
    example=Example('"base_path": "az://models/m/"', '"base_path": "az://models/m"'),
)

AZURE_CONNECTION_STRING_MISSING = Code(
    code="OVD644",
    name="azure-connection-string-missing",
    severity="error",
    summary="AZURE_STORAGE_CONNECTION_STRING is not set, and the server ends",
    remedy="Set AZURE_STORAGE_CONNECTION_STRING to the connection string that the Azure portal shows.",
    log=(server_log.AZURE_NO_ACCOUNT,),
    recovers="restart",
    releases=ALL_RELEASES,
    see_also=("OVD643",),
    example=Example(
        "AZURE_STORAGE_ACCOUNT=models\nAZURE_STORAGE_KEY=…",
        ("AZURE_STORAGE_CONNECTION_STRING=DefaultEndpointsProtocol=https;AccountName=models;AccountKey=…"),
    ),
)

CODES = (AZURE_PATH_REFUSED, AZURE_CONNECTION_STRING_MISSING)
#: Fault of a path → its description, which follows the path.
PATH_FAULTS = {
    "trailing slash": "ends with a slash, which the client for Azure refuses",
    "share root": "names a share without a directory: nothing of it is served",
    "container root": "names a container without a directory, which this release never finds",
}


def path_refused(context: Context, item: StorePlan, fault: StoreFault) -> Finding:
    """Returns the finding on a path with one of the faults of :data:`PATH_FAULTS`."""
    steps: tuple[Step, ...] = ()
    path = item.path.rstrip("/")
    if fault.kind == "trailing slash" and "://" in path:
        steps = (Step(f"Write {path} for the base path."),)
    message = f"{item.path} {PATH_FAULTS[fault.kind]}"
    return path_fault(context, item, fault, AZURE_PATH_REFUSED, message, steps)


def no_connection_string(context: Context, item: StorePlan, fault: StoreFault) -> Finding:
    """Returns the finding: the client for Azure cannot be created, and the process ends."""
    return context.finding(
        AZURE_CONNECTION_STRING_MISSING,
        f"{item.path} needs AZURE_STORAGE_CONNECTION_STRING, which is not set: the server ends",
        model=item.model,
        path=item.path,
        detail="The last line of the log names neither Azure nor the variable.",
        confidence="medium",
        log=fault.log,
        evidence=(Evidence("AZURE_STORAGE_CONNECTION_STRING: not set, or empty", SERVER_ENVIRONMENT),),
        recovers="restart",
    )
