"""Python reads this by itself at its start when this folder is on PYTHONPATH, in child processes too.

A run rests before it writes down an epoch: it never ends while a browser looks, and keeps no processor busy.
"""

import time

from fer_core.runs.writer import RunWriter

_append_metrics = RunWriter.append_metrics


def _rest_and_append(writer, record) -> None:
    time.sleep(0.5)
    _append_metrics(writer, record)


RunWriter.append_metrics = _rest_and_append  # type: ignore[method-assign]
