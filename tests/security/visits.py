"""Opening pages of a served dashboard as a browser does, without a browser."""

from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect


def visit(address: str, *, page: str = "", query: str = "") -> list[ForwardMsg]:
    """Open a session, let the script of a page run once, and return what the server sent."""
    place = urlsplit(address)
    answers = []
    with connect(
        f"ws://{place.netloc}/_stcore/stream",
        origin=address,
        subprotocols=["streamlit"],
        proxy=None,
        max_size=None,
    ) as socket:
        message = BackMsg()
        message.rerun_script.query_string = query
        message.rerun_script.page_name = page
        socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(socket.recv(timeout=120))
            answers.append(answer)
            if answer.WhichOneof("type") == "script_finished":
                return answers
