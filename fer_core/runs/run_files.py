"""Names inside a run folder, and the states a run can be in."""

from typing import Final, Literal

CONFIG_FILE: Final[str] = "config.toml"
META_FILE: Final[str] = "meta.json"
STATUS_FILE: Final[str] = "status.json"
METRICS_FILE: Final[str] = "metrics.jsonl"
STEPS_FILE: Final[str] = "steps.jsonl"
GRADIENTS_FILE: Final[str] = "gradients.jsonl"
VALIDATION_FILE: Final[str] = "validation.json"
TENSORBOARD_FOLDER: Final[str] = "tensorboard"
LOG_FILE: Final[str] = "log.txt"
STOP_FILE: Final[str] = "stop-requested"
"""Empty; there from the moment a stop is asked for until the run is taken up again."""
REPORT_FILE: Final[str] = "report.json"
PREDICTIONS_FILE: Final[str] = "predictions.parquet"
BEST_FOLDER: Final[str] = "best"
LAST_FOLDER: Final[str] = "last"
STATE_FILE: Final[str] = "state.safetensors"

SCHEMA_VERSION: Final[int] = 1

State = Literal["queued", "running", "stopping", "stopped", "finished", "failed", "interrupted"]
"""`interrupted` is never written: it is what a reader calls a run whose process is gone."""
ACTIVE_STATES: Final[frozenset[str]] = frozenset({"queued", "running", "stopping"})
RESUMABLE_STATES: Final[frozenset[str]] = frozenset({"stopped", "failed", "interrupted"})
LAUNCH_TIMEOUT_S: Final[float] = 30.0
"""A queued run whose process has not reported itself after this long counts as interrupted."""
HEARTBEAT_TIMEOUT_S: Final[float] = 120.0
"""A run of another machine counts as interrupted when its heartbeat is older than this."""
