#!/usr/bin/python3
"""A bureau's client, not of this project's making but for these lines: posts a document over AMQP and
prints what comes back on the events exchange, one JSON object a line, until `until` kinds of progress
were seen or the time is over.

    bureau.py URL PREFIX FILE SECONDS KIND...
"""
import json
import sys
import time

import pika

url, prefix, file, seconds, *until = sys.argv[1:]
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
queue = channel.queue_declare("", exclusive=True).method.queue
for key in ("receipt.#", "progress.#"):
    channel.queue_bind(queue, f"{prefix}.e", key)
channel.confirm_delivery()
body = open(file, "rb").read()
properties = pika.BasicProperties(
    user_id="guest", message_id="bureau-1", content_type="application/cap+xml", delivery_mode=2)
channel.basic_publish(f"{prefix}.w", "warning.urgent.533324", body, properties, mandatory=True)
wanted, end = set(until), time.time() + float(seconds)
for method, props, data in channel.consume(queue, inactivity_timeout=0.2, auto_ack=True):
    if method is not None:
        said = {"key": method.routing_key, "correlation": props.correlation_id, "body": json.loads(data)}
        print(json.dumps(said, ensure_ascii=False), flush=True)
        wanted -= {method.routing_key.rsplit(".", 1)[-1]}
    if not wanted or time.time() > end:
        break
connection.close()
sys.exit(1 if wanted else 0)
