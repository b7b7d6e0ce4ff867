"""Downloads, exports and changes of configuration files by the server."""

from __future__ import annotations

from ovms_doctor.model.codes import Code, Example

DOWNLOAD_FAILS = Code(
    code="OVD841",
    name="download-fails",
    severity="error",
    summary="A model cannot be downloaded",
    remedy=(
        "The message names the reason: the network and its proxy, HF_TOKEN for a gated model, or who"
        " may write into the repository."
    ),
    releases="Since 2025.2.",
    see_also=("OVD842",),
    example=Example(
        "ovms --pull --source_model …            without a proxy",
        "https_proxy=http://proxy:3128 ovms --pull …",
    ),
)

EXPORT_TOOLS_MISSING = Code(
    code="OVD842",
    name="export-tools-missing",
    severity="error",
    summary="A model must be converted, and the tools for that are missing or fail",
    remedy=(
        "Use the image with Python and optimum-intel, or a model of the organization OpenVINO, which"
        " needs no conversion."
    ),
    releases="Since 2025.3.",
    see_also=("OVD841",),
    example=Example(
        "--source_model org/model                in the image without Python",
        "--source_model OpenVINO/model-int4-ov",
    ),
)

GRAPH_FILE_NOT_WRITTEN = Code(
    code="OVD843",
    name="graph-file-not-written",
    severity="error",
    summary="The server cannot make a graph for the requested task",
    remedy="Correct the parameter that the message names.",
    releases="Since 2025.2.",
    see_also=("OVD841", "OVD821"),
    example=Example('--plugin_config "{"', "--plugin_config '{\"NUM_STREAMS\": 1}'"),
)

CODES = (DOWNLOAD_FAILS, EXPORT_TOOLS_MISSING, GRAPH_FILE_NOT_WRITTEN)
