"""Estimating a training from the page: a separate process, so that the server holds no training memory."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import streamlit as st

from app.shared.messages import error_boundary, show_error
from app.shared.run_format import describe_duration, describe_memory
from app.shared.session_end import at_session_end
from app.train.state import Key
from fer_core.config import TrainConfig, dump_config
from fer_core.errors import ConfigError
from fer_core.jobs.devices import build_device_environment, resolve_request
from fer_core.jobs.launch import build_environment
from fer_core.workspace import PROJECT_ROOT, Workspace

_REFRESH_S: Final[float] = 0.5


@dataclass(frozen=True, slots=True)
class EstimateStatus:
    """How far an estimate is."""

    done: int
    """Steps taken."""
    total: int
    """Steps to take; 0 before the first."""
    is_running: bool
    result: dict[str, Any] | None = None
    error: str = ""


class EstimateJob:
    """One `fer estimate` or the like in the background; its files go with it."""

    def __init__(
        self, config: TrainConfig, workspace: Workspace, device: str, *, command: str = "estimate"
    ) -> None:
        """Start it: `estimate`, or another command of `fer` that takes settings and answers in JSON.

        Raises:
            ConfigError: no such device.
        """
        request = resolve_request(device)
        environment = build_environment(workspace) | build_device_environment(request.candidates[:1])
        self.config = config
        self._folder = tempfile.TemporaryDirectory(prefix="fer-estimate-")
        self.path = Path(self._folder.name)
        settings = self.path / "config.toml"
        settings.write_text(dump_config(config), encoding="utf-8")
        self._name = f"fer {command}: "
        arguments = [sys.executable, "-m", "fer_core", command, "--json", "--config-file", str(settings)]
        with (self.path / "out").open("wb") as out, (self.path / "progress").open("wb") as progress:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=progress,
                cwd=PROJECT_ROOT,
                env=environment,
            )
        self._final: EstimateStatus | None = None

    @property
    def status(self) -> EstimateStatus:
        """Where it stands."""
        if self._final is not None:
            return self._final
        code = self._process.poll()
        lines = (self.path / "progress").read_text(encoding="utf-8", errors="replace").splitlines()
        counts = [line.split("/") for line in lines if line.replace("/", "").isdigit()]
        done, total = map(int, counts[-1]) if counts else (0, 0)
        if code is None:
            return EstimateStatus(done, total, is_running=True)
        if code == 0:
            answer = (self.path / "out").read_text(encoding="utf-8").splitlines()[-1]
            self._final = EstimateStatus(done, total, is_running=False, result=json.loads(answer))
        else:
            said = [line for line in lines if line.startswith(self._name)]
            why = said[-1].removeprefix(self._name) if said else "the process that measured has ended"
            self._final = EstimateStatus(done, total, is_running=False, error=why)
        return self._final

    def close(self) -> None:
        """End it, whatever it is doing."""
        status = self.status
        if status.is_running:
            self._process.terminate()
            self._process.wait()
            self._final = EstimateStatus(status.done, status.total, is_running=False, error="cancelled")
        self._folder.cleanup()


def render_estimate(config: TrainConfig | None, workspace: Workspace, *, device: str) -> None:
    """A button that estimates, how far it is, and what came of it."""
    job: EstimateJob | None = st.session_state.get(Key.TRAIN_ESTIMATE)
    if job is not None:
        at_session_end(str(job.path), job.close)
    is_running = job is not None and job.status.is_running
    if st.button(
        "Estimate time and memory",
        icon=":material/timer:",
        disabled=config is None or is_running,
        help="Takes a few real steps in a separate process; nothing is trained.",
        width="stretch",
    ):
        assert config is not None
        _replace(job, EstimateJob(config, workspace, device))
        st.rerun()
    if job is None:
        return
    if is_running:
        _render_progress(job)
        return
    status = job.status
    if status.result is not None:
        _render_result(status.result, is_current=job.config == config)
    elif job.config == config:
        show_error(ConfigError(status.error))


def _replace(old: EstimateJob | None, new: EstimateJob | None) -> None:
    if old is not None:
        old.close()
    if new is None:
        st.session_state.pop(Key.TRAIN_ESTIMATE, None)
    else:
        st.session_state[Key.TRAIN_ESTIMATE] = new


@st.fragment(run_every=_REFRESH_S)
def _render_progress(job: EstimateJob) -> None:
    with error_boundary():
        status = job.status
        if not status.is_running:
            st.rerun()
        share = status.done / status.total if status.total else 0.0
        text = f"Step {status.done} of {status.total}" if status.total else "Loading torch and the data set…"
        st.progress(share, text)
        if st.button("Cancel", icon=":material/stop_circle:", key="cancel-estimate"):
            _replace(job, None)
            st.rerun()


def _render_result(result: dict[str, Any], *, is_current: bool) -> None:
    with st.container(horizontal=True, gap="small"):
        st.metric("Whole training", describe_duration(result["total_seconds"]), width="content")
        st.metric("An epoch", describe_duration(result["seconds_per_epoch"]), width="content")
        st.metric(
            "Peak memory",
            describe_memory(result["peak_memory_mb"]),
            help=f"Of {result['device']}: the device's own memory, or that of the process on a CPU.",
            width="content",
        )
        st.metric("Images per second", f"{result['images_per_s']:,.0f}", width="content")
    where = f"{result['num_parameters']:,} parameters · {result['device']}, {result['precision']} · "
    st.caption(
        where
        + f"measured in {result['num_measured']} steps, on the machine as busy as it was"
        + ("" if is_current else " · **with earlier settings**")
    )
