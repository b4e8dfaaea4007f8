"""The form of a new run, made from the configuration's dataclasses."""

from typing import Final

import streamlit as st

from app.shared.callbacks import uninterrupted
from app.shared.grid import iterate_cells
from app.shared.messages import show_error
from app.shared.samples import IMAGES
from app.train.architectures import follow_count, list_architectures
from app.train.draft import (
    Draft,
    begin_again,
    begin_with_preset,
    choose_policy,
    describe_preset,
    get_draft,
)
from app.train.state import Key
from app.train.widgets import (
    ARGUMENTS,
    TIMM_PREFIX,
    choose_architecture,
    choose_dataset,
    render_arguments,
    render_field,
)
from fer_core.config import TrainConfig, list_augment_policies, list_presets
from fer_core.config.fields import FieldSpec, Section, flatten_config, list_fields, list_sections
from fer_core.data.store import SCHEMATIC_FACES, DatasetInfo, list_datasets
from fer_core.errors import ConfigError, FerError
from fer_core.escaping import escape_markdown, quote_markdown
from fer_core.jobs import torch_helper
from fer_core.labels import EMOTIONS
from fer_core.workspace import Workspace

_UP_FRONT: Final[tuple[str, ...]] = (
    "data.dataset",
    "model.name",
    "data.label_mode",
    "epochs",
    "batch_size",
    "optimizer.learning_rate",
)
"""What people change most; everything else is folded."""
_COLUMNS: Final[int] = 3


def render_form(workspace: Workspace) -> TrainConfig | None:
    """Show the form; returns the configuration, or None, with the reason on the page, if it does not work."""
    draft = get_draft()
    _choose_source(draft)
    problems: list[FerError] = []
    datasets = list_datasets(workspace)
    _render_up_front(draft, datasets)
    facts = st.container()
    # Filled when they are open: hundreds of parts of a page that few look at would slow every visit. What is
    # set in them stays, for the draft holds it.
    arguments = st.expander(
        "Model arguments", icon=":material/neurology:", key=Key.TRAIN_ARGUMENTS, on_change="rerun"
    )
    if arguments.open:
        with arguments:
            _collect(problems, lambda: render_arguments(draft))
    advanced = st.expander(
        "Advanced: every other setting", icon=":material/tune:", key=Key.TRAIN_ADVANCED, on_change="rerun"
    )
    if advanced.open:
        with advanced:
            _render_sections(draft, problems)
    with facts:
        config = None if problems else _check(draft, datasets, problems)
    for problem in problems:
        show_error(problem)
    return config


def _choose_source(draft: Draft) -> None:
    presets = list_presets()

    @uninterrupted
    def choose() -> None:
        name = st.session_state[Key.TRAIN_PRESET]
        if name is not None:
            begin_with_preset(name)

    st.session_state[Key.TRAIN_PRESET] = draft.name if draft.origin == "preset" else None
    st.pills("Begin with a preset", presets, key=Key.TRAIN_PRESET, on_change=choose)
    if draft.origin == "run":
        text = f"Begins with the settings of run **{escape_markdown(draft.name)}**."
    else:
        text = escape_markdown(describe_preset(draft.name))
    st.caption(text)


def _render_up_front(draft: Draft, datasets: list[DatasetInfo]) -> None:
    fields = list_fields()
    for first in range(0, len(_UP_FRONT), _COLUMNS):  # row by row, so that a phone shows them in order
        # Not columns: on a screen of middle width they would cut names off instead of wrapping.
        with st.container(horizontal=True, gap="medium"):
            for path in _UP_FRONT[first : first + _COLUMNS]:
                with st.container():
                    _render_one(fields[path], draft, datasets)
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        with st.container(width=240):
            _choose_policy(draft)
        with st.container():
            _render_changes(draft)


def _render_one(spec: FieldSpec, draft: Draft, datasets: list[DatasetInfo]) -> None:
    if spec.path == "data.dataset":
        choose_dataset(spec, draft, datasets)
    elif spec.path == "model.name":
        choose_architecture(spec, draft)
    else:
        render_field(spec, draft)


def _choose_policy(draft: Draft) -> None:
    @uninterrupted
    def choose() -> None:
        choose_policy(st.session_state[Key.TRAIN_POLICY])

    st.session_state[Key.TRAIN_POLICY] = draft.policy
    st.selectbox(
        "Augmentation",
        ["", *list_augment_policies()],
        key=Key.TRAIN_POLICY,
        format_func=lambda name: name or f"as in {draft.origin} {draft.name}",
        on_change=choose,
        help="Random changes made to every training batch. Each of them is a setting under Advanced.",
    )


