"""What training would make of a face: the same one many times under a policy."""

import base64
import dataclasses
from typing import TYPE_CHECKING, Final

import streamlit as st

from app.explore_data.cleanup_data import open_audited
from app.explore_data.state import Key
from app.shared.messages import error_boundary
from fer_core.config import AugmentConfig, list_augment_policies, load_augment_policy
from fer_core.escaping import quote_markdown
from fer_core.jobs import torch_helper
from fer_core.workspace import Workspace

if TYPE_CHECKING:
    from fer_core.types import UInt8Array

_NUM_COPIES: Final[int] = 23
"""With the image itself three full rows on a usual screen."""
_FACE_PX: Final[int] = 112
_MAX_SEED: Final[int] = 2**31 - 1


@st.fragment
def render_augmentation(name: str, workspace: Workspace) -> None:
    """Show the face with copies of it, changed by the very code that training uses."""
    with error_boundary():
        dataset = open_audited(name, workspace).dataset
        policies = list_augment_policies()
        first = st.columns([2, 2, 2], gap="small", vertical_alignment="bottom")
        policy = first[0].selectbox(
            "Policy",
            policies,
            index=policies.index("webcam") if "webcam" in policies else 0,
            key="explore_policy",
            help="As in `fer train --augment-policy`, and on the Train page.",
        )
        chosen = st.session_state.get(Key.EXPLORE_ROW)
        row = first[1].number_input(
            "Image", 0, len(dataset.images) - 1, int(chosen or 0), key=f"explore_augment_row_{chosen}"
        )
        if first[2].button("Draw again", icon=":material/casino:", key="explore_augment_again"):
            st.session_state["explore_augment_seed"] = st.session_state.get("explore_augment_seed", 0) + 1
        config = load_augment_policy(policy)
        seed = int(st.session_state.get("explore_augment_seed", 0)) % _MAX_SEED
        with st.spinner("Augmenting…"):
            copies = augment_copies(dataset.images[row], config, seed=seed)
        with st.container(horizontal=True, gap="small"):
            for index, picture in enumerate([dataset.images[row], *copies]):
                with st.container(width=_FACE_PX + 4, gap="xsmall"):
                    st.image(picture, width=_FACE_PX, alt="as it is" if index == 0 else f"copy {index}")
                    st.markdown(":small[**as it is**]" if index == 0 else f":small[{index}]")
        st.caption(describe_policy(config))


def augment_copies(image: "UInt8Array", config: AugmentConfig, *, seed: int) -> "UInt8Array":
    """Copies of an image, each augmented in its own way; mixing with other images is left out.

    Args:
        image: H x W or H x W x 3.
        config: the policy.
        seed: of what is random.

    Returns:
        Copies in the image's own shape.
    """
    import numpy as np

    encoded = torch_helper.ask(
        "augment_copies",
        pixels=base64.b64encode(np.ascontiguousarray(image).data).decode(),
        shape=list(image.shape),
        config=dataclasses.asdict(config),
        seed=seed,
        num_copies=_NUM_COPIES,
    )
    copies: UInt8Array = np.frombuffer(base64.b64decode(encoded), np.uint8)
    return copies.reshape(_NUM_COPIES, *image.shape)


def describe_policy(config: AugmentConfig) -> str:
    """The settings of a policy that do something, as Markdown."""
    default = load_augment_policy("none")
    changed = {name: value for name, value in vars(config).items() if value != getattr(default, name)}
    text = (
        ", ".join(quote_markdown(f"{name} = {value}") for name, value in changed.items())
        or "nothing is changed"
    )
    mixing = " Training also mixes images (mixup, CutMix), which is not shown." if config.mixup_alpha else ""
    return f"{text}.{mixing}"
