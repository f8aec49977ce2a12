"""A real Jasmin, an SMPP gateway by other makers: we are a client of its SMPP server, and it hands on what it takes to
a centre. On loopback; logs and state in a folder; ends with its standard input. Tells its port as a JSON line.

    jasmind.py FOLDER REDIS_PORT CENTRE_PORT     JIAOYING_TEST_AMQP names its RabbitMQ
"""

import json
import os
import pickle
import sys
from pathlib import Path
from urllib.parse import urlsplit

FOLDER, REDIS, CENTRE = sys.argv[1], sys.argv[2], int(sys.argv[3])
BROKER = urlsplit(os.environ["JIAOYING_TEST_AMQP"])
# Name queues of the broker: what another run left there is neither sent again nor taken for an answer.
CONNECTOR, LOOKUP = f"centre-{os.getpid()}", str(os.getpid())

# Jasmin reads keys of its configuration from variables, most of them when a module is imported.
os.environ.update(
    ROOT_PATH=FOLDER, CONFIG_PATH=FOLDER, LOG_PATH=FOLDER, STORE_PATH=FOLDER, REDIS_CLIENT_PORT=REDIS,
    # A receipt that is faster than the answer to its message is looked up again a second later.
    DLR_PID=LOOKUP, DLR_DLR_LOOKUP_RETRY_DELAY="1", DLR_DLR_LOOKUP_MAX_RETRIES="9",
    AMQP_BROKER_PORT=str(BROKER.port), AMQP_BROKER_USERNAME=BROKER.username, AMQP_BROKER_PASSWORD=BROKER.password,
)
for server in ("SMPP_SERVER", "SMPP_SERVER_PB", "CLIENT_MANAGEMENT", "ROUTER"):
    os.environ.update({f"{server}_BIND": "127.0.0.1", f"{server}_PORT": "0"})

import txamqp  # noqa: E402

# The wheel lacks this file of the source package; the library below it has the same.
os.environ["AMQP_BROKER_SPEC"] = str(Path(txamqp.__file__).parent / "specs/standard/amqp0-9-1.stripped.xml")
# Its log goes to standard output, which belongs to the test.
tells, sys.stdout = sys.stdout, sys.stderr

from jasmin.bin.jasmind import JasminDaemon, Options  # noqa: E402
from jasmin.managers.listeners import SMPPClientSMListener  # noqa: E402
from jasmin.protocols.smpp.configs import SMPPClientConfig  # noqa: E402
from jasmin.routing.jasminApi import Group, SmppClientConnector, SmppServerSystemIdConnector, User  # noqa: E402
from jasmin.routing.Routes import DefaultRoute  # noqa: E402
from twisted.internet import defer, protocol, reactor, stdio  # noqa: E402

handle_answer = SMPPClientSMListener.submit_sm_resp_event


def with_the_answer(self, transaction, message):
    """0.11.1 looks for the answer in its request, where it is not, and then sends no receipts: put it there."""
    transaction.request.response = transaction.response
    return handle_answer(self, transaction, message)


SMPPClientSMListener.submit_sm_resp_event = with_the_answer


@defer.inlineCallbacks
def start():
    options = Options()
    options.parseOptions(["--disable-http-api", "--disable-jcli", "--enable-dlr-lookup", "--enable-dlr-thrower",
                          "--enable-deliver-thrower"])
    daemon = JasminDaemon(options)
    yield daemon.start()
    router, clients = daemon.components["router-pb-factory"], daemon.components["smppcm-pb-factory"]
    group = Group("county")
    good = [
        router.perspective_group_add(pickle.dumps(group)),
        router.perspective_user_add(pickle.dumps(User("county", group, "county", "secret"))),
        router.perspective_mtroute_add(pickle.dumps(DefaultRoute(SmppClientConnector(CONNECTOR))), 0),
        router.perspective_moroute_add(pickle.dumps(DefaultRoute(SmppServerSystemIdConnector("county"))), 0),
    ]
    centre = SMPPClientConfig(
        id=CONNECTOR, port=CENTRE, username="jasmin", password="secret", submit_sm_throughput=100)
    good.append((yield clients.perspective_connector_add(pickle.dumps(centre))))
    good.append((yield clients.perspective_connector_start(CONNECTOR)))
    assert all(good), good
    print(json.dumps({"port": daemon.components["smpp-server"].getHost().port}), file=tells, flush=True)


class Orders(protocol.Protocol):
    def connectionLost(self, reason=protocol.connectionDone):
        if reactor.running:
            reactor.stop()


def failed(reason):
    print(reason.getTraceback(), file=sys.stderr)
    os._exit(1)


stdio.StandardIO(Orders())
reactor.callWhenRunning(lambda: start().addErrback(failed))
reactor.run()
