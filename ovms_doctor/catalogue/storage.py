"""Entries on remote storage, as far as the path and the server's environment decide: no store is asked."""

from __future__ import annotations

from ovms_doctor.model import server_log as log
from ovms_doctor.model.codes import Code, Example

_ALL = "The same from 2022.1 to 2026.3."

_SDK = "Since 2024.0, with the AWS SDK 1.11. What the older SDK does was not seen."

AWS_BUCKET_MISSING = Code(
    code="OVD621",
    name="aws-bucket-missing",
    severity="error",
    summary="The path begins with s3:// and names no bucket",
    remedy="Write s3://BUCKET/PATH.",
    log=(log.S3_NO_BUCKET,),
    recovers="config_change",
    releases=_ALL,
    see_also=("OVD642",),
    example=Example('"base_path": "s3://"', '"base_path": "s3://bucket/m"'),
)

AWS_HOST_IN_PATH = Code(
    code="OVD622",
    name="aws-host-in-path",
    severity="warning",
    summary="The path names the host of the store, and the server then looks for the wrong keys",
    remedy="Set S3_ENDPOINT to the host, and write s3://BUCKET/PATH.",
    recovers="restart",
    releases=_ALL,
    see_also=("OVD623",),
    example=Example(
        '"base_path": "s3://minio:9000/bucket/m"',
        'S3_ENDPOINT=http://minio:9000\n"base_path": "s3://bucket/m"',
    ),
)

AWS_HOST_TAKEN_FOR_BUCKET = Code(
    code="OVD623",
    name="aws-host-taken-for-bucket",
    severity="warning",
    summary="The path was meant to name the store's host, and the server takes the host for a bucket",
    remedy="Set S3_ENDPOINT to the host, and write s3://BUCKET/PATH.",
    log=(log.S3_NO_ANSWER,),
    recovers="restart",
    releases=_ALL,
    see_also=("OVD622",),
    example=Example(
        '"base_path": "s3://minio:9000/bucket/my-model"',
        'S3_ENDPOINT=http://minio:9000\n"base_path": "s3://bucket/my-model"',
    ),
)

AWS_ANONYMOUS = Code(
    code="OVD624",
    name="aws-anonymous",
    severity="warning",
    summary="Credentials seem to be meant, and the server asks S3 without any",
    remedy=("Set both keys, or AWS_PROFILE to any name, which makes the AWS SDK look for a role itself."),
    log=(log.S3_NO_ANSWER,),
    recovers="restart",
    releases=_ALL,
    see_also=("OVD625",),
    example=Example(
        "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/models",
        "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/models\nAWS_PROFILE=default",
    ),
)

AWS_KEYS_EMPTY = Code(
    code="OVD625",
    name="aws-keys-empty",
    severity="warning",
    summary="The keys for S3 are set to nothing",
    remedy="Give the keys their values, or leave both out.",
    log=(log.S3_NO_ANSWER,),
    recovers="restart",
    releases=_ALL,
    see_also=("OVD624",),
    example=Example("AWS_ACCESS_KEY_ID=\nAWS_SECRET_ACCESS_KEY=", "both keys, or none of them"),
)

AWS_SESSION_TOKEN_UNREAD = Code(
    code="OVD626",
    name="aws-session-token-unread",
    severity="warning",
    summary="The session token of temporary keys is not read by this release",
    remedy="Use keys of a user, or a newer release.",
    log=(log.S3_NO_ANSWER,),
    recovers="restart",
    releases="Until 2022.3; the token is read since 2023.0.",
    see_also=("OVD625",),
    example=Example("AWS_SESSION_TOKEN=…        until 2022.3", "the keys of a user, without a token"),
)

