"""Judges of other makers, for tests: what they read in a document, or find wrong with it.

    foreign.py cap FILE...             reads CAP with capparser; prints one JSON list
    foreign.py schema SCHEMA DOCUMENT...  checks JSON with jsonschema; prints each fault, fails if any
    foreign.py cmpp2 PORT ACCOUNT SECRET TEXT...  signs in to a CMPP gateway with pycmpp (2.1), submits the texts,
                                       tests the line and signs off; prints what it was answered
    foreign.py cmpp3 PORT ACCOUNT SECRET TEXT  signs in, submits and signs off with cmppy (3.0); prints the answer

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


def drive_cmpp2(port, account, secret, texts):
    import hashlib
    import socket

    from pycmpp import request, response
    from pycmpp.cmpp import Cmpp

    client = Cmpp("127.0.0.1", int(port), account, secret, "10690123", delivery=1, client_heartbeat=False)
    client.so.settimeout(20)

    def read():
        header = client.so.recv(12, socket.MSG_WAITALL)
        return header + client.so.recv(int.from_bytes(header[:4], "big") - 12, socket.MSG_WAITALL)

    def submitted():
        answer = response.SubmitResponseInstance()
        answer.resolve(read())
        return [answer.msg_id, answer.status]

    client.connect()
    sign_in = request.ConnectRequestInstance()
    client.send(sign_in.create(account, secret))
    signed_in = response.ConnectResponseInstance()
    signed_in.resolve(read())
    proof = hashlib.md5(bytes([signed_in.status]) + sign_in.auth_source + secret.encode()).digest()
    told = {"status": signed_in.status, "proved": signed_in.authenticator_ISMG == proof, "version": signed_in.version}
    answers = []
    for text in texts:
        client.submit(text, ["13800138000"])
        # pycmpp sends a text of 70 characters and more in parts of 64.
        answers += [submitted() for _ in range(1 if len(text) < 70 else -(-len(text) // 64))]
    client.send(request.ActiveTestRequestInstance().create())
    tested = int.from_bytes(read()[4:8], "big") == response.CMPP_ACTIVE_TEST_RESP
    client.disconnect()
    return told | {"submitted": answers, "tested": tested}


def drive_cmpp3(port, account, secret, text):
    import contextlib

    from cmppy import Cmppy, SubmitReq

    # cmppy writes what it sends and reads to its output.
    with contextlib.redirect_stdout(sys.stderr):
        submit = SubmitReq(account, text, src_id="10690123", dest_terminal_id=["13800138000"], service_id="jy",
                           feecode="000000")
        answer = Cmppy("127.0.0.1", int(port), account, secret).request(submit)
    return {"submitted": [[answer.msg_id, answer.result]]}


task, *rest = sys.argv[1:]
if task == "cap":
    print(json.dumps([read_cap(path) for path in rest], ensure_ascii=False))
elif task == "schema":
    sys.exit(check_schema(rest[0], rest[1:]))
elif task == "cmpp2":
    print(json.dumps(drive_cmpp2(*rest[:3], rest[3:])))
elif task == "cmpp3":
    print(json.dumps(drive_cmpp3(*rest)))
else:
    sys.exit(__doc__)
