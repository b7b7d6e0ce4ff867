"""Entries on what a store answers the server: refusals and their true reasons, and what is not downloaded."""

from __future__ import annotations

from ovms_doctor.model import server_log as log
from ovms_doctor.model.codes import Code, Example

_ALL = "The same from 2022.1 to 2026.3."

_SDK = "The line's end is that of the AWS SDK 1.11, since 2024.0. What the older SDK writes was not seen."

STORE_ACCESS_DENIED = Code(
    code="OVD651",
    name="store-access-denied",
    severity="error",
    summary="S3 refuses the server's credentials, or its request without any",
    remedy=(
        "Give the server credentials with the rights of the policy below, or make the bucket "
        "readable for everybody."
    ),
    log=(
        log.S3_NO_ANSWER,
        log.S3_LIST_FAILED,
        log.S3_CONTENTS_FAILED,
        "Couldn't check directory: s3://",
    ),
    recovers="next_poll",
    releases=_SDK,
    see_also=("OVD624", "OVD654", "OVD655"),
    example=Example(
        "HeadBucket s3://models: 403; ListObjects: AccessDenied",
        '{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::models"}',
    ),
)

BUCKET_NOT_FOUND = Code(
    code="OVD652",
    name="bucket-not-found",
    severity="error",
    summary="There is no bucket of this name where the server asks",
    remedy="Name the bucket as the store does, and the store's address in S3_ENDPOINT.",
    log=(log.S3_NO_ANSWER,),
    recovers="config_change",
    releases=_SDK,
    see_also=("OVD621", "OVD651"),
    example=Example(
        '"base_path": "s3://modles/m"   ListObjects: NoSuchBucket', '"base_path": "s3://models/m"'
    ),
)

BUCKET_IN_OTHER_REGION = Code(
    code="OVD653",
    name="bucket-in-other-region",
    severity="error",
    summary="The bucket is in another region than the one that the server signs for",
    remedy="Set AWS_REGION to the bucket's region.",
    log=(log.S3_NO_ANSWER,),
    recovers="restart",
    releases=_SDK,
    see_also=("OVD632", "OVD633"),
    example=Example("AWS_REGION=us-east-1   the bucket is in eu-central-1", "AWS_REGION=eu-central-1"),
)

BUCKET_LIST_NEEDS_PREFIX = Code(
    code="OVD654",
    name="bucket-list-needs-prefix",
    severity="error",
    summary="The list of the path is allowed, and HeadBucket is not",
    remedy="Allow s3:ListBucket on the bucket without a condition on the prefix.",
    log=(log.S3_NO_ANSWER,),
    recovers="next_poll",
    releases=_SDK,
    see_also=("OVD651",),
    example=Example(
        '"Action": "s3:ListBucket", "Condition": {"StringLike": {"s3:prefix": "m/*"}}',
        '"Action": "s3:ListBucket"',
    ),
)

STORE_CREDENTIALS_REFUSED = Code(
    code="OVD655",
    name="store-credentials-refused",
    severity="error",
    summary="The store does not accept these credentials as credentials",
    remedy="Give the server the store's own, valid credentials.",
    log=(log.S3_NO_ANSWER,),
    recovers="restart",
    releases=_SDK,
    see_also=("OVD625", "OVD626", "OVD651"),
    example=Example(
        "AWS_ACCESS_KEY_ID=…   ListObjects: InvalidAccessKeyId", "AWS_ACCESS_KEY_ID=… of the store itself"
    ),
)

CLOCK_SKEWED = Code(
    code="OVD656",
    name="clock-skewed",
    severity="warning",
    summary="This host's clock differs from the store's by more than it allows",
    remedy="Set the host's clock.",
    log=(log.S3_NO_ANSWER,),
    recovers="next_poll",
    releases="Corrected by the client since 2024.0, with the AWS SDK 1.11.",
    see_also=("OVD655",),
    example=Example(
        "ListObjects: RequestTimeTooSkewed", "chronyc tracking   # System time: 0.000012 seconds fast"
    ),
)

STORE_UNREACHABLE = Code(
    code="OVD657",
    name="store-unreachable",
    severity="warning",
    summary="The store could not be reached from here",
    remedy="Check the address, the way to it, and the proxy.",
    log=(
        log.S3_NO_ANSWER,
        "curlCode: 6, Couldn't resolve host name",
        "curlCode: 7, Couldn't connect to server",
        "curlCode: 28, Timeout was reached",
        "curlCode: 5, Couldn't resolve proxy name",
        "curlCode: 35,",
        "curlCode: 60,",
    ),
    recovers="next_poll",
    releases=_ALL,
    see_also=("OVD631", "OVD658"),
    example=Example(
        "S3_ENDPOINT=http://minio:9000   the name is not found", "S3_ENDPOINT=http://10.0.0.5:9000"
    ),
)

STORE_PROXY_REFUSES = Code(
    code="OVD658",
    name="store-proxy-refuses",
    severity="warning",
    summary="A proxy stands between the server and the store, and refuses",
    remedy=(
        "Give the proxy's user and password in the variable, or take the variable from the server's "
        "environment."
    ),
    log=(
        log.S3_NO_ANSWER,
        "curlCode: 56,",
    ),
    recovers="restart",
    releases=_ALL,
    see_also=("OVD601", "OVD602", "OVD657"),
    example=Example(
        "https_proxy=http://proxy:3128   HeadBucket: 407 by the proxy",
        "https_proxy=http://user:password@proxy:3128",
    ),
)

