"""usage: schemas.py SWAGGER DIRECTORY

JSON schemas for kubeconform, strict, from Kubernetes' own OpenAPI document
(api/openapi-spec/swagger.json of its source): one file for each kind of object,
NAME-GROUP-VERSION.json, over one file of definitions. No registry has them
ready.
"""
import json
import pathlib
import sys

DEFINITIONS = "_definitions.json"
# Types that the document calls strings, and that take more.
LOOSE = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": ["string", "integer"],
    "io.k8s.apimachinery.pkg.api.resource.Quantity": ["string", "number"],
}


def refer(value):
    """The same, with references into the file of definitions."""
    if isinstance(value, list):
        return [refer(each) for each in value]
    if not isinstance(value, dict):
        return value
    # A property may be called $ref, too: its value is no string.
    return {key: each.replace("#/definitions/", f"{DEFINITIONS}#/definitions/")
            if key == "$ref" and isinstance(each, str) else refer(each)
            for key, each in value.items()}


def strict(definitions):
    for name, definition in definitions.items():
        if "properties" in definition:
            definition.setdefault("additionalProperties", False)
        if name in LOOSE:
            del definition["type"]
            definition["oneOf"] = [{"type": kind} for kind in LOOSE[name]]
            definition.pop("format", None)
    return refer(definitions)


def file_name(kind):
    group = kind["group"].split(".")[0]
    parts = [kind["kind"], *([group] if group else []), kind["version"]]
    return "-".join(parts).lower() + ".json"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    document = json.loads(pathlib.Path(sys.argv[1]).read_text())
    directory = pathlib.Path(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)
    definitions = strict(document["definitions"])
    (directory / DEFINITIONS).write_text(
        json.dumps({"definitions": definitions}))
    count = 0
    for definition in definitions.values():
        for kind in definition.get("x-kubernetes-group-version-kind", []):
            if not kind["kind"]:
                continue
            (directory / file_name(kind)).write_text(json.dumps(definition))
            count += 1
    print(f"{count} kinds in {directory}", file=sys.stderr)


if __name__ == "__main__":
    main()
