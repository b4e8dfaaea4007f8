"""Pushing a model to the Hugging Face Hub: only when asked, private unless said otherwise."""

import os
import re
import shutil
from collections.abc import Callable
from typing import Any, Final, Protocol

from fer_core.checkpoint import CARD_FILE, CheckpointEntry
from fer_core.errors import CheckpointError, ConfigError
from fer_core.exchange.card import load_card
from fer_core.exchange.model_zip import build_readme, get_short_name, list_files
from fer_core.exchange.unpack import README_FILE
from fer_core.redact import redact
from fer_core.scratch import scratch_folder

_REPO: Final[re.Pattern[str]] = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
_LOGIN: Final[str] = "log in first: run `hf auth login` in a terminal, or set HF_TOKEN, and come back"


class HubApi(Protocol):
    """What is used of `huggingface_hub.HfApi`."""

    def whoami(self) -> dict[str, Any]:
        """Who is logged in."""

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> Any:
        """Make a repository."""

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> Any:
        """Upload files in one commit."""


def get_hub_user(api: HubApi | None = None) -> str:
    """Name of the user who is logged in to the Hub. Asks the Hub.

    Raises:
        CheckpointError: nobody is logged in, or the Hub can't be reached; says what to do.
    """
    name = str(_ask((api or _build_api()).whoami).get("name") or "")
    if not name:
        raise CheckpointError(f"the Hub does not say who is logged in; {_LOGIN}")
    return name


def has_hub_login() -> bool:
    """Whether a token is stored on this machine. Asks nobody."""
    from huggingface_hub import get_token

    return get_token() is not None


def is_hub_offline() -> bool:
    """Whether the environment forbids asking the Hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def push_to_hub(
    entry: CheckpointEntry,
    repo: str,
    *,
    private: bool = True,
    api: HubApi | None = None,
    on_step: Callable[[str], None] | None = None,
) -> str:
    """Upload a model, its card as the repository's front page; returns the repository's address.

    Args:
        entry: the model.
        repo: `owner/name`, or a name that the logged-in person will own.
        private: whether a repository that is made now is private; an existing one stays as it is.
        api: talks to the Hub; `huggingface_hub.HfApi` if not given.
        on_step: told in words what is done next.

    Raises:
        ConfigError: `repo` can't be the name of a repository.
        CheckpointError: the model is damaged, nobody is logged in, or the Hub can't be reached or refuses.
        StorageError: the temporary folder is full.
    """
    if not _REPO.fullmatch(repo) or ".." in repo or "--" in repo:
        raise ConfigError(
            f"{repo!r} can't be a repository of the Hub; expected owner/name, for example me/{repo}"
        )
    report = on_step or (lambda text: None)
    report("Checking the model")
    files = list_files(entry)
    api = api or _build_api()
    report("Asking the Hub who is logged in")
    repo_id = repo if "/" in repo else f"{get_hub_user(api)}/{repo}"
    with scratch_folder() as folder:
        for path in files:
            if path.name != CARD_FILE:
                shutil.copyfile(path, folder / path.name)
        (folder / README_FILE).write_text(build_hub_card(entry), encoding="utf-8")
        report(f"Making the repository {repo_id}")
        _ask(lambda: api.create_repo(repo_id, private=private, exist_ok=True))
        report(f"Uploading {len(files)} files")
        message = f"Upload {get_short_name(entry)}"
        _ask(lambda: api.upload_folder(repo_id=repo_id, folder_path=str(folder), commit_message=message))
    return f"https://huggingface.co/{repo_id}"


def build_hub_card(entry: CheckpointEntry) -> str:
    """The repository's front page: facts for the Hub's search, the model card, how to use the files."""
    name = get_short_name(entry)
    files = [path.name for path in list_files(entry) if path.name != CARD_FILE]
    card = load_card(entry.folder).strip() or f"# {name}"
    usage = build_readme(name, entry.info, files).partition("\n")[2].strip()
    tags = "\n".join(f"- {tag}" for tag in ("facial-expression-recognition", "fer", "safetensors"))
    return (
        f"---\npipeline_tag: image-classification\ntags:\n{tags}\n---\n{card}\n\n## Files and use\n{usage}\n"
    )


def _build_api() -> HubApi:
    if is_hub_offline():
        raise CheckpointError(
            "HF_HUB_OFFLINE is set, so the Hub isn't asked; unset it to push, or send the zip"
        )
    if not has_hub_login():
        raise CheckpointError(f"nobody is logged in to the Hugging Face Hub; {_LOGIN}")
    from huggingface_hub import HfApi

    api: HubApi = HfApi()
    return api


def _ask(question: Callable[[], Any]) -> Any:
    """Ask the Hub, and turn its refusals into sentences."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    # The bases are the errors of whichever HTTP library this version of the client is built on.
    unreachable: tuple[type[Exception], ...] = (*HfHubHTTPError.__bases__, OSError)
    try:
        return question()
    except LocalTokenNotFoundError as cause:
        raise CheckpointError(f"nobody is logged in to the Hugging Face Hub; {_LOGIN}") from cause
    except HfHubHTTPError as cause:
        status = cause.response.status_code if cause.response is not None else 0
        if status in (401, 403):
            raise CheckpointError(
                f"the Hub refuses ({status}): the token is old or may not write there; {_LOGIN}"
            ) from cause
        reason = redact(str(cause).splitlines()[0])
        raise CheckpointError(f"the Hub answers with an error: {reason}") from cause
    except HFValidationError as cause:
        raise ConfigError(f"the Hub can't have a repository of that name: {cause}") from cause
    except unreachable as cause:
        raise CheckpointError(
            f"the Hugging Face Hub can't be reached ({type(cause).__name__}); check the connection and try "
            "again, or download the zip and upload it by hand"
        ) from cause
