"""Entries on what a store answers the server: refusals and their true reasons, and what is not downloaded."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.model import server_log as log

_ALL = "The same from 2022.1 to 2026.3."
_SDK = "The line's end is that of the AWS SDK 1.11, since 2024.0. What the older SDK writes was not seen."

CODES: tuple[Code, ...] = (
    Code(
        "OVD651",
        "store-access-denied",
        "error",
        "storage",
        "S3 refuses the server's credentials, or its request without any",
        "The server asks HeadBucket before every list, then lists, then gets each file. HeadBucket and the list need "
        "s3:ListBucket on the bucket, the files s3:GetObject. Its log shows the same line for a bucket that is not "
        "there, for missing rights and for a wrong region: an answer to HeadBucket has no text. A program in Python "
        "may read the same bucket with credentials that this client does not look for.",
        "Give the server credentials with the rights of the policy below, or make the bucket readable for everybody.",
        "next_poll",
        (log.S3_NO_ANSWER, log.S3_LIST_FAILED, log.S3_CONTENTS_FAILED),
        ("Couldn't check directory: s3://",),
        releases=_SDK,
        see_also=("OVD624", "OVD654", "OVD655"),
    ),
    Code(
        "OVD652",
        "bucket-not-found",
        "error",
        "storage",
        "There is no bucket of this name where the server asks",
        "The store answers that it has no such bucket. With S3_ENDPOINT another store is asked than Amazon's, or "
        "the other way round. The server's line speaks of credentials as well, for it is the same one for every "
        "refusal.",
        "Name the bucket as the store does, and the store's address in S3_ENDPOINT.",
        "config_change",
        (log.S3_NO_ANSWER,),
        releases=_SDK,
        see_also=("OVD621", "OVD651"),
    ),
    Code(
        "OVD653",
        "bucket-in-other-region",
        "error",
        "storage",
        "The bucket is in another region than the one that the server signs for",
        "The server's client does not follow to the bucket's region, where boto3 and the AWS command line do, "
        "silently. Its log shows the line of missing credentials.",
        "Set AWS_REGION to the bucket's region.",
        "restart",
        (log.S3_NO_ANSWER,),
        releases=_SDK,
        see_also=("OVD632", "OVD633"),
    ),
    Code(
        "OVD654",
        "bucket-list-needs-prefix",
        "error",
        "storage",
        "The list of the path is allowed, and HeadBucket is not",
        "The server asks HeadBucket first, which has no prefix, and gives up where that is refused. So a policy "
        "that allows s3:ListBucket only under a condition on s3:prefix is enough for other programs, and not for it.",
        "Allow s3:ListBucket on the bucket without a condition on the prefix.",
        "next_poll",
        (log.S3_NO_ANSWER,),
        releases=_SDK,
        see_also=("OVD651",),
    ),
    Code(
        "OVD655",
        "store-credentials-refused",
        "error",
        "storage",
        "The store does not accept these credentials as credentials",
        "The key is not known, the secret does not fit it, or a token is over. No policy helps. The server's log "
        "shows the line of any other refusal.",
        "Give the server the store's own, valid credentials.",
        "restart",
        (log.S3_NO_ANSWER,),
        releases=_SDK,
        see_also=("OVD625", "OVD626", "OVD651"),
    ),
    Code(
        "OVD656",
        "clock-skewed",
        "warning",
        "storage",
        "This host's clock differs from the store's by more than it allows",
        "A signed request carries the time, and a store refuses one that is some 15 minutes off. The server's "
        "client since 2024.0 takes the store's time from the answer and asks again; older ones were not seen to.",
        "Set the host's clock.",
        "next_poll",
        (log.S3_NO_ANSWER,),
        releases="Corrected by the client since 2024.0, with the AWS SDK 1.11.",
        see_also=("OVD655",),
    ),
    Code(
        "OVD657",
        "store-unreachable",
        "warning",
        "storage",
        "The store could not be reached from here",
        "What cannot be reached from this host may be reached from the server's network, and the other way round: "
        "an error only where the server runs here. The client for S3 tries for half a minute and then writes the "
        "line of missing credentials, with the connection's error at its end. Google's tries for 15 minutes without "
        "a word, and then the directory does not exist.",
        "Check the address, the way to it, and the proxy.",
        "next_poll",
        (log.S3_NO_ANSWER,),
        (
            "curlCode: 6, Couldn't resolve host name",
            "curlCode: 7, Couldn't connect to server",
            "curlCode: 28, Timeout was reached",
            "curlCode: 5, Couldn't resolve proxy name",
            "curlCode: 35,",
            "curlCode: 60,",
        ),
        releases=_ALL,
        see_also=("OVD631", "OVD658"),
    ),
    Code(
        "OVD658",
        "store-proxy-refuses",
        "warning",
        "storage",
        "A proxy stands between the server and the store, and refuses",
        "The client for S3 takes the proxy of https_proxy for every address, plain http too, and asks nothing of "
        "no_proxy; Google's goes by libcurl's rules. Without a password, or with a wrong one, the proxy answers in "
        "the store's place.",
        "Give the proxy's user and password in the variable, or take the variable from the server's environment.",
        "restart",
        (log.S3_NO_ANSWER,),
        ("curlCode: 56,",),
        releases=_ALL,
        see_also=("OVD601", "OVD602", "OVD657"),
    ),
    Code(
        "OVD659",
        "store-path-empty",
        "error",
        "storage",
        "No object's key begins with the path",
        "A directory in a store is what keys begin with. Where none begins with the path and a slash, the server "
        "says that the directory does not exist. Case counts, and so does every slash.",
        "Name the directory that holds the version directories.",
        "next_poll",
        texts=("Directory does not exist: s3://", "Directory does not exist: gs://"),
        releases=_ALL,
        see_also=("OVD622", "OVD635", "OVD666"),
    ),
    Code(
        "OVD660",
        "versions-behind-first-page",
        "warning",
        "storage",
        "S3 gives 1,000 keys at a time, and the server asks for no more",
        "What lies behind the first 1,000 keys below the base path does not exist for the server: versions, and "
        "files of a version with more than so many. Keys come in the order of their bytes, so that 10 stands before "
        "2. Google Cloud Storage is read to its end.",
        "Keep fewer files below the base path: old versions, training data and logs elsewhere.",
        "next_poll",
        releases=_ALL,
        see_also=("OVD659",),
    ),
    Code(
        "OVD661",
        "files-not-downloaded",
        "warning",
        "storage",
        "Files of the model stay in the store, for the server does not download their kind",
        "From S3 and Google Cloud Storage only these are downloaded: .xml, .bin, .onnx, .pdmodel, .pdiparams, .pb, "
        ".tflite and mapping_config.json; from S3 no more than one directory deep. So the variables of a SavedModel "
        "and the external data of an ONNX model stay where they are; a model that needs them is not loaded.",
        "Convert the model to OpenVINO's format (ovc), or mount it from a local path.",
        "next_poll",
        releases="Paddle since 2022.2, TensorFlow since 2022.3, TensorFlow Lite since 2023.1.",
        see_also=("OVD111",),
    ),
    Code(
        "OVD662",
        "download-refused",
        "error",
        "storage",
        "An object may be listed and not read",
        "The server downloads all versions that it loads together; one object that it may not read fails all of "
        "them. Each is then looked for in the root directory: “Missing model directory /1” is such a failed "
        "download, and says nothing of a local path. What was downloaded until then stays in /tmp, at every try "
        "once more.",
        "Allow s3:GetObject (in Google Cloud Storage storage.objects.get) on the model's objects; of encrypted ones "
        "kms:Decrypt on their key too.",
        "next_poll",
        (
            log.STORE_OBJECT_FAILED,
            log.VERSION_NOT_DOWNLOADED,
            log.MODEL_NOT_DOWNLOADED,
            log.GCS_NOT_SAVED,
            log.GCS_FILE_FAILED,
            log.GCS_DIRECTORY_NOT_SAVED,
        ),
        ("Missing model directory /1",),
        releases=_ALL,
        see_also=("OVD651", "OVD663"),
    ),
    Code(
        "OVD663",
        "object-archived",
        "error",
        "storage",
        "A file of the model is in an archive class, from which nothing can be read at once",
        "The list shows it, and every attempt to get it is refused until it was restored. With it fail all versions "
        "that are loaded together.",
        "Restore the object, and move the model to a class that can be read.",
        "next_poll",
        (log.STORE_OBJECT_FAILED,),
        releases=_ALL,
        see_also=("OVD662",),
    ),
    Code(
        "OVD664",
        "version-directory-not-downloaded",
        "error",
        "storage",
        "A directory is read as a version and not called by its number, so that the download finds nothing",
        "The server reads a number from the beginning of a name, and then asks for the directory of that very "
        "number. The download that fails takes with it all versions that are loaded together. A key with two "
        "slashes in a row below a version has the same effect in S3.",
        "Call the directory by its number.",
        "next_poll",
        (log.S3_NOT_THERE, log.GCS_NO_DIRECTORY, log.NOT_MADE),
        releases=_ALL,
        see_also=("OVD103", "OVD662"),
    ),
    Code(
        "OVD666",
        "gcs-list-refused",
        "error",
        "storage",
        "Google Cloud Storage refuses the list, which the server shows as a missing directory",
        "Missing credentials, missing rights, a bucket that is not there and a wrong path all end in the same line "
        "of the log. The server needs storage.objects.list and storage.objects.get, and nothing of the bucket "
        "itself. Without GOOGLE_APPLICATION_CREDENTIALS it asks as nobody, whatever the machine's own identity is.",
        "Give its service account the role roles/storage.objectViewer on the bucket.",
        "next_poll",
        texts=("Directory does not exist: gs://",),
        releases=_ALL,
        see_also=("OVD638", "OVD640", "OVD659"),
    ),
)
