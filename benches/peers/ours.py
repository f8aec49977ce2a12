"""Ours: the program, with the same persons in its directory and the same sink as its gateway."""
import csv
import datetime
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import kombu

import store
from child import WAIT_S, Child, request

HERE = Path(__file__).parent
SECRET = "secret of the common sink"
SETTINGS = {
    "ours": [
        {"batch_max": 50, "manual": "docs/GATEWAY-HTTP.md (its example)"},
        {"batch_max": 200, "manual": "docs/GATEWAY-HTTP.md (up to 1000)"},
        {"batch_max": 500, "manual": "docs/GATEWAY-HTTP.md (up to 1000)"},
    ],
    # As the peers call: not how a carrier is used, but what batches do not explain.
    "ours, one call a request": [{"batch_max": 1, "manual": "docs/GATEWAY-HTTP.md (from 1)"}],
}

CONFIG = """
[store]
url = "{postgres}"
[keys]
master = "{master}"
[http]
internal = "127.0.0.1:{internal}"
public = "127.0.0.1:{public}"
[amqp]
enabled = true
url = "{amqp}"
exchange = "{run}.warnings"
urgent_queue = "{run}.urgent"
normal_queue = "{run}.normal"
parking_queue = "{run}.parking"
events_exchange = "{run}.events"
[[sender]]
name = "bureau"
account = "guest"
[[gateway]]
id = "sink"
kind = "http"
channels = ["sms"]
url = "{sink}/"
secret = "{secret}"
rate_per_s = 100000
burst = 10000
window = 1000
batch_max = {batch_max}
[plans]
dir = "{folder}/plans"
[log]
level = "warn"
"""


class Ours:
    """The program, running on a store of its own."""

    def __init__(self, setting, run, sink, persons, state):
        folder = Path(state) / run
        (folder / "plans").mkdir(parents=True)
        (folder / "plans/peers.toml").write_bytes((HERE / "ours-plan.toml").read_bytes())
        sheets(folder / "sheets", persons)
        internal, public = free_port(), free_port()
        config = folder / "jiaoying.toml"
        config.write_text(CONFIG.format(
            postgres=store.create(run), master="24" * 32, internal=internal, public=public, run=run, sink=sink,
            amqp=os.environ["JIAOYING_TEST_AMQP"], secret=SECRET, folder=folder, batch_max=setting["batch_max"]))
        program = [os.environ["JIAOYING_BIN"], "--config", str(config)]
        subprocess.run([*program, "import", str(folder / "sheets")], check=True, capture_output=True)
        self.internal, self.exchange = f"http://127.0.0.1:{internal}", f"{run}.warnings"
        self.answers = {"url": f"http://127.0.0.1:{public}/callbacks/sink", "secret": SECRET}
        self.child = Child([*program, "serve"], f"{state}/{run}.log")
        self.wait_ready()
        self.broker = kombu.Connection(os.environ["JIAOYING_TEST_AMQP"])
        self.producer = self.broker.Producer()

    def wait_ready(self):
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            try:
                return request(f"{self.internal}/readyz")
            except (urllib.error.URLError, ConnectionError, json.JSONDecodeError):
                time.sleep(0.02)
        raise RuntimeError(f"not ready: {open(self.child.log).read()[-2000:]}")

    def publish(self, village, warning):
        """Publishes the warning; the moment before, in monotonic nanoseconds."""
        body = message(village, warning)
        t0 = time.monotonic_ns()
        self.producer.publish(
            body, "warning.urgent.bench", exchange=self.exchange, content_type="application/json",
            content_encoding="utf-8", user_id="guest", delivery_mode=2)
        return t0

    def state(self):
        """As Peer.state: facts of calls from the metrics, answers and what is still open from the callouts."""
        callouts = request(f"{self.internal}/api/v1/callouts")["callouts"]
        return {
            "recorded": self.counter('jiaoying_attempt_facts_total{channel="sms",fact="submitted"'),
            "answered": sum(c["totals"]["satisfied"] for c in callouts),
            "armed": sum(c["totals"]["calling"] for c in callouts),
        }

    def counter(self, name):
        with urllib.request.urlopen(f"{self.internal}/metrics", timeout=WAIT_S) as answer:
            lines = answer.read().decode().splitlines()
        return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def stop(self):
        self.broker.release()
        self.child.stop()


def message(village, warning):
    """The warning in the form of docs/message.schema.json."""
    sent = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8)))
    words = {"language": "zh-CN", "headline": "虚构气象台发布暴雨红色预警", "description": "测量", "instruction": "立即到岗。"}
    return json.dumps({
        "sender": "bureau", "identifier": warning, "sent": sent.isoformat(timespec="milliseconds"),
        "status": "actual", "kind": "alert", "references": [], "hazard": "暴雨", "colour": "red",
        "expires": (sent + datetime.timedelta(hours=1)).isoformat(timespec="milliseconds"),
        "wording": [words], "areas": [{"name": "村", "codes": [village]}]})


def sheets(folder, persons):
    """The directory as CSV: a grid for each person."""
    folder.mkdir()

    def write(name, head, rows):
        with open(folder / name, "w", newline="") as file:
            csv.writer(file).writerows([head, *rows])

    everybody = [(village, *person) for village, people in persons.items() for person in people]
    write("regions.csv", ("code", "name"), [(village, f"测量村{i}") for i, village in enumerate(persons)])
    write("targets.csv", ("编号", "名称", "类型", "区划代码", "户数", "人数", "特殊人群", "风险", "纬度", "经度"),
          [(f"G{id:06}", f"第{id}网格", "网格", village, 20, 70, 3, 3, "", "") for village, id, _, _ in everybody])
    write("responsible.csv", ("岗位", "地点", "姓名", "电话", "渠道"),
          [("网格员", f"G{id:06}", name, number, "短信") for _, id, name, number in everybody] +
          [("village", village, f"村{i}", f"+86198{i:08}", "短信") for i, village in enumerate(persons)])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
