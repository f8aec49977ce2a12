"""A message centre on PyPI `smpp34`, another maker's codec and session. Prints its port; tells its receipts before it
answers submits. Loopback only; ends with its standard input."""

import asyncio
import socket
import sys

import smpp34


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def main() -> None:
    port, last, sessions = free_port(), 0, {}
    server = smpp34.Server(host="127.0.0.1", port=port, system_id="smpp34")
    await server.start()
    print(port, flush=True)
    while True:
        event = await server.next()
        if isinstance(event, smpp34.Esme):
            sessions[event.session_id] = event
        elif isinstance(event, smpp34.SubmitSmEvent):
            last += 1
            message_id = f"msg-{last}"
            event.accept(message_id=message_id)
            await sessions[event.session_id].deliver_sm(
                source_addr=event.destination_addr,
                destination_addr=event.source_addr,
                esm_class=0x04,
                short_message=f"id:{message_id} stat:DELIVRD".encode(),
                tlvs=[smpp34.Tlv(smpp34.TLV_RECEIPTED_MESSAGE_ID, message_id.encode() + b"\x00")],
            )


async def until_closed() -> None:
    running = asyncio.ensure_future(main())
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    running.cancel()


asyncio.run(until_closed())
