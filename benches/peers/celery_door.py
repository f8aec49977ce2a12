"""The HTTP door of the job on Celery; door.js tells what it takes."""
from gevent import monkey
monkey.patch_all()

import json
import time

from gevent.pywsgi import WSGIServer

from celery_job import app, database, warning


def publish(body):
    t0 = time.monotonic_ns()
    warning.delay(body["village"], body["warning"])
    return {"t0_ns": str(t0)}


def answer(body):
    with database() as db:
        db.execute("update call set answered_at = now() where key = %s returning escalation", (body["key"],))
        (task,) = db.fetchone()
    app.control.revoke(task)
    return {}


def state(_):
    with database() as db:
        db.execute(
            "select count(outcome), count(answered_at), "
            "count(*) filter (where escalation is not null and answered_at is null) from call")
        return dict(zip(("recorded", "answered", "armed"), db.fetchone()))


def door(environ, start):
    body = environ["wsgi.input"].read()
    handler = {"/publish": publish, "/answer": answer, "/state": state}[environ["PATH_INFO"]]
    text = json.dumps(handler(json.loads(body) if body else {})).encode()
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
    return [text]


server = WSGIServer(("127.0.0.1", 0), door, log=None)
server.start()
print(f"ready http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
