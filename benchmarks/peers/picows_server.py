"""picows, a WebSocket server in Cython, on uvloop: `... picows_server PORT`."""

import sys
from collections import defaultdict

import uvloop
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from benchmarks.peers.conversation import answer

followers: defaultdict[str, dict[WSTransport, None]] = defaultdict(dict)


class Client(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close()
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            text = frame.get_payload_as_utf8_text()
            if reply := answer(text, follow=self.follow, tell=self.tell):
                transport.send(WSMsgType.TEXT, reply.encode())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        for some in followers.values():
            some.pop(transport, None)

    def follow(self, topic: str) -> None:
        followers[topic][self.transport] = None

    def tell(self, topic: str, text: str, also_itself: bool) -> None:
        message = text.encode()
        for transport in followers[topic]:
            if also_itself or transport is not self.transport:
                transport.send(WSMsgType.TEXT, message)


def upgraded(request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
    protocol = {"Sec-WebSocket-Protocol": "bos-v1"}
    response = WSUpgradeResponse.create_101_response(protocol)
    return WSUpgradeResponseWithListener(response, Client())


async def main() -> None:
    port = int(sys.argv[1])
    server = await ws_create_server(upgraded, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
