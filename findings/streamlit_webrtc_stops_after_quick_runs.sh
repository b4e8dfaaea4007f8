#!/usr/bin/env bash
# Surprise: streamlit-webrtc stops a camera that plays when changes follow each other quickly, though every run of the script
#   draws it. It takes a component that two complete runs left out for one that the user came back to from another page, and
#   reads the number of runs from Streamlit's session. Streamlit counts a run when it sends the message that it has ended, on
#   its event loop; the next run can have begun by then. That run sees the old number, and the one after it a number higher by two.
# Guess before running: the number of complete runs rises by at most one between two runs that both draw the component.
# Versions: streamlit 1.67.0 (runtime/runtime.py), streamlit-webrtc 0.79.0 (component.py), websockets 16.0 as the browser.
# Seen: "runs that drew the component: 97; taken for a return from another page: 1" (it stops at the first).
set -euo pipefail
folder=$(mktemp -d); server=""
trap '[ -z "$server" ] || kill "$server" 2> /dev/null || true; rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv env
env/bin/pip install --quiet streamlit==1.67.0 streamlit-webrtc==0.79.0 websockets==16.0
cat > page.py <<'PYTHON'
import logging

import streamlit as st
from streamlit_webrtc import webrtc_streamer


class Told(logging.Handler):
    def emit(self, record):
        if "was not rendered" in record.getMessage():
            print("taken for a return", flush=True)


logger = logging.getLogger("streamlit_webrtc.component")
logger.setLevel(logging.DEBUG)
logger.handlers = [Told()]
logger.propagate = False
webrtc_streamer(key="camera", rtc_configuration={"iceServers": []})
for number in range(20):
    st.write(number)
print("drawn", flush=True)
PYTHON
cat > browser.py <<'PYTHON'
import asyncio
import random
import sys
from pathlib import Path

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg


async def read(socket):
    async for _ in socket:
        pass


async def main():
    address = f"ws://localhost:{sys.argv[1]}/_stcore/stream"
    async with websockets.connect(address, subprotocols=["streamlit"], max_size=None, ping_interval=None) as socket:
        reader = asyncio.create_task(read(socket))
        for _ in range(2000):
            if "taken for a return" in Path("log").read_text():
                break
            request = BackMsg()
            request.rerun_script.query_string = ""
            await socket.send(request.SerializeToString())
            await asyncio.sleep(random.uniform(0.02, 0.25))
        reader.cancel()


asyncio.run(main())
PYTHON
port=$(env/bin/python -c 'import socket; s = socket.socket(); s.bind(("localhost", 0)); print(s.getsockname()[1])')
env/bin/streamlit run page.py --server.port "$port" --server.address localhost --server.headless true \
  --browser.gatherUsageStats false --server.fileWatcherType none > log 2>&1 & server=$!
until env/bin/python -c "import urllib.request as u; u.urlopen('http://localhost:$port/_stcore/health')" 2> /dev/null; do sleep 1; done
env/bin/python browser.py "$port"
drawn=$(grep -c '^drawn' log); returns=$(grep -c '^taken for a return' log || true)
echo "runs that drew the component: $drawn; taken for a return from another page: $returns"
[ "$returns" -gt 0 ]
