"""The calls of tritonclient that ask for the state or the metadata of the server or of a model."""

from __future__ import annotations

from typing import Any

from ovms_doctor.inputs.requests.python_http import Requests
from ovms_doctor.inputs.requests.python_values import ClientError, Instance, Unknown, encoded, text_of
from ovms_doctor.model.client_request import ClientRequest, InferMessage

#: The method of gRPC and the path of REST, by the name of the call; `{}` is the model.
TRITON_STATUS = {
    "is_server_live": ("ServerLive", "/v2/health/live"),
    "is_server_ready": ("ServerReady", "/v2/health/ready"),
    "get_server_metadata": ("ServerMetadata", "/v2"),
    "is_model_ready": ("ModelReady", "/v2/models/{}/ready"),
    "get_model_metadata": ("ModelMetadata", "/v2/models/{}"),
    "get_model_config": ("ModelConfig", "/v2/models/{}/config"),
}


def triton_status(
    client: Instance, name: str, arguments: list[Any], keywords: dict[str, Any], sent: Requests
) -> Any:
    """Returns the result of a call. Raises ClientError for a model that is not known."""
    method, path = TRITON_STATUS[name]
    named = {**dict(zip(("model_name", "model_version"), arguments, strict=False)), **keywords}
    model, version = "", ""
    if "{}" in path:
        model_name, number = named.get("model_name"), named.get("model_version") or ""
        if not isinstance(model_name, str) or not isinstance(number, str | int):
            raise ClientError("the model of the request is not known")
        model, version = model_name, str(number)
        encoded(model)
    address = text_of(client.attributes.get("url"))
    if ".grpc" in client.kind:
        message = InferMessage(model, version)
        path = f"/inference.GRPCInferenceService/{method}"
        sent.append(
            ClientRequest("KServe", "gRPC", "", path, message=message, address=address, form="python")
        )
    else:
        path = path.replace("{}", model + (f"/versions/{version}" if version else ""))
        sent.append(ClientRequest("KServe", "REST", "GET", path, address=address, form="python"))
    return Unknown("an answer")