AWS_PROFILE_BESIDE_KEYS = Code(
    code="OVD627",
    name="aws-profile-beside-keys",
    severity="info",
    summary="AWS_PROFILE and both keys are set",
    remedy="Remove the keys, if the profile is meant.",
    recovers="restart",
    releases=_ALL,
    see_also=("OVD624",),
    example=Example("AWS_PROFILE=models\nAWS_ACCESS_KEY_ID=…\nAWS_SECRET_ACCESS_KEY=…", "AWS_PROFILE=models"),
)

AWS_ENDPOINT_VARIABLE_UNREAD = Code(
    code="OVD628",
    name="aws-endpoint-variable-unread",
    severity="warning",
    summary="The endpoint stands in a variable that the server does not read",
    remedy="Set S3_ENDPOINT.",
    log=(log.S3_NO_ANSWER,),
    recovers="restart",
    releases=_ALL,
    see_also=("OVD629",),
    example=Example("AWS_ENDPOINT_URL=http://minio:9000", "S3_ENDPOINT=http://minio:9000"),
)

AWS_ENDPOINT_FORM = Code(
    code="OVD629",
    name="aws-endpoint-form",
    severity="warning",
    summary="S3_ENDPOINT is not in a form that the server understands",
    remedy="Write HOST:PORT, http://HOST:PORT or https://HOST:PORT.",
    log=(log.S3_NO_ANSWER,),
    recovers="restart",
    releases=_ALL,
    see_also=("OVD630",),
    example=Example("S3_ENDPOINT=HTTP://minio:9000", "S3_ENDPOINT=http://minio:9000"),
)

AWS_ENDPOINT_HOST_INVALID = Code(
    code="OVD630",
    name="aws-endpoint-host-invalid",
    severity="error",
    summary="The endpoint's host is not a valid name, and is never asked",
    remedy=("Give the store's service or container a name without an underscore, or use its IP address."),
    log=(
        log.S3_NO_ANSWER,
        "Invalid DNS Label found in URI host",
    ),
    recovers="restart",
    releases=_SDK,
    see_also=("OVD629",),
    example=Example("S3_ENDPOINT=http://minio_s3:9000", "S3_ENDPOINT=http://minio:9000"),
)

AWS_BUCKET_IN_HOST_NAME = Code(
    code="OVD631",
    name="aws-bucket-in-host-name",
    severity="warning",
    summary="Without credentials, the bucket becomes a part of the host's name",
    remedy="Set both keys, or name the endpoint by its IP address.",
    log=(
        log.S3_NO_ANSWER,
        "Couldn't resolve host name",
    ),
    recovers="restart",
    releases=_ALL,
    see_also=("OVD624",),
    example=Example(
        "S3_ENDPOINT=http://minio:9000        no keys",
        "S3_ENDPOINT=http://minio:9000\nAWS_ACCESS_KEY_ID=…\nAWS_SECRET_ACCESS_KEY=…",
    ),
)

AWS_REGION_EMPTY = Code(
    code="OVD632",
    name="aws-region-empty",
    severity="warning",
    summary="AWS_REGION is set to nothing",
    remedy="Give AWS_REGION the bucket's region, or remove it.",
    log=(log.S3_NO_ANSWER,),
    recovers="restart",
    releases=_SDK,
    see_also=("OVD633",),
    example=Example("AWS_REGION=        beside both keys", "AWS_REGION=eu-central-1"),
)

AWS_TWO_REGIONS = Code(
    code="OVD633",
    name="aws-two-regions",
    severity="info",
    summary="AWS_REGION and AWS_DEFAULT_REGION name two regions",
    remedy="Set both to the bucket's region, or one alone.",
    recovers="restart",
    releases=_ALL,
    see_also=("OVD632", "OVD634"),
    example=Example(
        "AWS_REGION=eu-central-1\nAWS_DEFAULT_REGION=us-east-1",
        "AWS_REGION=eu-central-1\nAWS_DEFAULT_REGION=eu-central-1",
    ),
)

