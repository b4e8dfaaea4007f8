"""Evaluating models from the comparison page, in a separate process. Never loads torch."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import streamlit as st

from app.shared.messages import error_boundary, escape_markdown
from app.shared.reports import Conditions
from app.shared.session_end import at_session_end
from app.shared.state import SharedKey
from fer_core.errors import RunError
from fer_core.jobs.launch import build_environment
from fer_core.workspace import PROJECT_ROOT, Workspace

_REFRESH_S: Final[float] = 0.5


@dataclass(frozen=True, slots=True)
class Work:
    """A command that scores models in a separate process, and what the page calls it."""

    command: str
    """Of `fer`; it takes models, `--save` and `--json`."""
    unit: str
    """What its progress counts."""
    ending: str
    """What it does when all are counted."""
    done: str
    """What a model was: "evaluated"."""
    job_key: str
    """Where its job is kept."""


EVALUATION: Final[Work] = Work(
    "evaluate", "faces", "intervals of every figure…", "evaluated", SharedKey.COMPARE_JOB
)
ROBUSTNESS: Final[Work] = Work(
    "robustness",
    "corruptions",
    "writing it down…",
    "measured on corrupted images",
    SharedKey.COMPARE_ROBUSTNESS,
)


@dataclass(frozen=True, slots=True)
class EvaluationStatus:
    """How far an evaluation is."""

    share: float
    """0 to 1."""
    text: str
    """What it is doing, in words."""
    is_running: bool
    failures: dict[str, str] = field(default_factory=dict)
    """Why a model could not be evaluated."""


class EvaluationJob:
    """One `fer evaluate MODEL ... --save`, or another such command, in the background."""

    def __init__(
        self,
        keys: Sequence[str],
        conditions: Conditions,
        workspace: Workspace,
        *,
        work: Work = EVALUATION,
        options: Sequence[str] = (),
    ) -> None:
        """Start it.

        Args:
            keys: of the models.
            conditions: what they are scored under, for the words on the page.
            workspace: where they are.
            work: which command.
            options: of the command; those of an evaluation follow from the conditions.

        Raises:
            RunError: the system can't start it.
        """
        self.keys = tuple(keys)
        self.conditions = conditions
        self.work = work
        self._folder = tempfile.TemporaryDirectory(prefix="fer-evaluate-")
        self.path = Path(self._folder.name)
        options = options or [f"--{name}={value}" for name, value in conditions._asdict().items()]
        command = [sys.executable, "-m", "fer_core", work.command, *keys, *options, "--save", "--json"]
        try:
            with (self.path / "events").open("wb") as events:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=events,
                    cwd=PROJECT_ROOT,
                    env=build_environment(workspace),
                )
        except OSError as cause:
            self._folder.cleanup()
            raise RunError(f"`fer {work.command}` can't be started: {cause}") from cause
        self._final: EvaluationStatus | None = None

    @property
    def status(self) -> EvaluationStatus:
        """Where it stands."""
        if self._final is not None:
            return self._final
        code = self._process.poll()
        text = (self.path / "events").read_text(encoding="utf-8", errors="replace")
        events = [event for line in text.splitlines() if (event := _parse_event(line))]
        failures = {event["model"]: event["error"] for event in events if "error" in event}
        if code is None:
            return _describe_progress(self.work, self.keys, events, failures)
        if code and not failures:  # it was killed, or died of something that it did not foresee
            last = (text.strip().splitlines() or ["no message"])[-1][-300:]
            failures = {", ".join(self.keys): f"the process ended with status {code}: {last}"}
        self._final = EvaluationStatus(1.0, "Done", is_running=False, failures=failures)
        return self._final

    def close(self) -> None:
        """End it, whatever it is doing; reports that are complete stay."""
        if self.status.is_running:
            self._process.terminate()
            self._process.wait()
            self._final = EvaluationStatus(1.0, "Cancelled", is_running=False)
        self._folder.cleanup()


def _parse_event(line: str) -> dict[str, Any] | None:
    """What `fer evaluate --json` says of its progress; other lines are warnings of libraries."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "model" in event else None


def _describe_progress(
    work: Work, keys: Sequence[str], events: Sequence[dict[str, Any]], failures: dict[str, str]
) -> EvaluationStatus:
    if not events:
        return EvaluationStatus(0.0, "Loading torch and the data set…", is_running=True)
    last = events[-1]
    share = (list(keys).index(last["model"]) + last.get("done", 1) / last.get("total", 1)) / len(keys)
    if last.get("done") == last.get("total"):
        text = f"{last['model']}: {work.ending}"
    else:
        text = f"{last['model']}: {last['done']:,} of {last['total']:,} {work.unit}"
    return EvaluationStatus(min(1.0, share), text, is_running=True, failures=failures)


def render_evaluation(missing: Sequence[str], conditions: Conditions, workspace: Workspace) -> None:
    """Offer to evaluate models that have no usable report; show how far it is, and what failed."""
    if render_job(EVALUATION, conditions):
        return
    if missing and st.button(
        f"Evaluate {len(missing)} now" if len(missing) > 1 else "Evaluate now",
        type="primary",
        icon=":material/calculate:",
        key="compare_evaluate",
        help="Scores every face in a separate process and stores the report, like `fer evaluate --save`.",
    ):
        start_job(EvaluationJob(missing, conditions, workspace))


def render_job(work: Work, conditions: Conditions) -> bool:
    """Show how far a job is, or what failed in it; returns whether it runs."""
    job: EvaluationJob | None = st.session_state.get(work.job_key)
    if job is None:
        return False
    at_session_end(str(job.path), job.close)
    if job.status.is_running:
        _render_progress(job)
        return True
    if job.conditions == conditions:
        for key, reason in job.status.failures.items():
            st.error(
                f"**{escape_markdown(key)}** was not {work.done}: {escape_markdown(reason)}",
                icon=":material/error:",
            )
    return False


def start_job(job: EvaluationJob) -> None:
    """Keep a job in the place of the last one, and draw the page anew."""
    _close(st.session_state.get(job.work.job_key))
    st.session_state[job.work.job_key] = job
    st.rerun()


def _close(job: EvaluationJob | None) -> None:
    if job is not None:
        job.close()
        st.session_state.pop(job.work.job_key, None)


@st.fragment(run_every=_REFRESH_S)
def _render_progress(job: EvaluationJob) -> None:
    with error_boundary():
        status = job.status
        if not status.is_running:
            st.rerun()
        st.progress(status.share, escape_markdown(f"{status.text} ({job.conditions.describe()})"))
        if st.button("Cancel", icon=":material/stop_circle:", key=f"cancel-{job.work.command}"):
            _close(job)
            st.rerun()
