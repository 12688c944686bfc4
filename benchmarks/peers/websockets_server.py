"""websockets' asyncio server and its `broadcast()`, on uvloop: `... websockets_server PORT`."""

import sys
from collections import defaultdict

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.typing import Subprotocol

from benchmarks.peers.conversation import answer

followers: defaultdict[str, set[ServerConnection]] = defaultdict(set)


async def converse(socket: ServerConnection) -> None:
    def follow(topic: str) -> None:
        followers[topic].add(socket)

    def tell(topic: str, text: str, also_itself: bool) -> None:
        some = followers[topic]
        broadcast(some if also_itself else some - {socket}, text)

    try:
        async for message in socket:
            if reply := answer(str(message), follow=follow, tell=tell):
                await socket.send(reply)
    finally:
        for some in followers.values():
            some.discard(socket)


async def main() -> None:
    protocols = [Subprotocol("bos-v1")]
    async with serve(
        converse,
        "127.0.0.1",
        int(sys.argv[1]),
        subprotocols=protocols,
        compression=None,
        ping_interval=None,
        backlog=4096,
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
