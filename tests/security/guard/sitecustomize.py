"""Python reads this by itself at its start when this folder is on PYTHONPATH, in child processes too.

Notes and refuses every address that a process looks up or connects to, unless it is this machine. Python's
own audit events tell of all sockets that Python code opens, whatever library is above them. The
command lines of child processes are noted, too.
"""

import ipaddress
import os
import sys
import traceback

_LOG = os.environ["FER_NETWORK_LOG"]
_LOCAL_NAMES = {"", "localhost", "ip6-localhost", "0.0.0.0", "::"}
_LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")


def _is_local(host):
    host = host.decode() if isinstance(host, bytes) else host
    if host is None or host in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse(event, host):
    with open(_LOG, "a", encoding="utf-8") as log:  # noqa: PTH123 - pathlib is slow to import at every start
        stack = "".join(traceback.format_stack(limit=14))
        log.write(f"{event} {host!r} by {sys.argv[:3]}\n{stack}\n")
    raise OSError(f"the test's guard refuses {event} to {host!r}")


def _watch(event, arguments):
    if event == "subprocess.Popen":
        with open(_LOG + ".children", "a", encoding="utf-8") as log:  # noqa: PTH123
            log.write(f"{arguments[1]}\n")
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        # A text or bytes is the path of a Unix socket; None means the peer of a connected one.
        if isinstance(address, tuple) and not _is_local(address[0]):
            _refuse(event, address[0])
    elif event in _LOOKUPS and not _is_local(arguments[0]):
        _refuse(event, arguments[0])


sys.addaudithook(_watch)
