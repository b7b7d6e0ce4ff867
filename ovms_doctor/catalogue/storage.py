"""Entries on remote storage, as far as the path and the server's environment decide: no store is asked."""

from __future__ import annotations

from ovms_doctor.catalogue.entry import Code
from ovms_doctor.model import server_log as log

_ALL = "The same from 2022.1 to 2026.3."
_SDK = "Since 2024.0, with the AWS SDK 1.11. What the older SDK does was not seen."

CODES: tuple[Code, ...] = (
    Code(
        "OVD621",
        "aws-bucket-missing",
        "error",
        "storage",
        "The path begins with s3:// and names no bucket",
        "The server finds no bucket in the path and gives the model up without asking S3. Started with --model_path, "
        "it ends; with a configuration file it goes on without the model, and says the same at every poll.",
        "Write s3://BUCKET/PATH.",
        "config_change",
        (log.S3_NO_BUCKET,),
        releases=_ALL,
        see_also=("OVD642",),
    ),
    Code(
        "OVD622",
        "aws-host-in-path",
        "warning",
        "storage",
        "The path names the host of the store, and the server then looks for the wrong keys",
        "s3://HOST:PORT/BUCKET/PATH is read, but what stands behind the bucket keeps its slash: the server lists "
        "keys "
        "that begin with /PATH/, and no store has any. Of a bucket itself it lists the versions, and then finds no "
        "file to download. The connection is plain HTTP.",
        "Set S3_ENDPOINT to the host, and write s3://BUCKET/PATH.",
        "restart",
        releases=_ALL,
        see_also=("OVD623",),
    ),
    Code(
        "OVD623",
        "aws-host-taken-for-bucket",
        "warning",
        "storage",
        "The path was meant to name the store's host, and the server takes the host for a bucket",
        "The form s3://HOST:PORT/BUCKET/PATH is only recognised with a bucket of small letters, digits, dots and "
        "dashes, with a path that has no dash in it, and without a slash right behind the bucket. In every other "
        "case the server asks for a bucket that is called HOST:PORT.",
        "Set S3_ENDPOINT to the host, and write s3://BUCKET/PATH.",
        "restart",
        (log.S3_NO_ANSWER,),
        releases=_ALL,
        see_also=("OVD622",),
    ),
    Code(
        "OVD624",
        "aws-anonymous",
        "warning",
        "storage",
        "Credentials seem to be meant, and the server asks S3 without any",
        "The server signs its requests only with both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or if AWS_PROFILE "
        "is set. Without these it never looks for others: not for the role of a Kubernetes service account, of an "
        "EC2 instance or an ECS task, nor for ~/.aws/credentials, where the AWS command line and boto3 find them. "
        "Only a public bucket answers.",
        "Set both keys, or AWS_PROFILE to any name, which makes the AWS SDK look for a role itself.",
        "restart",
        (log.S3_NO_ANSWER,),
        releases=_ALL,
        see_also=("OVD625",),
    ),
    Code(
        "OVD625",
        "aws-keys-empty",
        "warning",
        "storage",
        "The keys for S3 are set to nothing",
        "A variable that is set to nothing is set: the server takes it for the key. A line such as "
        '-e AWS_ACCESS_KEY_ID="$AWS_ACCESS_KEY_ID" makes one where the shell has none. The requests are then not '
        "signed.",
        "Give the keys their values, or leave both out.",
        "restart",
        (log.S3_NO_ANSWER,),
        releases=_ALL,
        see_also=("OVD624",),
    ),
    Code(
        "OVD626",
        "aws-session-token-unread",
        "warning",
        "storage",
        "The session token of temporary keys is not read by this release",
        "Until 2022.3 the server knows two keys and no token. Temporary keys, which begin with ASIA, are refused "
        "without theirs.",
        "Use keys of a user, or a newer release.",
        "restart",
        (log.S3_NO_ANSWER,),
        releases="Until 2022.3; the token is read since 2023.0.",
        see_also=("OVD625",),
    ),
    Code(
        "OVD627",
        "aws-profile-beside-keys",
        "info",
        "storage",
        "AWS_PROFILE and both keys are set",
        "With AWS_PROFILE the server leaves it to the AWS SDK to find credentials, and the SDK takes the keys of the "
        "environment first. The profile's own keys and region are not used.",
        "Remove the keys, if the profile is meant.",
        "restart",
        releases=_ALL,
        see_also=("OVD624",),
    ),
    Code(
        "OVD628",
        "aws-endpoint-variable-unread",
        "warning",
        "storage",
        "The endpoint stands in a variable that the server does not read",
        "AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_S3 are for boto3 and the AWS command line. The server reads "
        "S3_ENDPOINT, "
        "and without it asks Amazon's own S3.",
        "Set S3_ENDPOINT.",
        "restart",
        (log.S3_NO_ANSWER,),
        releases=_ALL,
        see_also=("OVD629",),
    ),
    Code(
        "OVD629",
        "aws-endpoint-form",
        "warning",
        "storage",
        "S3_ENDPOINT is not in a form that the server understands",
        "Where http:// stands anywhere in the value, its first seven characters are cut off; http:// or https:// in "
        "capitals stay and become a part of the host; a blank stays too. https:// in small letters is taken.",
        "Write HOST:PORT, http://HOST:PORT or https://HOST:PORT.",
        "restart",
        (log.S3_NO_ANSWER,),
        releases=_ALL,
        see_also=("OVD630",),
    ),
    Code(
        "OVD630",
        "aws-endpoint-host-invalid",
        "error",
        "storage",
        "The endpoint's host is not a valid name, and is never asked",
        "The AWS SDK takes letters, digits and dashes in the name of a host, between dots, and refuses any other "
        "without a connection. Docker Compose makes names with an underscore in them, such as minio_s3.",
        "Give the store's service or container a name without an underscore, or use its IP address.",
        "restart",
        (log.S3_NO_ANSWER,),
        ("Invalid DNS Label found in URI host",),
        releases=_SDK,
        see_also=("OVD629",),
    ),
    Code(
        "OVD631",
        "aws-bucket-in-host-name",
        "warning",
        "storage",
        "Without credentials, the bucket becomes a part of the host's name",
        "A client without credentials uses virtual-hosted addresses: it asks http://BUCKET.HOST:PORT/, a name that "
        "has "
        "to be known to the DNS, though http://HOST:PORT/BUCKET answers. With keys, with AWS_PROFILE, and for an IP "
        "address, the bucket stays behind the slash.",
        "Set both keys, or name the endpoint by its IP address.",
        "restart",
        (log.S3_NO_ANSWER,),
        ("Couldn't resolve host name",),
        releases=_ALL,
        see_also=("OVD624",),
    ),
    Code(
        "OVD632",
        "aws-region-empty",
        "warning",
        "storage",
        "AWS_REGION is set to nothing",
        "With both keys the server puts AWS_REGION over whatever region the AWS SDK has found, even where it is "
        "empty. "
        "Without a region and without S3_ENDPOINT the SDK builds no address.",
        "Give AWS_REGION the bucket's region, or remove it.",
        "restart",
        (log.S3_NO_ANSWER,),
        releases=_SDK,
        see_also=("OVD633",),
    ),
    Code(
        "OVD633",
        "aws-two-regions",
        "info",
        "storage",
        "AWS_REGION and AWS_DEFAULT_REGION name two regions",
        "With both keys the server takes AWS_REGION. In every other case the AWS SDK decides, and takes "
        "AWS_DEFAULT_REGION first. A bucket of another region answers with an error, which the server does not "
        "follow to the right one, as boto3 does.",
        "Set both to the bucket's region, or one alone.",
        "restart",
        releases=_ALL,
        see_also=("OVD632", "OVD634"),
    ),
    Code(
        "OVD634",
        "aws-region-not-set",
        "info",
        "storage",
        "No region is set for S3",
        "The AWS SDK then looks into ~/.aws/config, asks the metadata service of EC2, and takes us-east-1 where "
        "neither "
        "answers. Outside of EC2 that question costs time, each time a client is made: for every model, at every "
        "poll.",
        "Set AWS_REGION to the bucket's region.",
        "restart",
        releases=_ALL,
        see_also=("OVD633",),
    ),
    Code(
        "OVD635",
        "remote-single-file",
        "info",
        "storage",
        "A path in a store looks like that of a file",
        "Since 2026.3 a local base path may be a model's file. In a store it is always a directory, with a directory "
        "for each version in it: a file there is not found.",
        "Put the files into BASE_PATH/1/ and name the directory.",
        "config_change",
        releases=_ALL,
        see_also=("OVD107",),
    ),
    Code(
        "OVD636",
        "remote-configuration",
        "info",
        "storage",
        "The configuration file is named by a path in a store",
        "Only base paths of models may be in a store. The configuration is opened as a local file of that name, and "
        "the "
        "server ends.",
        "Copy the file to where the server runs, and name it there.",
        "restart",
        releases=_ALL,
        see_also=("OVD405",),
    ),
    Code(
        "OVD637",
        "remote-graph",
        "info",
        "storage",
        "A graph is named by a path in a store",
        "graph.pbtxt and subconfig.json are opened as local files, whatever the path begins with.",
        "Copy the graph to where the server runs; the models that it uses may stay in the store.",
        "config_change",
        releases="Since 2023.0, with graphs.",
        see_also=("OVD448",),
    ),
    Code(
        "OVD638",
        "gcs-anonymous",
        "info",
        "storage",
        "Google Cloud Storage is asked without credentials",
        "Without GOOGLE_APPLICATION_CREDENTIALS the server asks anonymously: it does not look for gcloud's own "
        "credentials, nor for those of a virtual machine or of a Kubernetes service account. Only a public bucket "
        "answers; for any other the log says that the directory does not exist.",
        "Set GOOGLE_APPLICATION_CREDENTIALS to a key file; set to nothing, it makes the library look for credentials "
        "itself.",
        "restart",
        releases=_ALL,
        see_also=("OVD639",),
    ),
    Code(
        "OVD639",
        "gcs-credentials-empty",
        "info",
        "storage",
        "GOOGLE_APPLICATION_CREDENTIALS is set to nothing",
        "That is another thing than not to set it: Google's library then looks for gcloud's own file in the home "
        "directory, and asks the metadata server. So a service account of Kubernetes or of a virtual machine is "
        "used. "
        "Where there is none of it, the server may end at its start.",
        "Remove the variable for public buckets; leave it so where the metadata server has the credentials.",
        "restart",
        releases=_ALL,
        see_also=("OVD638", "OVD640"),
    ),
    Code(
        "OVD640",
        "gcs-key-file-unusable",
        "error",
        "storage",
        "The file of credentials for Google Cloud cannot be used: the server ends over it",
        "The file that GOOGLE_APPLICATION_CREDENTIALS names is opened as the server's user, inside of the container. "
        "If "
        "it is not there, cannot be read, is not JSON or is of another kind, the process ends with exit code 1, and "
        "the log does not say which of these it was. Until 2025.2 service_account and authorized_user are taken, "
        "since 2025.3 external_account too.",
        "Mount the key file where the variable says, readable for the server's user.",
        "restart",
        (log.GCS_NO_CREDENTIALS,),
        releases=_ALL,
        see_also=("OVD639",),
    ),
    Code(
        "OVD641",
        "gcs-emulator-variable-unread",
        "warning",
        "storage",
        "The emulator stands in a variable that the server does not read",
        "STORAGE_EMULATOR_HOST is for the libraries of Python, Go and Java. The server's reads "
        "CLOUD_STORAGE_EMULATOR_ENDPOINT and CLOUD_STORAGE_TESTBENCH_ENDPOINT, until 2025.2 only the latter.",
        "Set CLOUD_STORAGE_TESTBENCH_ENDPOINT, which every release reads.",
        "restart",
        releases=_ALL,
        see_also=("OVD638",),
    ),
    Code(
        "OVD642",
        "gcs-bucket-missing",
        "error",
        "storage",
        "The path begins with gs:// and names no bucket",
        "The server finds no bucket in the path and gives the model up without asking Google. Started with "
        "--model_path, it ends.",
        "Write gs://BUCKET/PATH.",
        "config_change",
        (log.GCS_UNPARSED,),
        releases=_ALL,
        see_also=("OVD621",),
    ),
    Code(
        "OVD643",
        "azure-path-refused",
        "error",
        "storage",
        "A path in Azure is not one that the server takes",
        "It must not end with a slash, unlike a path in the other stores. azfs://SHARE needs a directory behind the "
        "share; az://CONTAINER alone is accepted, and then not found. With a configuration file the server goes "
        "on without the model; started with --model_path it ends.",
        "Write az://CONTAINER/DIRECTORY or azfs://SHARE/DIRECTORY.",
        "config_change",
        (log.AZURE_SLASH, log.AZURE_UNCHECKED),
        releases=_ALL,
        see_also=("OVD644",),
    ),
    Code(
        "OVD644",
        "azure-connection-string-missing",
        "error",
        "storage",
        "AZURE_STORAGE_CONNECTION_STRING is not set: the server ends over it",
        "The client for Azure knows no other credentials: no account and key of their own, no managed identity. "
        "Without "
        "the connection string its library refuses to make an account, and the process ends with exit code 1.",
        "Set AZURE_STORAGE_CONNECTION_STRING, as the Azure portal gives it.",
        "restart",
        (log.AZURE_NO_ACCOUNT,),
        releases=_ALL,
        see_also=("OVD643",),
    ),
    Code(
        "OVD645",
        "store-path-misread",
        "warning",
        "storage",
        "A path does not name the store or the bucket that it seems to",
        "Behind s3:// or gs:// the bucket must follow at once: with one more slash, the server takes all of the rest "
        "for the bucket. And s3://, gs://, az:// and azfs:// are known in small letters only; S3:// begins a local "
        "path.",
        "Write the scheme in small letters and the bucket right behind it.",
        "config_change",
        (log.S3_NO_ANSWER,),
        releases=_ALL,
        see_also=("OVD447",),
    ),
)
