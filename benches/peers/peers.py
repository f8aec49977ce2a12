"""The peers: three settings of each, and how one is started, asked and stopped."""
import json
import os
import sys
from pathlib import Path

import psycopg2

import store
from child import Child, request

HERE = Path(__file__).parent

# Three settings of each; the best counts.
SETTINGS = {
    "celery": [
        {"pool": "prefork", "concurrency": 8, "prefetch_multiplier": 64, "processes": 1,
         "manual": "Celery User Guide, Optimizing: Prefetch Limits (64 or 128 for many short tasks)"},
        {"pool": "gevent", "concurrency": 100, "prefetch_multiplier": 4, "processes": 2,
         "manual": "Celery User Guide, Concurrency: gevent; a worker per core"},
        {"pool": "gevent", "concurrency": 30, "prefetch_multiplier": 4, "processes": 2,
         "manual": "Celery User Guide, Concurrency: gevent; Workers: experiment with the number"},
    ],
    "graphile": [
        {"processes": 1, "concurrency": 24,
         "worker": {"concurrentJobs": 24, "maxPoolSize": 25},
         "manual": "graphile-worker, Performance: Quick stats (24 jobs, 25 connections), without batching"},
        {"processes": 1, "concurrency": 24,
         "worker": {"concurrentJobs": 24, "maxPoolSize": 25, "localQueue": {"size": 500},
                    "completeJobBatchDelay": 0, "failJobBatchDelay": 0},
         "manual": "graphile-worker, Performance: Quick stats, with its batching options"},
        {"processes": 2, "concurrency": 24,
         "worker": {"concurrentJobs": 24, "maxPoolSize": 25, "localQueue": {"size": 25},
                    "completeJobBatchDelay": 0, "failJobBatchDelay": 0},
         "manual": "graphile-worker, Performance: Horizontal scaling; local queue of concurrency + 1"},
    ],
    "bullmq": [
        {"processes": 1, "concurrency": 50, "appendfsync": "always",
         "manual": "BullMQ, Workers: Concurrency (its example's factor of 50)"},
        {"processes": 1, "concurrency": 100, "appendfsync": "always",
         "manual": "BullMQ, Parallelism and concurrency (100 to 300 for jobs that do IO)"},
        {"processes": 2, "concurrency": 50, "appendfsync": "always",
         "manual": "BullMQ, Workers: Concurrency (multiple workers)"},
    ],
}
# Measured beside them and not counted: what the manual advises, and loses up to a second of calls.
ASIDE = {
    "bullmq, fsync each second": [
        {"processes": 1, "concurrency": 100, "appendfsync": "everysec",
         "manual": "BullMQ, Going to production: Persistence (AOF each second)"},
    ],
}


class Peer:
    """One of the peers with one of its settings, running on stores of its own."""

    def __init__(self, name, setting, run, sink, persons, state):
        env = {
            "PEER_SETTING": json.dumps(setting), "PEER_RUN": run, "PEER_SINK": sink,
            "PEER_POSTGRES": seeded(run, persons) if name != "bullmq" else "",
            "PEER_AMQP": os.environ["JIAOYING_TEST_AMQP"].replace("/%2f", "//"),
            "PEER_REDIS": os.environ["PEERS_REDIS"], "PEER_PERSONS": json.dumps(persons),
        }
        log = f"{state}/{run}.log"
        self.children = []
        if name == "celery":
            for i in range(setting["processes"]):
                self.children.append(Child(celery(setting, f"{run}-{i}"), log, env, HERE))
            door = Child([sys.executable, "celery_door.py"], log, env, HERE)
        else:
            door = Child(["node", str(HERE / f"{name}.js")], log, env)
        self.children.append(door)
        self.door = door.ready()
        self.answers = {"url": f"{self.door}/answer"}

    def publish(self, village, warning):
        """Publishes the warning; the moment before, in monotonic nanoseconds."""
        return int(request(f"{self.door}/publish", {"village": village, "warning": warning})["t0_ns"])

    def state(self):
        """How many calls have a recorded outcome, an answer, and an escalation still armed."""
        return request(f"{self.door}/state")

    def stop(self):
        for child in self.children:
            child.stop()


def celery(setting, name):
    """A worker without what only serves the watching of many."""
    return [sys.executable, "-m", "celery", "-A", "celery_job", "worker", "-n", name, "-P", setting["pool"],
            "-c", str(setting["concurrency"]), "--without-gossip", "--without-mingle", "--without-heartbeat",
            "-l", "WARNING"]


def seeded(run, persons):
    """The URL of a database with the tables and the persons."""
    url = store.create(run)
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as db:
        db.execute((HERE / "schema.sql").read_text())
        for village, people in persons.items():
            db.executemany("insert into person values (%s, %s, %s, %s)",
                           [(id, village, name, number) for id, name, number in people])
    connection.close()
    return url
