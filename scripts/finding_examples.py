"""Read by gen_docs.py beside it: for every code, the smallest case before and after its repair.

``m`` is a model's directory, as the server sees it. Everything is an example, nothing is a recorded case.
"""

_IR = "m/1/model.xml\nm/1/model.bin"


def _beside(before: str) -> tuple[str, str]:
    return before, _IR


EXAMPLES: dict[str, tuple[str, str]] = {
    "OVD101": _beside("m/model.xml\nm/model.bin"),
    "OVD102": _beside("m/v1/model.xml\nm/v1/model.bin"),
    "OVD103": _beside("m/01/model.xml\nm/01/model.bin"),
    "OVD104": _beside("m/0/model.xml\nm/0/model.bin"),
    "OVD105": ("m/1/        the one that is opened\nm/01/       read as 1 too", "m/1/\nm.old/01/"),
    "OVD106": (
        "docker run -v /srv/models:/models … --model_path /model/m",
        "docker run -v /srv/models:/models … --model_path /models/m",
    ),
    "OVD107": (
        "--model_path /models/model.onnx        until 2026.2",
        "--model_path /models/m\nm/1/model.onnx",
    ),
    "OVD108": ("--model_path /models/model.ONNX", "--model_path /models/model.onnx"),
    "OVD109": ('"base_path": "../models/m"', '"base_path": "/models/m"'),
    "OVD110": ("m/1/\nm/loop -> loop", "m/1/"),
    "OVD111": _beside("m/1/export/model.xml\nm/1/export/model.bin"),
    "OVD112": (
        "--model_path /models/model.xml\nmodel.xml",
        "--model_path /models/model.xml\nmodel.xml\nmodel.bin",
    ),
    "OVD113": _beside("m/1/model.xml\nm/1/model.bin\nm/1/labels.xml"),
    "OVD115": (
        "m/1/   good\nm/2/   broken\nm/3/   broken",
        "m/1/   good\nm/2/   mended, or removed\nm/3/   removed",
    ),
    "OVD116": ("m/9/    good\nm/10/   broken", "m/9/    good\nm/10/   mended, or removed"),
    "OVD117": (
        "policy: all\nm/101/   good\nm/9/     broken\nm/9x/    read as 9 too",
        "policy: all\nm/101/   good\nm/9/     mended\nm.old/9x/",
    ),
    "OVD118": (
        "m/1/model.xml   a FIFO: never read to its end\nn/1/            never tried",
        "m/1/model.xml   a file\nn/1/            tried",
    ),
    "OVD121": ("m/graph.pbtxt\nm/1/model.xml\nm/1/model.bin", _IR),
    "OVD122": ("m/config.json   names an architecture\nm/1/model.xml\nm/1/model.bin", _IR),
    "OVD123": (
        "ovms-doctor check /srv\n/srv/docs/",
        "ovms-doctor check /srv/models\n/srv/models/m/1/model.onnx",
    ),
    "OVD124": ("m/1/model.onnx -> /home/me/model.onnx", "m/1/model.onnx"),
    "OVD131": ("--model_path /models/m/1", "--model_path /models/m"),
    "OVD133": ("ovms-doctor check /srv/models", "ovms-doctor check /srv/models/config.json"),
    "OVD201": ("drwxr--r-- root root m/1", "drwxr-xr-x root root m/1"),
    "OVD202": ("drwx--x--x root root m", "drwxr-xr-x root root m"),
    "OVD203": ("-rw------- root root m/1/model.bin", "-rw-r--r-- root root m/1/model.bin"),
    "OVD204": (
        "-rw------- root root m/1/mapping_config.json",
        "-rw-r--r-- root root m/1/mapping_config.json",
    ),
    "OVD205": ("-rw------- root root config.json", "-rw-r--r-- root root config.json"),
    "OVD301": ("m/1/model.onnx   a text file", "m/1/model.onnx   an ONNX model"),
    "OVD302": (
        "m/1/model.onnx   version https://git-lfs.github.com/spec/v1 …",
        "m/1/model.onnx   an ONNX model",
    ),
    "OVD303": ("m/1/model.onnx   <!DOCTYPE html> …", "m/1/model.onnx   an ONNX model"),
    "OVD304": ("m/1/model.onnx   a zip archive", "m/1/model.onnx   what was in the archive"),
    "OVD305": ("m/1/model.onnx   0 bytes", "m/1/model.onnx   whole"),
    "OVD306": ("m/1/model.onnx   10 of 100 MB", "m/1/model.onnx   100 MB"),
    "OVD307": _beside("m/1/model.xml\nm/1/other.bin"),
    "OVD308": ("m/1/model.bin   272 bytes, 288 needed", "m/1/model.bin   288 bytes"),
    "OVD309": ("m/1/model.bin   the last 2 GB are zero", "m/1/model.bin   copied again"),
    "OVD310": ("m/1/model.bin   1288 bytes, 288 needed", "m/1/model.bin   288 bytes, from the same export"),
    "OVD311": ('<net name="m" version="6">', '<net name="m" version="11">'),
    "OVD312": ("m/1/model.xml   ends within an element", "m/1/model.xml   ends with </net>"),
    "OVD313": ("m/1/model.onnx -> ../store/gone.onnx", "m/1/model.onnx"),
    "OVD314": ("prw-r--r-- m/1/model.onnx", "-rw-r--r-- m/1/model.onnx"),
    "OVD315": _beside("m/1/model.xml\nm/1/model.BIN"),
    "OVD316": (
        '<edge from-layer="77" from-port="0" to-layer="2" to-port="0"/>   no layer 77',
        "exported again",
    ),
    "OVD317": ('<net name="m" version="11"><layers/></net>', "exported again, with its layers"),
    "OVD318": ("m/1/model.onnx", "m/1/model.onnx\nm/1/weights.data"),
    "OVD319": ("a blank line before <?xml", "<?xml at the very beginning"),
    "OVD321": (
        "ovms --config_path config.json",
        "ovms --config_path config.json --cpu_extension /ext/libmine.so",
    ),
    "OVD322": ("OVMS 2024.1, a layer of opset15", "OVMS 2025.4, the same model"),
    "OVD323": ("OVMS 2023.3, weights in f8e4m3", "OVMS 2024.0, the same model"),
    "OVD324": ('<layer type="FancyRelu" version="opset1">', '<layer type="ReLU" version="opset1">'),
    "OVD331": ("a model without Parameter", "a model with a named Parameter"),
    "OVD332": ("a model without Result", "a model with a Result"),
    "OVD333": ("an input without names", "model.inputs[0].tensor.set_names({'x'})"),
    "OVD341": ("a model that OpenVINO does not convert", "the same, converted with ovc where that succeeds"),
    "OVD342": ('"target_device": "cpu"', '"target_device": "CPU"'),
    "OVD343": ("models: a, crashing, b", "models: a, b"),
    "OVD344": ("m/1/my_saved_model.pb", "m/1/saved_model.pb"),
    "OVD351": ("ovms … --cpu_extension /ext", "ovms … --cpu_extension /ext/libmine.so"),
    "OVD352": ("/ext/libmine.so: HTML document", "/ext/libmine.so: ELF 64-bit LSB shared object, x86-64"),
    "OVD353": (
        "/ext/libmine.so: ELF 64-bit LSB shared object, ARM aarch64",
        "/ext/libmine.so: ELF 64-bit LSB shared object, x86-64",
    ),
    "OVD354": (
        "OVMS 2026.3\n/ext/libmine.so   NEEDED libopenvino.so.2540",
        "OVMS 2026.3\n/ext/libmine.so   NEEDED libopenvino.so.2630",
    ),
    "OVD355": (
        "/ext/libmine.so   NEEDED libOpenCL.so.1",
        "/ext/libmine.so   NEEDED libOpenCL.so.1   RUNPATH $ORIGIN\n/ext/libOpenCL.so.1",
    ),
    "OVD356": ("int nothing;", "OPENVINO_CREATE_EXTENSIONS(std::vector<ov::Extension::Ptr>({…}));"),
    "OVD357": ("libmine.so: undefined symbol: my_function", "linked with the library that has my_function"),
    "OVD358": ("prw-r--r-- /ext/libmine.so", "-rw-r--r-- /ext/libmine.so"),
    "OVD359": (
        'OpExtension<CustomReLU>\n<layer type="CustomGelu" version="extension">',
        'OpExtension<CustomReLU>, OpExtension<CustomGelu>\n<layer type="CustomGelu" version="extension">',
    ),
    "OVD401": ('{"specific": {"versions": [3]}}\nm/1/', '{"specific": {"versions": [1]}}\nm/1/'),
    "OVD402": ('{"config": {"name": "m", …}}\n{"config": {"name": "m", …}}', '{"config": {"name": "m", …}}'),
    "OVD403": ('{"model_config_list": [],}', '{"model_config_list": []}'),
    "OVD404": ('{"config": {"name": "m", "path": "/m"}}', '{"config": {"name": "m", "base_path": "/m"}}'),
    "OVD405": (
        "docker run -v /srv/models:/models … --config_path /config.json",
        "docker run -v /srv/models:/models … --config_path /models/config.json",
    ),
    "OVD406": (
        "ovms --model_path /models/m --port 9000",
        "ovms --model_path /models/m --model_name m --port 9000",
    ),
    "OVD407": (
        "--model_version_policy '{\"latest\": 2}'",
        '--model_version_policy \'{"latest": {"num_versions": 2}}\'',
    ),
    "OVD408": ("m/config.json\nm/1/model.onnx", "m/1/model.onnx"),
    "OVD409": (
        '{"model_config_list": []}',
        '{"model_config_list": [{"config": {"name": "m", "base_path": "/m"}}]}',
    ),
    "OVD410": ('{"config": {"name": "m", "base_path": "/m", "nireq": 4}}', "nothing to repair"),
    "OVD411": ("docker run -e GRPC_SERVERS=64 …", "docker run … (without it)"),
    "OVD421": ('"layout": "XYZ"', '"layout": "NCHW"'),
    "OVD422": ('"plugin_config": {"NUM_STREAM": "2"}', '"plugin_config": {"NUM_STREAMS": "2"}'),
    "OVD423": ('"shape": "(1,3,a)"', '"shape": "(1,3,224)"'),
    "OVD424": ('"shape": "auto"', '"shape": "(-1,3,224,224)"'),
    "OVD425": ('"shape": {"input": "(2,3)"}', '"shape": {"x": "(2,3)"}'),
    "OVD426": (
        'm/1/mapping_config.json: {"inputs": {"x": "image"}}\n"shape": {"x": "(2,3)"}',
        'm/1/mapping_config.json: {"inputs": {"x": "image"}}\n"shape": {"image": "(2,3)"}',
    ),
    "OVD427": ('"shape": "(1,4)"', '"shape": {"a": "(1,4)", "b": "(1,4)"}'),
    "OVD428": ('"shape": "(1,3,1)"', '"shape": "(2,3)"'),
    "OVD429": ('"batch_size": "auto", an input that is a scalar', "no batch_size"),
    "OVD430": ('"layout": "NHWC:NCHW", an input of two dimensions', '"layout": "NC"'),
    "OVD431": ("--mean '[1,2,3]', a model with two inputs", "no --mean"),
    "OVD432": ('"target_device": "cpu"', '"target_device": "CPU"'),
    "OVD433": ('"plugin_config": {"NUM_STREAMS": "two"}', '"plugin_config": {"NUM_STREAMS": "2"}'),
    "OVD434": ('"nireq": 1000000', '"nireq": 0'),
    "OVD435": ('"stateful": true, "shape": "auto"', '"stateful": true, "shape": "(1,3)"'),
    "OVD461": ('{"inputs": {"x": 5}}', '{"inputs": {"x": "image"}}'),
    "OVD462": ('{"inputs": {"image": "x"}}', '{"inputs": {"x": "image"}}'),
    "OVD463": ('{"inputs": {"a": "in", "b": "in"}}', '{"inputs": {"a": "in_a", "b": "in_b"}}'),
    "OVD464": ('{"inputs": {"x": "image"}}', '{"inputs": {"x": "image"}, "outputs": {}}'),
    "OVD601": ("https_proxy=http://proxy.example.com", "https_proxy=http://proxy.example.com:3128"),
    "OVD602": ("https_proxy=proxy.example.com:3128", "https_proxy=http://proxy.example.com:3128"),
    "OVD603": (
        "http_proxy=http://proxy.example.com:3128        for gs://",
        "https_proxy=http://proxy.example.com:3128",
    ),
    "OVD604": (
        "https_proxy=\nhttp_proxy=http://proxy.example.com:3128",
        "http_proxy=http://proxy.example.com:3128",
    ),
    "OVD605": (
        "S3_ENDPOINT=http://minio:9000\nhttps_proxy=http://proxy.example.com:3128\nno_proxy=minio",
        "S3_ENDPOINT=http://minio:9000",
    ),
    "OVD606": ("https_proxy=https://proxy.example.com:3128", "https_proxy=http://proxy.example.com:3128"),
    "OVD607": ("https_proxy=http://user:p%40ss@proxy.example.com:3128", "a password of letters and digits"),
    "OVD608": ("docker run …", "docker run -e https_proxy …"),
    "OVD621": ('"base_path": "s3://"', '"base_path": "s3://bucket/m"'),
    "OVD622": (
        '"base_path": "s3://minio:9000/bucket/m"',
        'S3_ENDPOINT=http://minio:9000\n"base_path": "s3://bucket/m"',
    ),
    "OVD623": (
        '"base_path": "s3://minio:9000/bucket/my-model"',
        'S3_ENDPOINT=http://minio:9000\n"base_path": "s3://bucket/my-model"',
    ),
    "OVD624": (
        "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/models",
        "AWS_ROLE_ARN=arn:aws:iam::123456789012:role/models\nAWS_PROFILE=default",
    ),
    "OVD625": ("AWS_ACCESS_KEY_ID=\nAWS_SECRET_ACCESS_KEY=", "both keys, or none of them"),
    "OVD626": ("AWS_SESSION_TOKEN=…        until 2022.3", "the keys of a user, without a token"),
    "OVD627": ("AWS_PROFILE=models\nAWS_ACCESS_KEY_ID=…\nAWS_SECRET_ACCESS_KEY=…", "AWS_PROFILE=models"),
    "OVD628": ("AWS_ENDPOINT_URL=http://minio:9000", "S3_ENDPOINT=http://minio:9000"),
    "OVD629": ("S3_ENDPOINT=HTTP://minio:9000", "S3_ENDPOINT=http://minio:9000"),
    "OVD630": ("S3_ENDPOINT=http://minio_s3:9000", "S3_ENDPOINT=http://minio:9000"),
    "OVD631": (
        "S3_ENDPOINT=http://minio:9000        no keys",
        "S3_ENDPOINT=http://minio:9000\nAWS_ACCESS_KEY_ID=…\nAWS_SECRET_ACCESS_KEY=…",
    ),
    "OVD632": ("AWS_REGION=        beside both keys", "AWS_REGION=eu-central-1"),
    "OVD633": (
        "AWS_REGION=eu-central-1\nAWS_DEFAULT_REGION=us-east-1",
        "AWS_REGION=eu-central-1\nAWS_DEFAULT_REGION=eu-central-1",
    ),
    "OVD634": ("both keys, no region", "both keys\nAWS_REGION=eu-central-1"),
    "OVD635": (
        '"base_path": "s3://bucket/model.onnx"',
        '"base_path": "s3://bucket/m"\ns3://bucket/m/1/model.onnx',
    ),
    "OVD636": ("--config_path s3://bucket/config.json", "--config_path /models/config.json"),
    "OVD637": (
        '"graph_path": "s3://bucket/g/graph.pbtxt"',
        '"graph_path": "/models/g/graph.pbtxt"',
    ),
    "OVD638": (
        "GOOGLE_CLOUD_PROJECT=models",
        "GOOGLE_CLOUD_PROJECT=models\nGOOGLE_APPLICATION_CREDENTIALS=/keys/models.json",
    ),
    "OVD639": ("GOOGLE_APPLICATION_CREDENTIALS=", "GOOGLE_APPLICATION_CREDENTIALS=/keys/models.json"),
    "OVD640": (
        "GOOGLE_APPLICATION_CREDENTIALS=/keys/models.json\n-rw------- root root /keys/models.json",
        "GOOGLE_APPLICATION_CREDENTIALS=/keys/models.json\n-rw-r----- root ovms /keys/models.json",
    ),
    "OVD641": ("STORAGE_EMULATOR_HOST=http://gcs:4443", "CLOUD_STORAGE_TESTBENCH_ENDPOINT=http://gcs:4443"),
    "OVD642": ('"base_path": "gs://"', '"base_path": "gs://bucket/m"'),
    "OVD643": ('"base_path": "az://models/m/"', '"base_path": "az://models/m"'),
    "OVD644": (
        "AZURE_STORAGE_ACCOUNT=models\nAZURE_STORAGE_KEY=…",
        "AZURE_STORAGE_CONNECTION_STRING=DefaultEndpointsProtocol=https;AccountName=models;AccountKey=…",
    ),
    "OVD645": ('"base_path": "s3:///bucket/m"', '"base_path": "s3://bucket/m"'),
    "OVD651": (
        "HeadBucket s3://models: 403; ListObjects: AccessDenied",
        '{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::models"}',
    ),
    "OVD652": ('"base_path": "s3://modles/m"   ListObjects: NoSuchBucket', '"base_path": "s3://models/m"'),
    "OVD653": ("AWS_REGION=us-east-1   the bucket is in eu-central-1", "AWS_REGION=eu-central-1"),
    "OVD654": (
        '"Action": "s3:ListBucket", "Condition": {"StringLike": {"s3:prefix": "m/*"}}',
        '"Action": "s3:ListBucket"',
    ),
    "OVD655": (
        "AWS_ACCESS_KEY_ID=…   ListObjects: InvalidAccessKeyId",
        "AWS_ACCESS_KEY_ID=… of the store itself",
    ),
    "OVD656": (
        "ListObjects: RequestTimeTooSkewed",
        "chronyc tracking   # System time: 0.000012 seconds fast",
    ),
    "OVD657": ("S3_ENDPOINT=http://minio:9000   the name is not found", "S3_ENDPOINT=http://10.0.0.5:9000"),
    "OVD658": (
        "https_proxy=http://proxy:3128   HeadBucket: 407 by the proxy",
        "https_proxy=http://user:password@proxy:3128",
    ),
    "OVD659": ('"base_path": "s3://models/Resnet"   keys: resnet/1/…', '"base_path": "s3://models/resnet"'),
    "OVD660": (
        "s3://models/m/1/samples/0001.png … 1200.png\ns3://models/m/2/model.xml",
        "s3://models/m/1/model.xml\ns3://models/m/2/model.xml",
    ),
    "OVD661": (
        "s3://models/m/1/saved_model.pb\ns3://models/m/1/variables/variables.index",
        "s3://models/m/1/model.xml\ns3://models/m/1/model.bin",
    ),
    "OVD662": (
        "GetObject s3://models/m/1/model.xml: AccessDenied\nMissing model directory /1",
        '{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::models/m/*"}',
    ),
    "OVD663": ("s3://models/m/1/model.bin   GLACIER", "s3://models/m/1/model.bin   STANDARD"),
    "OVD664": ("s3://models/m/001/model.xml", "s3://models/m/1/model.xml"),
    "OVD666": (
        "gs://models: 403 storage.objects.list\nDirectory does not exist: gs://models/m",
        "gcloud storage buckets add-iam-policy-binding gs://models … --role=roles/storage.objectViewer",
    ),
    "OVD701": (
        "docker run -m 1g …\nkernel: Memory cgroup out of memory: Killed process 4711 (ovms)",
        "docker run -m 4g …",
    ),
    "OVD702": ("docker kill ovms\nState: exited, exit code 137, OOMKilled false", "docker start ovms"),
    "OVD703": ("docker run … --rest_prot 8000\nexit code 64", "docker run … --rest_port 8000"),
    "OVD704": (
        "docker run … --config_path /models/config.json   which is not there\nexit code 1",
        "docker run -v /srv/models:/models … --config_path /models/config.json",
    ),
    "OVD705": (
        "docker run openvino/model_server\nexit code 0",
        "docker run openvino/model_server --config_path /models/config.json --port 9000",
    ),
    "OVD706": (
        "a virtual machine with the processor qemu64\nexit code 132",
        "a virtual machine with the host's processor",
    ),
    "OVD707": (
        "drwx------ root root /srv/cache\nexit code 134",
        "drwxr-x--- 5000 5000 /srv/cache",
    ),
    "OVD708": (
        "cp model.bin /srv/models/m/1/   while it is served\nexit code 135",
        "cp model.bin /srv/models/m/2/",
    ),
    "OVD709": ("docker stop ovms\nexit code 143", "docker start ovms"),
    "OVD710": (
        "docker run --restart always … --rest_prot 8000\nrestarting, exit code 64",
        "docker run --restart always … --rest_port 8000",
    ),
    "OVD711": (
        "reason: Evicted\nmessage: The node was low on resource: memory.",
        "resources: {requests: {memory: 4Gi}, limits: {memory: 4Gi}}",
    ),
    "OVD712": (
        "--port 9000 --rest_port 8000\nreadinessProbe: {httpGet: {path: /v2/health/ready, port: 9000}}",
        "--port 9000 --rest_port 8000\nreadinessProbe: {httpGet: {path: /v2/health/ready, port: 8000}}",
    ),
    "OVD713": (
        "docker run -p 80:8000 …\nexit code 125: port is already allocated",
        "docker run -p 8000:8000 …",
    ),
    "OVD716": (
        "docker run -v /srv/modles:/models …\n/srv/modles/   made by the engine, empty",
        "docker run -v /srv/models:/models …",
    ),
    "OVD718": (
        "docker run -v /srv/models:/models --tmpfs /models/m … --model_path /models/m",
        "docker run -v /srv/models:/models … --model_path /models/m",
    ),
    "OVD721": ("docker run -p 9000:9000 … --rest_port 8000", "docker run -p 8000:8000 … --rest_port 8000"),
    "OVD722": ("docker run -v /srv/models:/models …", "docker run -v /srv/models:/models:z …"),
    "OVD723": (
        "uid 5000 in the container is uid 105000 on the host\ndrwx------ 5000 5000 /srv/models",
        "drwx------ 105000 105000 /srv/models",
    ),
    "OVD724": (
        "docker run --read-only … --model_path s3://bucket/m",
        "docker run --read-only --tmpfs /tmp … --model_path s3://bucket/m",
    ),
    "OVD726": ("openvino/model_server:latest   pulled two years ago", "openvino/model_server:2026.3"),
    "OVD728": (
        "docker run openvino/model_server:2026.3 … --target_device GPU",
        "docker run openvino/model_server:2026.3-gpu … --target_device GPU",
    ),
    "OVD731": (
        "docker run --device /dev/dri --user 5000 … --target_device GPU",
        "docker run --device /dev/dri --user 5000 --group-add 109 … --target_device GPU",
    ),
    "OVD732": ('"target_device": "AUTO:GPU,CPU"        no GPU', '"target_device": "CPU"'),
    "OVD733": ('"target_device": "AUTO:GPU, CPU"', '"target_device": "AUTO:GPU,CPU"'),
    "OVD734": ('{"name": "m", "base_path": "m"}', '{"name": "m", "base_path": "m", "target_device": "CPU"}'),
    "OVD741": (
        "docker run -m 512m … for 1 GB of FP32 weights",
        "docker run -m 2g …",
    ),
    "OVD742": ("docker run -m 1g … for 1 GB of FP32 weights", "docker run -m 2g …"),
    "OVD743": ("docker run -m 1g … for 700 MB of FP16 weights", "docker run -m 2g …"),
    "OVD745": (
        "docker run --cpus 2 … on 16 cores",
        "docker run --cpuset-cpus 0-1 …",
    ),
    "OVD901": ("a check that fails", "a version of ovms-doctor in which it does not"),
    "OVD902": ("--check-timeout 10", "--check-timeout 60"),
    "OVD903": ("run as a user who may not enter the directory", "run as one who may"),
    "OVD904": ("--timeout 10", "--timeout 120"),
    "OVD905": ("--load compile", "--load read"),
    "OVD906": (
        "pip install acme-checks        made for another version of what it imports",
        "pip install --upgrade acme-checks",
    ),
    "OVD907": ('yield "model is too large"', 'yield context.finding("ACME101", "model is too large")'),
    "OVD414": (
        '"monitoring": {"metrics": {"enable": true, "metrics_list": ["ovms_strems"]}}',
        '"monitoring": {"metrics": {"enable": true, "metrics_list": ["ovms_streams"]}}',
    ),
    "OVD415": ("args: []", 'args: ["--config_path", "/config.json", "--rest_port", "8000"]'),
    "OVD416": (
        "--config_path /config.json --layout NHWC:NCHW",
        '{"config": {"name": "m", "base_path": "/models/m", "layout": "NHWC:NCHW"}}',
    ),
    "OVD417": (
        '{"config": {"name": "a", "base_path": "/models/a", "plugin_config": {"FOO": "1"}}},\n'
        '{"config": {"name": "b", "base_path": "/models/b"}}',
        '{"config": {"name": "a", "base_path": "/models/a"}},\n{"config": {"name": "b", "base_path": "/models/b"}}',
    ),
    "OVD418": (
        '{"name": "m", "base_path": "/models/old", "base_path": "/models/new"}',
        '{"name": "m", "base_path": "/models/new"}',
    ),
    "OVD419": (
        '{"config": {"name": "m", "base_path": "/models/m"}, "nireq": 4}',
        '{"config": {"name": "m", "base_path": "/models/m", "nireq": 4}}',
    ),
    "OVD420": (
        '{"config": {"name": "m", "base_path": "/models/m", "custom_loader_options": {"loader_name": "l"}}}',
        '{"config": {"name": "m", "base_path": "/models/m"}}',
    ),
    "OVD441": (
        '{"name": "l", "base_path": "/lib/missing.so"}',
        '{"name": "l", "base_path": "/lib/libnode.so"}',
    ),
    "OVD442": (
        '{"name": "n", "type": "DL model", "model_name": "missing", …}',
        '{"name": "n", "type": "DL model", "model_name": "m", …}',
    ),
    "OVD443": (
        '"model_config_list": [{"config": {"name": "m", …}}],\n"mediapipe_config_list": [{"name": "m"}]',
        '"model_config_list": [{"config": {"name": "m", …}}],\n"mediapipe_config_list": [{"name": "g"}]',
    ),
    "OVD444": (
        "--model_path /models/graph --model_name g --nireq 4",
        "--model_path /models/graph --model_name g",
    ),
    "OVD445": (
        '{"config": {"name": "g", "base_path": "/models/graph", "nireq": 4}}',
        '{"config": {"name": "g", "base_path": "/models/graph"}}',
    ),
    "OVD446": ('{"config": {"name": "m"}}', '{"config": {"name": "m", "base_path": "/models/m"}}'),
    "OVD448": (
        '"mediapipe_config_list": [{"name": "g", "base_path": "/models/graph"}]\n/models/graph/   empty',
        '"mediapipe_config_list": [{"name": "g", "base_path": "/models/graph"}]\n/models/graph/graph.pbtxt',
    ),
    "OVD501": (
        "docker run -v /srv/models:/models … --cache_dir /cache",
        "docker run -v /srv/models:/models -v /srv/cache:/cache … --cache_dir /cache",
    ),
    "OVD502": ("drwx------ root root /srv\ndrwx------ 5000 5000 /srv/cache", "drwx--x--x root root /srv"),
    "OVD503": ("drwx------ root root /srv/cache", "drwxr-x--- 5000 5000 /srv/cache"),
    "OVD504": (
        "drwxr-xr-x root root /srv/cache\n-r--r----- root root /srv/cache/18163291510621031004.blob",
        "drwxr-xr-x 5000 5000 /srv/cache\n-r--r----- 5000 5000 /srv/cache/18163291510621031004.blob",
    ),
    "OVD505": ("drwxr-xr-x root root /srv/cache", "drwxr-xr-x 5000 5000 /srv/cache"),
    "OVD506": ("--cache_dir /srv/cache\n-rw-r--r-- 5000 5000 /srv/cache", "drwxr-x--- 5000 5000 /srv/cache"),
    "OVD507": (
        "docker run --tmpfs /opt/cache …",
        "docker run -v /srv/cache:/opt/cache …",
    ),
    "OVD508": ("/srv/cache      1 MB free\nm/1/model.bin   100 MB", "/srv/cache      10 GB free"),
    "OVD509": ('"shape": "auto"', '"shape": "auto", "allow_cache": true'),
    "OVD510": ('"custom_loader_options": {…}, "allow_cache": true', '"custom_loader_options": {…}'),
    "OVD511": ("/srv/cache   a quota of 0 bytes for uid 5000", "/srv/cache   a quota with room"),
    "OVD449": ('"name": "m\\u0000x"', '"name": "m"'),
    "OVD447": ('"base_path": "~/models/m"', '"base_path": "/models/m"'),
}
