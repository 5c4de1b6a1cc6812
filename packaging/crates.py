#!/usr/bin/env python3
"""What the program is made of: `crates.py licences` and `crates.py sbom VERSION`, from `cargo metadata`.

Both list what is compiled in for Linux, without what only tests and builds need, in an order that depends on nothing
else.
"""

import json
import os
import pathlib
import subprocess
import sys
import uuid

TARGET = "x86_64-unknown-linux-musl"


def crates():
    """The crates of the program, by name and version, and whether each has licence texts."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET]
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    packages = {package["id"]: package for package in told["packages"]}
    nodes = {node["id"]: node for node in told["resolve"]["nodes"]}
    root = told["resolve"]["root"]
    wanted, found = [root], set()
    while wanted:
        one = wanted.pop()
        if one in found:
            continue
        found.add(one)
        for dependency in nodes[one]["deps"]:
            # `null` is a dependency of the program itself; "dev" and "build" are not in it.
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                wanted.append(dependency["pkg"])
    found.discard(root)
    listed = [packages[one] for one in found]
    return sorted(listed, key=lambda it: (it["name"], it["version"]))


def texts(package):
    """The licence files of a crate, and of the C sources that it brings."""
    folder = pathlib.Path(package["manifest_path"]).parent
    names = ("license", "licence", "copying", "unlicense", "notice", "copyright")
    files = sorted(path for path in [*folder.iterdir(), *folder.glob("c_src/**/*")] if path.is_file())
    files = [path for path in files if path.name.lower().startswith(names) and path.suffix != ".rs"]
    return [path.read_text(encoding="utf-8", errors="replace").strip() for path in files]


def licences():
    """Every crate with its licence, and below them each text once."""
    by_text = {}
    print("kubegrant is made of these crates besides its own source.\n")
    for package in crates():
        name = f"{package['name']} {package['version']}"
        said = package["license"] or "see its file"
        print(f"{name}: {said}")
        for text in dict.fromkeys(texts(package)):
            by_text.setdefault(text, []).append(name)
    for text, names in sorted(by_text.items(), key=lambda it: it[1]):
        print("\n" + "=" * 78)
        print(", ".join(names))
        print("-" * 78)
        print(text)


def sbom(version):
    """CycloneDX 1.5."""
    components = []
    for package in crates():
        component = {
            "type": "library",
            "bom-ref": f"pkg:cargo/{package['name']}@{package['version']}",
            "name": package["name"],
            "version": package["version"],
            "purl": f"pkg:cargo/{package['name']}@{package['version']}",
        }
        if package["license"]:
            component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        components.append(component)
    told = json.dumps(components, sort_keys=True)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, version + told)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": f"pkg:cargo/kubegrant@{version}",
                "name": "kubegrant",
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
            },
        },
        "components": components,
    }
    print(json.dumps(document, indent=2))


def main():
    match sys.argv[1:]:
        case ["licences"]:
            licences()
        case ["sbom", version]:
            sbom(version)
        case _:
            sys.exit("usage: crates.py licences | crates.py sbom VERSION")


if __name__ == "__main__":
    os.chdir(pathlib.Path(__file__).resolve().parent.parent)
    main()