AWS_REGION_NOT_SET = Code(
    code="OVD634",
    name="aws-region-not-set",
    severity="info",
    summary="No region is set for S3",
    remedy="Set AWS_REGION to the bucket's region.",
    recovers="restart",
    releases=_ALL,
    see_also=("OVD633",),
    example=Example("both keys, no region", "both keys\nAWS_REGION=eu-central-1"),
)

REMOTE_SINGLE_FILE = Code(
    code="OVD635",
    name="remote-single-file",
    severity="info",
    summary="A path in a store looks like that of a file",
    remedy="Put the files into BASE_PATH/1/ and name the directory.",
    recovers="config_change",
    releases=_ALL,
    see_also=("OVD107",),
    example=Example(
        '"base_path": "s3://bucket/model.onnx"', '"base_path": "s3://bucket/m"\ns3://bucket/m/1/model.onnx'
    ),
)

REMOTE_CONFIGURATION = Code(
    code="OVD636",
    name="remote-configuration",
    severity="info",
    summary="The configuration file is named by a path in a store",
    remedy="Copy the file to where the server runs, and name it there.",
    recovers="restart",
    releases=_ALL,
    see_also=("OVD405",),
    example=Example("--config_path s3://bucket/config.json", "--config_path /models/config.json"),
)

REMOTE_GRAPH = Code(
    code="OVD637",
    name="remote-graph",
    severity="info",
    summary="A graph is named by a path in a store",
    remedy="Copy the graph to where the server runs; the models that it uses may stay in the store.",
    recovers="config_change",
    releases="Since 2023.0, with graphs.",
    see_also=("OVD448",),
    example=Example('"graph_path": "s3://bucket/g/graph.pbtxt"', '"graph_path": "/models/g/graph.pbtxt"'),
)

GCS_ANONYMOUS = Code(
    code="OVD638",
    name="gcs-anonymous",
    severity="info",
    summary="Google Cloud Storage is asked without credentials",
    remedy=(
        "Set GOOGLE_APPLICATION_CREDENTIALS to a key file; set to nothing, it makes the library look "
        "for credentials itself."
    ),
    recovers="restart",
    releases=_ALL,
    see_also=("OVD639",),
    example=Example(
        "GOOGLE_CLOUD_PROJECT=models",
        "GOOGLE_CLOUD_PROJECT=models\nGOOGLE_APPLICATION_CREDENTIALS=/keys/models.json",
    ),
)

GCS_CREDENTIALS_EMPTY = Code(
    code="OVD639",
    name="gcs-credentials-empty",
    severity="info",
    summary="GOOGLE_APPLICATION_CREDENTIALS is set to nothing",
    remedy=(
        "Remove the variable for public buckets; leave it so where the metadata server has the credentials."
    ),
    recovers="restart",
    releases=_ALL,
    see_also=("OVD638", "OVD640"),
    example=Example("GOOGLE_APPLICATION_CREDENTIALS=", "GOOGLE_APPLICATION_CREDENTIALS=/keys/models.json"),
)

GCS_KEY_FILE_UNUSABLE = Code(
    code="OVD640",
    name="gcs-key-file-unusable",
    severity="error",
    summary="The file of credentials for Google Cloud cannot be used: the server ends over it",
    remedy="Mount the key file where the variable says, readable for the server's user.",
    log=(log.GCS_NO_CREDENTIALS,),
    recovers="restart",
    releases=_ALL,
    see_also=("OVD639",),
    example=Example(
        "GOOGLE_APPLICATION_CREDENTIALS=/keys/models.json\n-rw------- root root /keys/models.json",
        "GOOGLE_APPLICATION_CREDENTIALS=/keys/models.json\n-rw-r----- root ovms /keys/models.json",
    ),
)

