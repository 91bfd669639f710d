"""picows with an echo and a room: the floor of bench/websocket.py that is called from Python.

    python websocket_picows.py PORT
"""

import asyncio
import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

members: list[WSTransport] = []


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()


class Room(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        members.append(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        members.remove(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            message = frame.get_payload_as_bytes()
            for member in members:
                member.send(WSMsgType.TEXT, message)


def listener(request: WSUpgradeRequest) -> WSListener:
    return Room() if request.path == b"/room" else Echo()


async def main() -> None:
    server = await ws_create_server(listener, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


uvloop.run(main())
