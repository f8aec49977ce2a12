"""The job on Celery: jobs in RabbitMQ, records in PostgreSQL."""
import contextlib
import json
import os
import queue

import psycopg2
import urllib3
from celery import Celery

SETTING = json.loads(os.environ["PEER_SETTING"])
if SETTING["pool"] == "gevent":
    from psycogreen.gevent import patch_psycopg
    patch_psycopg()

app = Celery(broker=os.environ["PEER_AMQP"])
app.conf.update(
    task_default_queue=os.environ["PEER_RUN"],
    task_ignore_result=True,
    task_acks_late=True,  # a call is not lost with its worker, as nowhere else here
    worker_prefetch_multiplier=SETTING["prefetch_multiplier"],
    broker_pool_limit=SETTING["concurrency"],
)
sink = urllib3.PoolManager(maxsize=SETTING["concurrency"])
connections = queue.LifoQueue()


@contextlib.contextmanager
def database():
    """A cursor on a kept connection; every statement is a transaction."""
    try:
        connection = connections.get_nowait()
    except queue.Empty:
        connection = psycopg2.connect(os.environ["PEER_POSTGRES"])
        connection.autocommit = True
    with connection.cursor() as cursor:
        yield cursor
    connections.put(connection)


@app.task
def warning(village, name):
    with database() as db:
        db.execute("select id from person where village = %s", (village,))
        persons = db.fetchall()
    with app.producer_pool.acquire(block=True) as producer:
        for (person,) in persons:
            call.apply_async((f"{name}-{person}", person), producer=producer)


@app.task
def call(key, person):
    with database() as db:
        db.execute(
            "with kept as (insert into call (key, person) values (%s, %s) on conflict do nothing) "
            "select name, number from person where id = %s", (key, person, person))
        name, number = db.fetchone()
    body = {"key": key, "to": number, "text": f"{name}：暴雨红色预警，收到回复1"}
    outcome = sink.request("POST", os.environ["PEER_SINK"] + "/call", json=body).json()["results"][0]["status"]
    armed = escalate.apply_async((key,), countdown=600)
    with database() as db:
        db.execute("update call set outcome = %s, escalation = %s where key = %s", (outcome, armed.id, key))


@app.task
def escalate(key):
    with database() as db:
        db.execute("update call set outcome = 'escalated' where key = %s and answered_at is null", (key,))
