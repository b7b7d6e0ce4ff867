"""Requests of clients: refused requests, and requests because of which the server fails."""

from __future__ import annotations

from ovms_doctor.model.codes import ALL_RELEASES, Code, Example

PIPELINE_RUN_FAILS = Code(
    code="OVD815",
    name="pipeline-run-fails",
    severity="error",
    summary="A node of a pipeline fails while a request runs",
    remedy=(
        "Check the node that the message names: a custom node's library, or the shapes that it passes on."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD442", "OVD816"),
    example=Example("a custom node returns 0 outputs", "a custom node returns the outputs that it declares"),
)

INFERENCE_THROWS = Code(
    code="OVD816",
    name="inference-throws",
    severity="error",
    summary="OpenVINO throws an exception while a request runs",
    remedy=(
        "The exception's text names the failure. After an error of a GPU's driver every later request "
        "fails too: restart the server."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD831", "OVD742"),
    example=Example(
        "CL_OUT_OF_RESOURCES in a request", "the same model with fewer streams, or on another device"
    ),
)

REQUEST_PROCESSING_FAILS = Code(
    code="OVD817",
    name="request-processing-fails",
    severity="error",
    summary="The server fails to read a request, or to write its answer",
    remedy=(
        "The message names the tensor or the part that failed. If client and model are correct, report it "
        "to the project."
    ),
    releases=ALL_RELEASES,
    see_also=("OVD875", "OVD816"),
    example=Example("an output's precision differs from the model's", "the model exported again"),
)

RELOAD_FOR_REQUEST_FAILS = Code(
    code="OVD818",
    name="reload-for-request-fails",
    severity="warning",
    summary="A model with shape or batch size auto cannot be reloaded for a request",
    remedy=("Restrict the shapes that clients send, or give the model dynamic dimensions instead of auto."),
    releases=ALL_RELEASES,
    see_also=("OVD424", "OVD428"),
    example=Example("--batch_size auto", '--shape "(-1,3,224,224)"'),
)

PIPELINE_MAY_FAIL = Code(
    code="OVD819",
    name="pipeline-may-fail",
    severity="warning",
    summary="A pipeline is served, but may fail when it runs",
    remedy="Make the demultiply count and the first dimension that the message names agree.",
    releases=ALL_RELEASES,
    see_also=("OVD815", "OVD442"),
    example=Example("demultiply_count -1 beside a fixed first dimension", "the same count on both sides"),
)

CODES = (
    PIPELINE_RUN_FAILS,
    INFERENCE_THROWS,
    REQUEST_PROCESSING_FAILS,
    RELOAD_FOR_REQUEST_FAILS,
    PIPELINE_MAY_FAIL,
)
