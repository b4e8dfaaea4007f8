#!/usr/bin/env bash
# Surprise: a WebSocket handshake that the application refuses in words (ASGI's extension websocket.http.response) reaches the
#   client as told, status and body, and uvicorn writes "ASGI callable returned without completing handshake." as an error.
# Guess before running: the client gets status and body, and nothing is logged; the extension is in the scope.
# Versions: uvicorn 0.54.0, websockets 17.4. Source: websockets_sansio_impl.py, handshake_complete is set by a plain close only.
# Seen: "client: 429 b'later'; log: 1 error"
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet uvicorn==0.54.0 websockets==17.4
env/bin/python - <<'PYTHON'
import asyncio
import logging
import socket

import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

records = []


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        assert "websocket.http.response" in scope["extensions"]
        await receive()
        await send({"type": "websocket.http.response.start", "status": 429, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"later"})


async def main():
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    handler = logging.Handler(logging.ERROR)
    handler.emit = records.append
    logging.getLogger("uvicorn.error").addHandler(handler)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with connect(f"ws://127.0.0.1:{listener.getsockname()[1]}"):
            raise AssertionError("accepted")
    except InvalidStatus as error:
        answer = error.response
    server.should_exit = True
    await task
    errors = [record for record in records if "without completing handshake" in record.getMessage()]
    print(f"client: {answer.status_code} {bytes(answer.body)}; log: {len(errors)} error")
    assert (answer.status_code, bytes(answer.body), len(errors)) == (429, b"later", 1)


asyncio.run(main())
PYTHON
