"""Giving a model to others: a page, checkpoints/, the Hugging Face Hub. Nothing leaves without a click."""

import shlex

import streamlit as st

from app.models.wording import open_model
from app.shared.background import render_task
from app.shared.messages import error_boundary, require_text, show_error
from app.shared.navigation import MODELS
from fer_core.browser.bundle import find_obstacle, render_single_page, title_page, zip_bundle
from fer_core.errors import FerError
from fer_core.escaping import escape_markdown, quote_markdown
from fer_core.exchange.facts import ModelFacts, ModelKind
from fer_core.exchange.hub import has_hub_login, is_hub_offline, push_to_hub
from fer_core.exchange.model_import import require_free_name
from fer_core.exchange.model_zip import get_short_name
from fer_core.jobs.tasks import BackgroundTask, start_task
from fer_core.workspace import Workspace


def render_share(facts: ModelFacts, workspace: Workspace) -> None:
    """The ways there are."""
    if facts.entry.info.input.kind == "image":
        with st.container(border=True):
            _render_page(facts, workspace)
    publish, hub = st.columns(2, gap="large")
    with publish, st.container(border=True, height="stretch"):
        _render_publish(facts, workspace)
    with hub, st.container(border=True, height="stretch"):
        _render_hub(facts)


def _render_page(facts: ModelFacts, workspace: Workspace) -> None:
    st.markdown("##### :material/public: A page for any web space")
    st.markdown(
        "Reads faces in the visitor's own browser: no picture is sent anywhere, and no server is needed. "
        "Unpack the zip on a web space; the page asks for consent and works offline once loaded."
    )
    obstacle = find_obstacle(facts.entry, workspace)
    if obstacle:
        st.info(escape_markdown(obstacle), icon=":material/download:")
    name = get_short_name(facts.entry)
    with st.container(horizontal=True):
        st.download_button(
            "Download the page",
            lambda: zip_bundle(facts.entry, workspace),
            file_name=f"{name}-page.zip",
            mime="application/zip",
            icon=":material/folder_zip:",
            on_click="ignore",
            disabled=bool(obstacle),
            key="models-page",
        )
        st.download_button(
            "As one file",
            lambda: render_single_page([facts.entry], workspace, title_page(facts.entry)),
            file_name=f"{name}.html",
            mime="text/html",
            icon=":material/html:",
            on_click="ignore",
            disabled=bool(obstacle),
            key="models-single-page",
            help="One HTML file, which also works by a double click: hand it over on a USB stick.",
        )
    command = shlex.join(["fer", "browser-bundle", "my-page", "--models", facts.name])
    st.caption(f"In a terminal: {quote_markdown(command)}; `--one-file` for the one file")


def _render_publish(facts: ModelFacts, workspace: Workspace) -> None:
    st.markdown("##### :material/inventory_2: Ship it with the project")
    st.markdown(
        "Copies it into `checkpoints/` under its own name: calibrated and scored on the validation "
        "images of its data set, with a model card made from those figures."
    )
    if facts.kind is ModelKind.SHIPPED:
        st.caption("It ships already.")
        return
    if not facts.has_weights:
        st.caption("Only models with weights can be scored and published; this one is an ONNX file alone.")
        return
    name = st.text_input("Name", key="models-publish-name", placeholder="fer-medium", max_chars=100).strip()
    command = shlex.join(["fer", "publish", facts.name, "--name", name or "NAME"])
    st.caption(f"In a terminal: {quote_markdown(command)}")
    about = {"model": facts.key}
    task = render_task(workspace, "publish", about, on_result=_render_published)
    if st.button(
        "Publish",
        icon=":material/publish:",
        type="primary",
        disabled=task is not None and task.is_active,
        help="Continues in the background when you leave this page.",
        key="models-publish",
    ):
        with error_boundary():
            require_free_name(
                require_text(name, "the published model has no name yet; type one above"), workspace
            )
            start_task(
                workspace,
                kind="publish",
                title=f"Publish {facts.title} as {name}",
                command=["publish", facts.key, "--name", name, "--out", str(workspace.checkpoints)],
                page=MODELS.address(model=facts.key, tab="Publish"),
                facts={**about, "name": name},
            )
            st.rerun()


def _render_published(task: BackgroundTask) -> None:
    name = str(task.facts.get("name"))
    st.success(f"{escape_markdown(name)} ships with the project now.", icon=":material/check_circle:")
    st.button("Open it", icon=":material/open_in_new:", on_click=open_model, args=(name,), key="models-open")


def _render_hub(facts: ModelFacts) -> None:
    st.markdown("##### :material/cloud_upload: Push to the Hugging Face Hub")
    st.markdown(
        "Uploads description, weights, ONNX files and the card as the front page. The repository is "
        "**private** unless you switch that off."
    )
    obstacle = _explain_obstacle()
    repo = st.text_input(
        "Repository",
        key="models-hub-repo",
        placeholder=f"your-name/{get_short_name(facts.entry)}",
        max_chars=200,
        disabled=bool(obstacle),
    ).strip()
    private = st.toggle("Private", value=True, key="models-hub-private", disabled=bool(obstacle))
    if obstacle:
        st.info(obstacle, icon=":material/login:")
    if not private:
        st.warning(
            "Everybody will be able to see and download it. May the data's terms be passed on that way?",
            icon=":material/public:",
        )
    if st.button("Push", icon=":material/cloud_upload:", disabled=bool(obstacle), key="models-hub-push"):
        _push(facts, repo, private=private)


def _explain_obstacle() -> str:
    if is_hub_offline():
        return (
            "`HF_HUB_OFFLINE` is set for this dashboard, so the Hub is never asked. Start it without to push."
        )
    if not has_hub_login():
        return (
            "Nobody is logged in to the Hub on this machine. Run `hf auth login` in a terminal (or set "
            "`HF_TOKEN` before the start), then reload this page. **Download zip** works without."
        )
    return ""


def _push(facts: ModelFacts, repo: str, *, private: bool) -> None:
    address = ""
    with st.status("Checking the model…") as status:
        try:
            address = push_to_hub(
                facts.entry,
                require_text(repo, "no repository is named yet; type your name, a slash and the model's"),
                private=private,
                on_step=lambda text: status.update(label=f"{escape_markdown(text)}…"),
            )
            status.update(label="It is on the Hub", state="complete")
        except FerError as error:
            status.update(label="It was not pushed", state="error")
            failure = error
    if address:
        st.success(f"It is at {escape_markdown(address)}.", icon=":material/check_circle:")
    else:
        show_error(failure)
