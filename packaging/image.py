#!/usr/bin/env python3
"""Makes an OCI image layout: `image.py OUT VERSION ARCHITECTURE=LAYER.tar.gz...`. Its bytes depend on nothing else.

One image of one layer for each machine; where there are several, an index stands before them.
"""

import gzip
import hashlib
import json
import pathlib
import sys

MEDIA = "application/vnd.oci.image"
REF_NAME = "org.opencontainers.image.ref.name"


def as_json(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def main():
    out, version, *layers = sys.argv[1:]
    out = pathlib.Path(out)
    blobs = out / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(kind, data):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": f"{MEDIA}.{kind}", "digest": f"sha256:{digest}", "size": len(data)}

    def put_manifest(architecture, layer_file):
        packed = pathlib.Path(layer_file).read_bytes()
        layer = put("layer.v1.tar+gzip", packed)
        plain = hashlib.sha256(gzip.decompress(packed)).hexdigest()
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {
                "User": "65532:65532",
                "Entrypoint": ["/kubegrant"],
                "WorkingDir": "/",
                "Labels": {
                    "org.opencontainers.image.title": "kubegrant",
                    "org.opencontainers.image.version": version,
                    "org.opencontainers.image.licenses": "Apache-2.0",
                },
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{plain}"]},
        }
        config = put("config.v1+json", as_json(config))
        kind = "manifest.v1+json"
        manifest = {"schemaVersion": 2, "mediaType": f"{MEDIA}.{kind}", "config": config, "layers": [layer]}
        return put(kind, as_json(manifest)) | {"platform": {"architecture": architecture, "os": "linux"}}

    def index(manifests):
        return as_json({"schemaVersion": 2, "mediaType": f"{MEDIA}.index.v1+json", "manifests": manifests})

    manifests = [put_manifest(*layer.split("=", 1)) for layer in layers]
    top = manifests[0] if len(manifests) == 1 else put("index.v1+json", index(manifests))
    top["annotations"] = {REF_NAME: version}
    (out / "index.json").write_bytes(index([top]))
    (out / "oci-layout").write_bytes(as_json({"imageLayoutVersion": "1.0.0"}))


main()
