"""Beside the form: what it comes down to, what it will cost, and the start."""

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from app.shared.messages import show_error
from app.train.command import build_train_command
from app.train.draft import Draft, get_draft
from app.train.estimate import render_estimate
from app.train.lr_finder import render_rate_test
from app.train.network_layers import render_network
from app.train.state import Key
from fer_core.config import TrainConfig, dump_config
from fer_core.errors import FerError
from fer_core.jobs import list_devices, submit_run
from fer_core.runs.reader import Run
from fer_core.runs.run_files import CONFIG_FILE
from fer_core.titles import iterate_free_names, name_after
from fer_core.workspace import Workspace, validate_name

_ANY_GPU: Final[str] = "cuda"


def render_launch(config: TrainConfig | None, workspace: Workspace) -> Run | None:
    """Show the panel; returns the run once the user has started one.

    Args:
        config: what to train; None while the form does not work.
        workspace: where the run goes.
    """
    name, problem = _choose_name(workspace)
    device, num_processes = _choose_device(list_devices())
    started = None
    if st.button(
        "Start training",
        type="primary",
        icon=":material/play_arrow:",
        disabled=config is None or problem is not None,
        width="stretch",
        help="Continues when this page is closed.",
    ):
        assert config is not None
        try:
            started = submit_run(
                config, workspace, name=name or _propose_name(), device=device, num_processes=num_processes
            )
        except FerError as error:
            show_error(error)
    render_estimate(config, workspace, device=device)
    render_rate_test(config, workspace, device=device)
    if config is not None:
        render_network(config, workspace)
        options = {"name": name, "device": device}
        if num_processes > 1:
            options["num-processes"] = str(num_processes)
        _render_recipe(config, get_draft(), workspace, options)
    else:
        st.caption("The command and the settings file appear once the settings work.")
    return started


def _propose_name() -> str:
    """After the preset or run that the form began with, with its number open."""
    return name_after(get_draft().name)


def _choose_name(workspace: Workspace) -> tuple[str, FerError | None]:
    name = st.text_input(
        "Name of the run",
        key=Key.TRAIN_NAME,
        persist_state="session",
        placeholder=next(iterate_free_names(_propose_name(), workspace)),
    ).strip()
    if not name:
        return "", None
    try:
        if (workspace.runs / validate_name(name, "run")).exists():
            raise FerError(f"there is a run {name!r} already; choose another name")
    except FerError as error:
        show_error(error)
        return name, error
    return name, None


def _choose_device(devices: Sequence[str]) -> tuple[str, int]:
    """Device and number of processes; folded where there is nothing to choose between."""
    gpus = [name for name in devices if name.startswith(f"{_ANY_GPU}:")]
    options = ["", *([_ANY_GPU] if len(gpus) > 1 else []), *devices]
    titles = {"": f"the fastest: {devices[0].partition(':')[0]}", _ANY_GPU: "any GPU"}
    place = st.container() if len(devices) > 1 else st.expander("Device", icon=":material/memory:")
    with place:
        device = st.selectbox(
            "Device",
            options,
            format_func=lambda name: titles.get(name, name),
            key=Key.TRAIN_DEVICE,
            persist_state="session",
            help="One device trains one run at a time; others wait in a queue.",
        )
        num_processes = st.number_input(
            "Processes",
            min_value=1,
            max_value=max(2, len(gpus)),
            step=1,
            key=Key.TRAIN_PROCESSES,
            persist_state="session",
            help="They share every batch: one GPU each, or all on the CPU.",
        )
    return device, int(num_processes)


def _render_recipe(
    config: TrainConfig, draft: Draft, workspace: Workspace, options: Mapping[str, str]
) -> None:
    """The same in a terminal, and as a file."""
    options = {"augment-policy": draft.policy, **options}
    if draft.origin == "preset":
        options = {"preset": draft.name, **options}
    else:
        options = {"config-file": str(workspace.runs / draft.name / CONFIG_FILE), **options}
    st.markdown("##### :material/terminal: The same in a terminal")
    st.code(build_train_command(config, draft.base, options=options), language="bash", wrap_lines=True)
    folded = st.expander(
        "As a settings file (TOML)", icon=":material/description:", key=Key.TRAIN_FILE, on_change="rerun"
    )
    if not folded.open:
        return
    toml = dump_config(config)
    with folded:
        st.code(toml, language="toml", height=320)
        st.download_button(
            "Download", toml, file_name="config.toml", mime="application/toml", icon=":material/download:"
        )