def _render_changes(draft: Draft) -> None:
    """What the user changed, and a way back."""
    before = flatten_config(draft.base)
    changed = [path for path, value in draft.values.items() if value != before[path]]
    if draft.policy:
        changed.append("augmentation")
    if not changed:
        st.caption("Nothing changed yet.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        names = ", ".join(map(quote_markdown, changed))
        st.caption(f"Changed: {names}", width="content")
        if st.button("Undo all", icon=":material/undo:", type="tertiary", on_click=begin_again):
            st.rerun()


def _render_sections(draft: Draft, problems: list[FerError]) -> None:
    sections = [section for section in list_sections() if _folded(section)]
    for tab, section in zip(st.tabs([section.title for section in sections]), sections, strict=True):
        with tab:
            specs = _folded(section)
            for cell, spec in zip(iterate_cells(len(specs), 2, gap="medium"), specs, strict=True):
                with cell:
                    _collect(problems, lambda spec=spec: render_field(spec, draft))


def _folded(section: Section) -> list[FieldSpec]:
    return [spec for spec in section.fields if spec.path not in _UP_FRONT and spec.path != ARGUMENTS]


def _collect(problems: list[FerError], render: object) -> None:
    assert callable(render)
    try:
        render()
    except FerError as error:
        problems.append(error)


def _check(draft: Draft, datasets: list[DatasetInfo], problems: list[FerError]) -> TrainConfig | None:
    """The checked configuration; None if something was added to the problems."""
    try:
        config = draft.build()
        info = _find_dataset(config, datasets)
        num_parameters = _check_model(config, info)
    except FerError as error:
        problems.append(error)
        return None
    _render_facts(config, info, num_parameters)
    return config


def _find_dataset(config: TrainConfig, datasets: list[DatasetInfo]) -> DatasetInfo | None:
    """The data set that is to be learned from; None for the built-in one while it is not drawn."""
    info = next((item for item in datasets if item.name == config.data.dataset), None)
    if info is None:
        if config.data.dataset == SCHEMATIC_FACES:
            return None
        known = ", ".join(sorted({item.name for item in datasets} | {SCHEMATIC_FACES}))
        raise ConfigError(
            f"data set {config.data.dataset!r} is not on this machine; it has {known}. Import it with "
            "`fer import`, or choose another"
        )
    for name in ("train_split", "valid_split"):
        split = getattr(config.data, name)
        if split not in info.split_counts:
            has = ", ".join(f"{key} ({count:,})" for key, count in info.split_counts.items())
            raise ConfigError(f"data.{name} is {split!r}; data set {info.name!r} has {has}")
    num_images = info.split_counts[config.data.train_split]
    if config.batch_size > num_images:
        raise ConfigError(
            f"batch_size is {config.batch_size}, but split {config.data.train_split!r} of {info.name!r} has "
            f"only {num_images:,} {IMAGES[info.kind]}; take a smaller batch"
        )
    return info


def _check_model(config: TrainConfig, info: DatasetInfo | None) -> int | None:
    """Count the network's parameters, which shows a wrong argument; None for one of timm, or not counted yet.

    Raises:
        ConfigError: the architecture does not take these arguments.
    """
    if config.model.name.startswith(TIMM_PREFIX):
        return None  # building a large backbone at every change takes too long; the estimate does
    color = config.model.color if config.model.color != "auto" else (info.color if info else "gray")
    network = torch_helper.describe_network(
        config.model.name,
        config.model.arguments,
        num_classes=len(info.classes) if info else len(EMOTIONS),
        in_channels=3 if color == "rgb" else 1,
        input_size=(config.model.height, config.model.width),
    )
    num_parameters = torch_helper.count_parameters(network)
    if num_parameters is None:
        follow_count(network)
    return num_parameters


def _render_facts(config: TrainConfig, info: DatasetInfo | None, num_parameters: int | None) -> None:
    """A line on the data and one on the network."""
    if info is None:
        data = "drawn when first used"
    else:
        sizes = [
            f"{info.split_counts[name]:,} {escape_markdown(name)}"
            for name in (config.data.train_split, config.data.valid_split)
        ]
        data = f"{' and '.join(sizes)} {IMAGES[info.kind]}, {len(info.classes)} classes"
    summary = list_architectures().get(config.model.name, "a backbone of timm")
    size = "" if num_parameters is None else f", **{num_parameters:,} parameters**"
    st.caption(
        f":material/dataset: **{escape_markdown(config.data.dataset)}**: {data}  \n"
        f":material/neurology: **{escape_markdown(config.model.name)}**: {escape_markdown(summary)}{size}"
    )
