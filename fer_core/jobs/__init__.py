"""Training runs as detached processes: start, queue, stop, resume, delete. No torch in here.

A run belongs to its own process session, so it outlives the page, the browser and the server that
started it. Pages and commands only ever read its folder and send it signals.
"""

from fer_core.jobs.control import (
    clone_config,
    delete_run,
    discard_unbegun_run,
    enqueue_run,
    requeue_run,
    resume_run,
    stop_run,
    submit_run,
)
from fer_core.jobs.devices import DeviceRequest, list_devices, resolve_request

__all__ = [
    "DeviceRequest",
    "clone_config",
    "delete_run",
    "discard_unbegun_run",
    "enqueue_run",
    "list_devices",
    "requeue_run",
    "resolve_request",
    "resume_run",
    "stop_run",
    "submit_run",
]
