"""A model's network by layer: shapes, parameters, operations. Built by another process, when asked."""

import json
from typing import Any

import streamlit as st

from app.models.charts import build_layer_bars
from app.shared.charts import STATIC_CONFIG
from fer_core.escaping import escape_markdown
from fer_core.exchange.facts import ModelFacts
from fer_core.jobs import torch_helper
from fer_core.workspace import Workspace

_INDENT = "\u2003"


def render_layers(facts: ModelFacts, _workspace: Workspace) -> None:
    """A summary that is made when it is asked for: building a large network takes seconds."""
    if not st.toggle(
        "Build the network and list its layers",
        key="models-layers",
        help="The first time that takes a few seconds.",
    ):
        st.caption("Shapes, parameters and operations of every layer, of one image.")
        return
    info = facts.entry.info
    summary = _summarise(
        info.architecture,
        json.dumps(dict(info.arguments), sort_keys=True),
        (info.input.channels, info.input.height, info.input.width),
        len(info.classes),
    )
    st.caption(
        f"Input {escape_markdown(str(info.input))} · {summary['num_parameters']:,} parameters · "
        f"{summary['mflops']:,.0f} MFLOPs per image (multiplication and addition are "
        f"two) · {summary['megabytes']:.1f} MB in fp32"
    )
    st.plotly_chart(
        build_layer_bars(summary["parts"]),
        config=STATIC_CONFIG,
        key="models-layer-bars",
        alt="Parameters of each part of the network",
    )
    st.dataframe(
        summary["layers"],
        hide_index=True,
        height=420,
        column_config={"parameters": st.column_config.NumberColumn("parameters", format="localized")},
    )


@st.cache_data(max_entries=16, show_spinner="Building the network…")
def _summarise(
    architecture: str, arguments: str, shape: tuple[int, int, int], num_classes: int
) -> dict[str, Any]:
    network = torch_helper.describe_network(
        architecture,
        json.loads(arguments),
        num_classes=num_classes,
        in_channels=shape[0],
        input_size=shape[1:],
    )
    found = torch_helper.ask("summarise_network", **network)
    layers = found["layers"]
    return {
        **found,
        "parts": _find_parts(layers),
        "layers": [
            {
                "layer": _INDENT * layer["depth"] + layer["kind"],
                "name": path,
                "output": " × ".join(map(str, layer["output_shape"][1:])),
                "parameters": layer["num_parameters"],
            }
            for path, layer in zip(_list_paths(layers), layers, strict=True)
        ],
    }


def _list_paths(layers: list[dict[str, Any]]) -> list[str]:
    """Attribute path of each layer, such as `layers.2.0`; empty for the network itself."""
    parents: list[str] = []
    paths = []
    for layer in layers:
        parents[layer["depth"] :] = [layer["name"]]
        paths.append(".".join(parents[1:]))
    return paths


def _find_parts(layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The parts with weights, one level down where a part has parts of its own."""
    named = list(zip(_list_paths(layers), layers, strict=True))
    split = {path.rpartition(".")[0] for path, layer in named if layer["depth"] == 2}
    return [
        {"name": path, "parameters": layer["num_parameters"]}
        for path, layer in named
        if layer["num_parameters"] and (layer["depth"] == 2 or (layer["depth"] == 1 and path not in split))
    ]
