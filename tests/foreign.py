"""Judges of other makers, for tests: what they read in a document, or find wrong with it.

    foreign.py cap FILE...             reads CAP with capparser; prints one JSON list
    foreign.py schema SCHEMA DOCUMENT...  checks JSON with jsonschema; prints each fault, fails if any

Needs the packages that tests/services.sh installs into a private folder.
"""
import json
import sys


def read_cap(path):
    import capparser

    def value(thing, name):
        found = getattr(thing, name)[0]
        return getattr(found, "name", found)

    def values(thing, name):
        # capparser keeps a lone child as itself and several as a list.
        found = value(thing, name)
        return found if isinstance(found, list) else [] if found is None else [found]

    def area(it):
        return {
            "codes": [value(code, "value") for code in values(it, "geocode")],
            "polygons": [[point(pair) for pair in ring.split()] for ring in values(it, "polygon")],
            "circles": [circle(text) for text in values(it, "circle")],
        }

    def info(it):
        told = {name: value(it, name) for name in ("event", "severity", "effective", "onset", "expires", "headline")}
        return told | {"areas": [area(each) for each in values(it, "area")]}

    alert = capparser.parse(filePath=path)
    told = {name: value(alert, name) for name in ("identifier", "sender", "sent", "status", "msgType")}
    references = [triple.split(",")[1] for triple in (value(alert, "references") or "").split()]
    return told | {"references": references, "infos": [info(each) for each in values(alert, "info")]}


def point(pair):
    lat, lon = pair.split(",")
    return [float(lat), float(lon)]


def circle(text):
    centre, radius = text.split()
    return [*point(centre), float(radius)]


def check_schema(schema, paths):
    import jsonschema

    schema = json.load(open(schema, encoding="utf-8"))
    schema.pop("$id")  # jsonschema would look for its own parts at that address
    judge = jsonschema.Draft202012Validator(schema)
    judge.check_schema(judge.schema)
    faults = [f"{path}: {fault.json_path}: {fault.message}"
              for path in paths for fault in judge.iter_errors(json.load(open(path, encoding="utf-8")))]
    print("\n".join(faults))
    return 1 if faults else 0


task, *rest = sys.argv[1:]
if task == "cap":
    print(json.dumps([read_cap(path) for path in rest], ensure_ascii=False))
elif task == "schema":
    sys.exit(check_schema(rest[0], rest[1:]))
else:
    sys.exit(__doc__)