GCS_EMULATOR_VARIABLE_UNREAD = Code(
    code="OVD641",
    name="gcs-emulator-variable-unread",
    severity="warning",
    summary="The emulator stands in a variable that the server does not read",
    remedy="Set CLOUD_STORAGE_TESTBENCH_ENDPOINT, which every release reads.",
    recovers="restart",
    releases=_ALL,
    see_also=("OVD638",),
    example=Example(
        "STORAGE_EMULATOR_HOST=http://gcs:4443", "CLOUD_STORAGE_TESTBENCH_ENDPOINT=http://gcs:4443"
    ),
)

GCS_BUCKET_MISSING = Code(
    code="OVD642",
    name="gcs-bucket-missing",
    severity="error",
    summary="The path begins with gs:// and names no bucket",
    remedy="Write gs://BUCKET/PATH.",
    log=(log.GCS_UNPARSED,),
    recovers="config_change",
    releases=_ALL,
    see_also=("OVD621",),
    example=Example('"base_path": "gs://"', '"base_path": "gs://bucket/m"'),
)

AZURE_PATH_REFUSED = Code(
    code="OVD643",
    name="azure-path-refused",
    severity="error",
    summary="A path in Azure is not one that the server takes",
    remedy="Write az://CONTAINER/DIRECTORY or azfs://SHARE/DIRECTORY.",
    log=(
        log.AZURE_SLASH,
        log.AZURE_UNCHECKED,
    ),
    recovers="config_change",
    releases=_ALL,
    see_also=("OVD644",),
    example=Example('"base_path": "az://models/m/"', '"base_path": "az://models/m"'),
)

AZURE_CONNECTION_STRING_MISSING = Code(
    code="OVD644",
    name="azure-connection-string-missing",
    severity="error",
    summary="AZURE_STORAGE_CONNECTION_STRING is not set: the server ends over it",
    remedy="Set AZURE_STORAGE_CONNECTION_STRING, as the Azure portal gives it.",
    log=(log.AZURE_NO_ACCOUNT,),
    recovers="restart",
    releases=_ALL,
    see_also=("OVD643",),
    example=Example(
        "AZURE_STORAGE_ACCOUNT=models\nAZURE_STORAGE_KEY=…",
        ("AZURE_STORAGE_CONNECTION_STRING=DefaultEndpointsProtocol=https;AccountName=models;AccountKey=…"),
    ),
)

STORE_PATH_MISREAD = Code(
    code="OVD645",
    name="store-path-misread",
    severity="warning",
    summary="A path does not name the store or the bucket that it seems to",
    remedy="Write the scheme in small letters and the bucket right behind it.",
    log=(log.S3_NO_ANSWER,),
    recovers="config_change",
    releases=_ALL,
    see_also=("OVD447",),
    example=Example('"base_path": "s3:///bucket/m"', '"base_path": "s3://bucket/m"'),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "storage": (
        AWS_BUCKET_MISSING,
        AWS_HOST_IN_PATH,
        AWS_HOST_TAKEN_FOR_BUCKET,
        AWS_ANONYMOUS,
        AWS_KEYS_EMPTY,
        AWS_SESSION_TOKEN_UNREAD,
        AWS_PROFILE_BESIDE_KEYS,
        AWS_ENDPOINT_VARIABLE_UNREAD,
        AWS_ENDPOINT_FORM,
        AWS_ENDPOINT_HOST_INVALID,
        AWS_BUCKET_IN_HOST_NAME,
        AWS_REGION_EMPTY,
        AWS_TWO_REGIONS,
        AWS_REGION_NOT_SET,
        REMOTE_SINGLE_FILE,
        REMOTE_CONFIGURATION,
        REMOTE_GRAPH,
        GCS_ANONYMOUS,
        GCS_CREDENTIALS_EMPTY,
        GCS_KEY_FILE_UNUSABLE,
        GCS_EMULATOR_VARIABLE_UNREAD,
        GCS_BUCKET_MISSING,
        AZURE_PATH_REFUSED,
        AZURE_CONNECTION_STRING_MISSING,
        STORE_PATH_MISREAD,
    ),
}
