"""Keeps the server from asking strangers on its own."""

from streamlit import net_util


def stay_quiet() -> None:
    """Keep Streamlit from asking for this machine's public address.

    When a page of another site tries to connect, Streamlit compares its origin with all names that this
    machine may have, and asks checkip.amazonaws.com for one of them. So any site could make the dashboard
    contact somebody. There is no setting for it. Nothing is lost: who serves the dashboard under a public
    name lists it in `server.allowedHosts`.
    """
    net_util.get_external_ip = _know_no_address
    # This one sends nothing, but goes through a socket that is connected to an address of Google.
    net_util.get_internal_ip = _know_no_address


def _know_no_address() -> None:
    return None
