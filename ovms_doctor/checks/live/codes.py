"""The codes of running servers and the way to them."""

from __future__ import annotations

from ovms_doctor.model.codes import ALL_RELEASES, Code, Example

_REST_ANY = "The status endpoints of REST: /v1/config in all releases, /v2 since 2022.2."

CONFIGURATION_NOT_RELOADED = Code(
    code="OVD848",
    name="configuration-not-reloaded",
    severity="error",
    summary="The configuration file was changed, and the running server uses what it read before",
    remedy="Request a reload, or restart the server; repair the file first where it is invalid.",
    releases=ALL_RELEASES,
    see_also=("OVD849", "OVD850"),
    example=Example(
        "--config_path /m/config.json --file_system_poll_wait_seconds 0   the file is edited",
        "curl -X POST localhost:8000/v1/config/reload",
    ),
)
VERSION_NOT_NOTICED = Code(
    code="OVD849",
    name="version-not-noticed",
    severity="error",
    summary="A version was added after the running server last read the directory",
    remedy="Make the server read the directory again: by polls, by a requested reload, or by a restart.",
    releases=ALL_RELEASES,
    see_also=("OVD848", "OVD850"),
    example=Example(
        "--file_system_poll_wait_seconds 0     m/3 is added",
        "--file_system_poll_wait_seconds 1     m/3 is added",
    ),
)
FILES_CHANGED = Code(
    code="OVD850",
    name="loaded-files-changed",
    severity="warning",
    summary="Files were changed or removed after the running server loaded them",
    remedy="Put changed files into a new version's directory, or restart the server.",
    releases=ALL_RELEASES,
    see_also=("OVD848", "OVD849"),
    example=Example(
        "m/1/mapping_config.json is edited", "m/2 with the files of m/1 and the new mapping_config.json"
    ),
)
PROBE_FAILS = Code(
    code="OVD851",
    name="inference-probe-fails",
    severity="error",
    summary="A request for inference that was sent to try the server is not answered with a result",
    remedy="Read the text of the answer, and the server's log at the time of the request.",
    releases=ALL_RELEASES,
    see_also=("OVD888", "OVD894"),
    example=Example("POST /v2/models/m/infer    500", "POST /v2/models/m/infer    200"),
)
CERTIFICATE_REFUSED = Code(
    code="OVD869",
    name="server-certificate-refused",
    severity="error",
    summary="The certificate of the address is not accepted",
    remedy="Name the authority's certificate with --ca, or use a name that is in the certificate.",
    releases="OVMS itself has no TLS in any release: the certificate is that of a proxy before it.",
    see_also=("OVD890",),
    example=Example(
        "ovms-doctor status https://ovms.lan", "ovms-doctor status https://ovms.lan --ca lan-ca.pem"
    ),
)
ACCESS_REFUSED = Code(
    code="OVD870",
    name="status-access-refused",
    severity="error",
    summary="The status endpoints are answered with 401, 403 or 407",
    remedy="Give the key that the proxy before the server requires with --api-key-file.",
    releases="OVMS answers GET without a key in all releases; since 2025.4 it can require one for POST /v3.",
    see_also=("OVD891",),
    example=Example(
        "ovms-doctor status https://ovms.lan", "ovms-doctor status https://ovms.lan --api-key-file key"
    ),
)
GATEWAY_ERROR = Code(
    code="OVD868",
    name="gateway-error",
    severity="error",
    summary="A proxy or gateway answers for the server with 502, 503 or 504: it does not reach the server",
    remedy="Check the server at its own address, and the address that the gateway forwards to.",
    releases=ALL_RELEASES,
    see_also=("OVD891", "OVD887", "OVD893"),
    example=Example(
        "curl http://models.example/v2      502 Bad Gateway", "curl http://10.0.0.7:8000/v2      200"
    ),
)
NAME_UNKNOWN = Code(
    code="OVD886",
    name="server-name-unknown",
    severity="error",
    summary="The name of the server cannot be resolved on this host",
    remedy="Correct the name, or use an IP address; names of containers are known in their own network only.",
    releases=ALL_RELEASES,
    see_also=("OVD887",),
    example=Example(
        "ovms-doctor status ovms:8000           on the host", "ovms-doctor status localhost:8000"
    ),
)
CONNECTION_REFUSED = Code(
    code="OVD887",
    name="connection-refused",
    severity="error",
    summary="Nothing listens on the port at this address",
    remedy="Name the port that is published and that the server listens on, at an address it is bound to.",
    releases=ALL_RELEASES,
    see_also=("OVD721", "OVD888", "OVD889"),
    example=Example("docker run -p 9001:8000 …   curl localhost:8000", "curl localhost:9001"),
)
NO_ANSWER = Code(
    code="OVD888",
    name="server-does-not-answer",
    severity="error",
    summary="The address does not accept a connection in time, or does not answer on it",
    remedy="Check firewalls on the way, the port that the server listens on in its container, and its log.",
    releases=ALL_RELEASES,
    see_also=("OVD721", "OVD887"),
    example=Example(
        "docker run -p 8000:8000 … --rest_port 8001", "docker run -p 8000:8001 … --rest_port 8001"
    ),
)
OTHER_PROTOCOL = Code(
    code="OVD889",
    name="other-protocol-on-port",
    severity="error",
    summary="A REST request is sent to the gRPC port, or a gRPC request to the REST port",
    remedy="Use the other port: --rest_port of the server's arguments is for REST, --port for gRPC.",
    releases=ALL_RELEASES,
    see_also=("OVD887", "OVD890"),
    example=Example(
        "ovms --port 9000 --rest_port 8000 …   curl localhost:9000/v2/health/ready",
        "curl localhost:8000/v2/health/ready",
    ),
)
TLS_DIFFERS = Code(
    code="OVD890",
    name="tls-differs",
    severity="error",
    summary="A client uses TLS at a port without TLS, or no TLS at a port with TLS",
    remedy="Use http and grpc for OVMS itself, https and grpcs for a proxy with TLS before it.",
    releases="OVMS itself has no TLS in any release.",
    see_also=("OVD869", "OVD889"),
    example=Example("curl https://localhost:8000/v2", "curl http://localhost:8000/v2"),
)
NOT_OVMS = Code(
    code="OVD891",
    name="other-server-on-port",
    severity="error",
    summary="The program that answers on the port is not OVMS",
    remedy="Name the port of OVMS. Check which program listens on this port.",
    releases=ALL_RELEASES,
    see_also=("OVD887", "OVD889"),
    example=Example("curl localhost:80/v2      nginx answers", "curl localhost:8000/v2"),
)
PROXY_TAKES_REQUESTS = Code(
    code="OVD892",
    name="proxy-takes-requests",
    severity="error",
    summary="Clients of this shell send their requests to a proxy that does not reach the server",
    remedy="List the server in no_proxy and NO_PROXY, as each client reads it.",
    releases=ALL_RELEASES,
    see_also=("OVD888",),
    example=Example(
        "http_proxy=http://proxy:3128 curl 127.0.0.1:8000/v2",
        "http_proxy=http://proxy:3128 no_proxy=127.0.0.1 curl 127.0.0.1:8000/v2",
    ),
)
STILL_STARTING = Code(
    code="OVD893",
    name="server-still-starting",
    severity="error",
    summary="The server is still starting: it is not ready",
    remedy="Wait until it is ready: --wait does.",
    releases="Until 2026.1 /v2/health/ready answers 500 meanwhile, since 2026.2 503.",
    see_also=("OVD894",),
    example=Example("ovms-doctor status localhost:8000", "ovms-doctor status localhost:8000 --wait 300"),
)
SERVABLE_NOT_AVAILABLE = Code(
    code="OVD894",
    name="servable-not-available",
    severity="error",
    summary="A version of a servable that is configured is not AVAILABLE",
    remedy="Read the reason in the server's log: no other source contains it.",
    releases=_REST_ANY,
    see_also=("OVD835", "OVD895"),
    example=Example("m, version 1: LOADING/UNKNOWN", "m, version 1: AVAILABLE/OK"),
)
NOTHING_SERVED = Code(
    code="OVD895",
    name="nothing-served",
    severity="error",
    summary="The server runs and lists nothing that it serves",
    remedy="Check the server's arguments and configuration.",
    releases=_REST_ANY,
    see_also=("OVD894", "OVD896"),
    example=Example("curl localhost:8000/v1/config   {}", "a config.json that lists a model"),
)
NAME_NOT_SERVED = Code(
    code="OVD896",
    name="name-not-served",
    severity="error",
    summary="The running server has no servable with the requested name",
    remedy="Request a name that /v1/config lists, in its spelling, or add the model to the configuration.",
    releases=ALL_RELEASES,
    see_also=("OVD874", "OVD894"),
    example=Example("--model ResNet", "--model resnet"),
)
INFER_REQUESTS_BUSY = Code(
    code="OVD897",
    name="infer-requests-busy",
    severity="warning",
    summary="All infer requests are in use, and requests wait for one",
    remedy="Raise --nireq, or set PERFORMANCE_HINT to THROUGHPUT; where the processors are busy, add servers.",
    releases="Metrics since 2022.2; ovms_infer_req_active only where metrics_list names it.",
    see_also=("OVD832",),
    example=Example("--nireq 1                               with 16 clients", "--nireq 4"),
)
METRICS_OFF = Code(
    code="OVD898",
    name="metrics-off",
    severity="info",
    summary="The server does not show metrics",
    remedy="Start it with --metrics_enable and --rest_port, or set monitoring.metrics.enable in config.json.",
    releases="Metrics since 2022.2.",
    see_also=("OVD897",),
    example=Example("ovms --rest_port 8000 …", "ovms --rest_port 8000 --metrics_enable …"),
)
ANSWER_UNUSABLE = Code(
    code="OVD899",
    name="status-answer-unusable",
    severity="warning",
    summary="A status endpoint gives an answer that cannot be used: cut off, too large, not in its format",
    remedy="Check proxies and gateways between the server and this host; read the answer itself with curl.",
    releases=ALL_RELEASES,
    see_also=("OVD888", "OVD891"),
    example=Example("/v1/config   an HTML page of a proxy", "/v1/config   JSON of the server"),
)

CODES = (
    CONFIGURATION_NOT_RELOADED,
    VERSION_NOT_NOTICED,
    FILES_CHANGED,
    PROBE_FAILS,
    CERTIFICATE_REFUSED,
    GATEWAY_ERROR,
    ACCESS_REFUSED,
    NAME_UNKNOWN,
    CONNECTION_REFUSED,
    NO_ANSWER,
    OTHER_PROTOCOL,
    TLS_DIFFERS,
    NOT_OVMS,
    PROXY_TAKES_REQUESTS,
    STILL_STARTING,
    SERVABLE_NOT_AVAILABLE,
    NOTHING_SERVED,
    NAME_NOT_SERVED,
    INFER_REQUESTS_BUSY,
    METRICS_OFF,
    ANSWER_UNUSABLE,
)
