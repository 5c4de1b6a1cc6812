#!/usr/bin/env python3
"""Makes an OCI image layout of one layer: `image.py LAYER.tar.gz OUT VERSION`. Its bytes depend on nothing else."""

import gzip
import hashlib
import json
import pathlib
import sys


def main():
    layer_file, out, version = sys.argv[1:]
    out = pathlib.Path(out)
    blobs = out / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def put(kind, data):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

    def as_json(value):
        return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()

    packed = pathlib.Path(layer_file).read_bytes()
    layer = put("application/vnd.oci.image.layer.v1.tar+gzip", packed)
    plain = hashlib.sha256(gzip.decompress(packed)).hexdigest()
    config = {
        "architecture": "amd64",
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
    config = put("application/vnd.oci.image.config.v1+json", as_json(config))
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}
    manifest = put(kind, as_json(manifest))
    manifest["annotations"] = {"org.opencontainers.image.ref.name": version}
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest],
    }
    (out / "index.json").write_bytes(as_json(index))
    (out / "oci-layout").write_bytes(as_json({"imageLayoutVersion": "1.0.0"}))


main()
