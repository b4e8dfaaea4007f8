"""Stands in for the Hugging Face Hub."""

from pathlib import Path


class FakeHub:
    """Remembers what was asked of it; fails with `error` where one is given."""

    def __init__(self, error=None):
        self.error, self.asked, self.files = error, [], {}

    def whoami(self):
        if self.error:
            raise self.error
        return {"name": "me"}

    def create_repo(self, repo_id, *, private, exist_ok):
        self.asked.append((repo_id, private, exist_ok))

    def upload_folder(self, *, repo_id, folder_path, commit_message):
        self.files = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}
