"""The chosen network by layer: shapes, parameters, operations."""

from typing import Any

import streamlit as st

from fer_core.config import TrainConfig
from fer_core.data.store import SCHEMATIC_FACES, list_datasets
from fer_core.escaping import escape_markdown
from fer_core.jobs import torch_helper
from fer_core.workspace import Workspace

_INDENT = "\u2003"
_MAX_DEPTH = 2


def render_network(config: TrainConfig, workspace: Workspace) -> None:
    """A folded summary, made when it is asked for: building a large network takes seconds."""
    with st.expander("Layers and cost of the network", icon=":material/account_tree:"):
        if not st.toggle("Show them", key="show-network"):
            return
        info = next((item for item in list_datasets(workspace) if item.name == config.data.dataset), None)
        size = (config.model.height, config.model.width)
        data_size = (0, 0) if info is None else (info.height, info.width)
        num_classes = 8 if info is None else len(info.classes)
        is_rgb = config.model.color == "rgb" or (
            config.model.color == "auto"
            and (config.transfer.weights == "hub" or (info is not None and info.color == "rgb"))
        )
        if info is None and config.data.dataset != SCHEMATIC_FACES:
            st.caption("The data set is not there, so 8 classes and 48x48 px are taken.")
        summary = _summarise(
            config.model.name,
            tuple(sorted(config.model.arguments.items())),
            size,
            data_size,
            3 if is_rgb else 1,
            num_classes,
        )
        _show(summary)


@st.cache_data(max_entries=16, show_spinner="Building the network…")
def _summarise(
    name: str,
    arguments: tuple[tuple[str, Any], ...],
    size: tuple[int, int],
    data_size: tuple[int, int],
    channels: int,
    num_classes: int,
) -> dict[str, Any]:
    network = torch_helper.describe_network(
        name, dict(arguments), num_classes=num_classes, in_channels=channels, input_size=size
    )
    found = torch_helper.ask("summarise_network", **network, data_size=data_size)
    height, width = found["input_size"]
    layers = [
        {
            "layer": _INDENT * layer["depth"] + layer["kind"],
            "name": layer["name"],
            "output": " x ".join(map(str, layer["output_shape"][1:])),
            "parameters": layer["num_parameters"],
        }
        for layer in found["layers"]
        if layer["depth"] <= _MAX_DEPTH
    ]
    return {**found, "input": f"{height}x{width}x{channels}", "layers": layers}


def _show(summary: dict[str, Any]) -> None:
    st.caption(
        f"Input {escape_markdown(summary['input'])} · {summary['num_parameters']:,} parameters · "
        f"{summary['mflops']:,.0f} MFLOPs per image (multiplication and addition are "
        f"two) · {summary['megabytes']:.1f} MB in fp32"
    )
    st.dataframe(summary["layers"], hide_index=True, height=360)
