"""Estimating a training from the page, in the background: the server holds no training memory."""

from collections.abc import Callable

import streamlit as st

from app.shared.background import render_dismiss, render_task
from app.shared.navigation import TRAIN
from app.shared.run_format import describe_duration, describe_memory
from fer_core.config import TrainConfig, dump_config
from fer_core.errors import RunError
from fer_core.escaping import escape_markdown
from fer_core.jobs.devices import build_device_environment, resolve_request
from fer_core.jobs.tasks import BackgroundTask, start_task
from fer_core.workspace import Workspace


def render_measurement(
    kind: str,
    label: str,
    config: TrainConfig | None,
    workspace: Workspace,
    *,
    device: str,
    icon: str,
    help_text: str,
    on_result: Callable[[BackgroundTask], None],
) -> None:
    """A button that tries a few steps of a training, with its progress and result.

    Args:
        kind: the command: it takes settings, as `fer estimate`.
        label: of the button.
        config: the settings; None while the form does not work.
        workspace: where the data is.
        device: where to compute, as in `fer train --device`.
        icon: of the button.
        help_text: of the button.
        on_result: draws what was found.
    """
    place = st.container()
    task = render_task(workspace, kind, on_result=on_result)
    if task is not None and task.state == "finished":
        render_dismiss(workspace, task)
    is_busy = task is not None and task.is_active
    if place.button(label, icon=icon, disabled=config is None or is_busy, help=help_text, width="stretch"):
        assert config is not None
        settings = dump_config(config)
        start_task(
            workspace,
            kind=kind,
            title=label,
            command=[kind, "--config-file", "{inputs}/config.toml"],
            page=TRAIN.address(part="new"),
            facts={"settings": settings},
            inputs={"config.toml": settings.encode()},
            environment=build_device_environment(resolve_request(device).candidates[:1]),
        )
        st.rerun()


def render_estimate(config: TrainConfig | None, workspace: Workspace, *, device: str) -> None:
    """Estimate what a training takes."""

    def show(task: BackgroundTask) -> None:
        is_current = config is not None and task.facts.get("settings") == dump_config(config)
        _render_result(task, is_current=is_current)

    render_measurement(
        "estimate",
        "Estimate time and memory",
        config,
        workspace,
        device=device,
        icon=":material/timer:",
        help_text="Runs a few real steps in the background; nothing is trained.",
        on_result=show,
    )


def _render_result(task: BackgroundTask, *, is_current: bool) -> None:
    result = task.result()
    if result is None:
        raise RunError(f"the estimate {task.name} holds no figures; estimate again")
    device = escape_markdown(result["device"])
    with st.container(horizontal=True, gap="small"):
        st.metric("Whole training", describe_duration(result["total_seconds"]), width="content")
        st.metric("An epoch", describe_duration(result["seconds_per_epoch"]), width="content")
        st.metric(
            "Peak memory",
            describe_memory(result["peak_memory_mb"]),
            help=f"Of {device}: the device's own memory, or that of the process on a CPU.",
            width="content",
        )
        st.metric("Images per second", f"{result['images_per_s']:,.0f}", width="content")
    where = f"{result['num_parameters']:,} parameters · {device}, {escape_markdown(result['precision'])} · "
    st.caption(
        where
        + f"measured in {result['num_measured']:d} steps, on the machine as busy as it was"
        + ("" if is_current else " · **with earlier settings**")
    )
