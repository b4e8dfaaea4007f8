"""Several processes of one service: what they share, and what each has a part of."""

import os
import subprocess
import sys
from dataclasses import replace

from fer_core.serve.settings import ServeSettings


def test_processes_share_the_limits_of_the_service():
    whole = ServeSettings(max_waiting=100, max_pictures=10, max_streams=3, threads=2, processes=4)
    own = whole.for_one_process()
    assert (own.max_waiting, own.max_streams, own.threads, own.processes) == (25, 1, 2, 1)
    assert replace(whole, max_pictures=64).for_one_process().max_waiting == 64, "a batch must fit"
    assert replace(whole, threads=0).for_one_process().threads >= 1


def test_what_a_killed_process_held_is_not_open_any_more(tmp_path):
    """Its counts stay; what it had open does not."""
    script = (
        "import os, sys\n"
        "from fer_core.serve.metrics import Metrics, forget_dead_processes\n"
        "metrics = Metrics()\n"
        "metrics.count_batch(3, 2)\n"
        "metrics.waiting.inc(3)\n"
        "forget_dead_processes()\n"
        "print(metrics.render().decode())\n"
        "sys.stdout.flush()\n"
        "os._exit(9)\n"
    )
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    texts = [
        subprocess.run(
            [sys.executable, "-c", script], check=False, env=environment, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    assert "fer_pictures_total 3.0" in texts[0] and "fer_pictures_total 6.0" in texts[1]
    assert all("fer_waiting_pictures 3.0" in text for text in texts)
