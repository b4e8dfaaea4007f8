"""Numbers and states of runs, as people read them."""

from collections.abc import Mapping
from typing import Final

from fer_core.escaping import escape_markdown
from fer_core.runs.reader import Run

STATE_COLORS: Final[Mapping[str, str]] = {
    "queued": "violet",
    "running": "blue",
    "stopping": "orange",
    "stopped": "orange",
    "finished": "green",
    "failed": "red",
    "interrupted": "red",
}
STATE_ICONS: Final[Mapping[str, str]] = {
    "queued": ":material/hourglass_top:",
    "running": ":material/play_circle:",
    "stopping": ":material/pending:",
    "stopped": ":material/pause_circle:",
    "finished": ":material/check_circle:",
    "failed": ":material/error:",
    "interrupted": ":material/power_off:",
}
_MONITORS: Final[Mapping[str, str]] = {"macro_f1": "macro-F1"}
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def name_monitor(monitor: str) -> str:
    """What decides which epoch is the best, in words."""
    return _MONITORS.get(monitor, monitor)


def describe_duration(seconds: float) -> str:
    """Two units at most: `3 h 12 min`, `45 s`."""
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < _HOUR_S:
        minutes, rest = divmod(round(seconds), _MINUTE_S)
        return f"{minutes} min {rest:02d} s"
    if seconds < _DAY_S:
        hours, rest = divmod(round(seconds / _MINUTE_S), 60)
        return f"{hours} h {rest:02d} min"
    days, rest = divmod(round(seconds / _HOUR_S), 24)
    return f"{days} d {rest} h"


def shorten_middle(name: str, length: int) -> str:
    """A name of at most `length` characters: beginning and end are kept, which tell names apart.

    Examples:
        >>> shorten_middle("IMG_20261128_team_outing.jpg", 16)
        'IMG_2026…ing.jpg'
    """
    if len(name) <= length:
        return name
    end = (length - 1) // 2
    return f"{name[: length - 1 - end]}…{name[-end:]}"


def describe_memory(megabytes: float) -> str:
    """MB, or GB from a thousand of them."""
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"


def describe_percent(fraction: float | None) -> str:
    """A fraction in per cent; a dash where it is not defined."""
    return "–" if fraction is None else f"{100 * fraction:.1f} %"


def describe_number(value: float | None) -> str:
    """A whole number with separators; a dash where there is none."""
    return "–" if value is None else f"{value:,.0f}"


def describe_state(run: Run) -> str:
    """The state as a Markdown badge; for a queued run with its place in the queue."""
    place = f" · number {run.queue_position:d}" if run.queue_position else ""
    return f":{STATE_COLORS[run.state]}-badge[{STATE_ICONS[run.state]} {escape_markdown(run.state)}{place}]"


def order_by_interest(run: Run) -> tuple[bool, int, float]:
    """Sort key: what runs comes first, then the queue in its order, then the newest."""
    return not run.is_active, run.queue_position or 0, -run.created.timestamp() if run.created else 0.0


def get_progress(run: Run) -> float:
    """Share of all steps that are done, 0 to 1."""
    status = run.status
    if not status.num_epochs:
        return 0.0
    part = status.step / status.num_steps if status.num_steps else 0.0
    return min(1.0, (status.epoch + part) / status.num_epochs)