STORE_PATH_EMPTY = Code(
    code="OVD659",
    name="store-path-empty",
    severity="error",
    summary="No object's key begins with the path",
    remedy="Name the directory that holds the version directories.",
    log=(
        "Directory does not exist: s3://",
        "Directory does not exist: gs://",
    ),
    recovers="next_poll",
    releases=_ALL,
    see_also=("OVD622", "OVD635", "OVD666"),
    example=Example(
        '"base_path": "s3://models/Resnet"   keys: resnet/1/…', '"base_path": "s3://models/resnet"'
    ),
)

VERSIONS_BEHIND_FIRST_PAGE = Code(
    code="OVD660",
    name="versions-behind-first-page",
    severity="warning",
    summary="S3 gives 1,000 keys at a time, and the server asks for no more",
    remedy="Keep fewer files below the base path: old versions, training data and logs elsewhere.",
    recovers="next_poll",
    releases=_ALL,
    see_also=("OVD659",),
    example=Example(
        "s3://models/m/1/samples/0001.png … 1200.png\ns3://models/m/2/model.xml",
        "s3://models/m/1/model.xml\ns3://models/m/2/model.xml",
    ),
)

FILES_NOT_DOWNLOADED = Code(
    code="OVD661",
    name="files-not-downloaded",
    severity="warning",
    summary="Files of the model stay in the store, for the server does not download their kind",
    remedy="Convert the model to OpenVINO's format (ovc), or mount it from a local path.",
    recovers="next_poll",
    releases="Paddle since 2022.2, TensorFlow since 2022.3, TensorFlow Lite since 2023.1.",
    see_also=("OVD111",),
    example=Example(
        "s3://models/m/1/saved_model.pb\ns3://models/m/1/variables/variables.index",
        "s3://models/m/1/model.xml\ns3://models/m/1/model.bin",
    ),
)

DOWNLOAD_REFUSED = Code(
    code="OVD662",
    name="download-refused",
    severity="error",
    summary="An object may be listed and not read",
    remedy=(
        "Allow s3:GetObject (in Google Cloud Storage storage.objects.get) on the model's objects; of "
        "encrypted ones kms:Decrypt on their key too."
    ),
    log=(
        log.STORE_OBJECT_FAILED,
        log.VERSION_NOT_DOWNLOADED,
        log.MODEL_NOT_DOWNLOADED,
        log.GCS_NOT_SAVED,
        log.GCS_FILE_FAILED,
        log.GCS_DIRECTORY_NOT_SAVED,
        "Missing model directory /1",
    ),
    recovers="next_poll",
    releases=_ALL,
    see_also=("OVD651", "OVD663"),
    example=Example(
        "GetObject s3://models/m/1/model.xml: AccessDenied\nMissing model directory /1",
        '{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::models/m/*"}',
    ),
)

OBJECT_ARCHIVED = Code(
    code="OVD663",
    name="object-archived",
    severity="error",
    summary="A file of the model is in an archive class, from which nothing can be read at once",
    remedy="Restore the object, and move the model to a class that can be read.",
    log=(log.STORE_OBJECT_FAILED,),
    recovers="next_poll",
    releases=_ALL,
    see_also=("OVD662",),
    example=Example("s3://models/m/1/model.bin   GLACIER", "s3://models/m/1/model.bin   STANDARD"),
)

VERSION_DIRECTORY_NOT_DOWNLOADED = Code(
    code="OVD664",
    name="version-directory-not-downloaded",
    severity="error",
    summary=(
        "A directory is read as a version and not called by its number, so that the download finds nothing"
    ),
    remedy="Call the directory by its number.",
    log=(
        log.S3_NOT_THERE,
        log.GCS_NO_DIRECTORY,
        log.NOT_MADE,
    ),
    recovers="next_poll",
    releases=_ALL,
    see_also=("OVD103", "OVD662"),
    example=Example("s3://models/m/001/model.xml", "s3://models/m/1/model.xml"),
)

GCS_LIST_REFUSED = Code(
    code="OVD666",
    name="gcs-list-refused",
    severity="error",
    summary="Google Cloud Storage refuses the list, which the server shows as a missing directory",
    remedy="Give its service account the role roles/storage.objectViewer on the bucket.",
    log=("Directory does not exist: gs://",),
    recovers="next_poll",
    releases=_ALL,
    see_also=("OVD638", "OVD640", "OVD659"),
    example=Example(
        "gs://models: 403 storage.objects.list\nDirectory does not exist: gs://models/m",
        ("gcloud storage buckets add-iam-policy-binding gs://models … --role=roles/storage.objectViewer"),
    ),
)

#: By the name of the check that reports them.
CODES: dict[str, tuple[Code, ...]] = {
    "storage": (
        STORE_ACCESS_DENIED,
        BUCKET_NOT_FOUND,
        BUCKET_IN_OTHER_REGION,
        BUCKET_LIST_NEEDS_PREFIX,
        STORE_CREDENTIALS_REFUSED,
        CLOCK_SKEWED,
        STORE_UNREACHABLE,
        STORE_PROXY_REFUSES,
        STORE_PATH_EMPTY,
        VERSIONS_BEHIND_FIRST_PAGE,
        FILES_NOT_DOWNLOADED,
        DOWNLOAD_REFUSED,
        OBJECT_ARCHIVED,
        VERSION_DIRECTORY_NOT_DOWNLOADED,
        GCS_LIST_REFUSED,
    ),
}
