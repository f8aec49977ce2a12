"""Child processes in groups of their own, and JSON over HTTP."""
import atexit
import json
import os
import signal
import subprocess
import urllib.request

WAIT_S = 60


def request(url, body=None):
    """POST with a body, else GET; the answer's JSON."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=WAIT_S) as answer:
        return json.load(answer)


class Child:
    """A program and whatever it starts; what it says on standard error goes to a log."""

    def __init__(self, command, log, env=None, cwd=None):
        self.log = log
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=open(log, "ab"), env={**os.environ, **(env or {})},
            cwd=cwd, text=True, start_new_session=True)
        atexit.register(self.stop)

    def ready(self):
        """The address in its line "ready ADDRESS"."""
        for line in self.process.stdout:
            if line.startswith("ready "):
                return line.split()[1]
        raise RuntimeError(f"{self.process.args} did not start: {open(self.log).read()[-2000:]}")

    def stop(self):
        """Ends the whole group, once."""
        atexit.unregister(self.stop)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdout.close()
