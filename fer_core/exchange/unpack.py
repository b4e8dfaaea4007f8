"""Taking the few files of a model out of a zip, a folder or loose files. Everything else stays outside."""

import shutil
import stat
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from fer_core.checkpoint import CARD_FILE, INFO_FILE
from fer_core.data.tree import ARCHIVE_DAMAGE
from fer_core.errors import CheckpointError
from fer_core.exchange.card import MAX_CARD_BYTES
from fer_core.exported import EXPORTS_FILE
from fer_core.links import check_link, check_member

MAX_WEIGHTS_BYTES: Final[int] = 4 * 1024**3
"""A vision transformer of a billion parameters in fp32; nothing for faces is larger."""
MAX_JSON_BYTES: Final[int] = 1024**2
README_FILE: Final[str] = "README.md"
"""How to use the files; our own zips have one, and it is no part of the model."""
_MAX_MEMBERS: Final[int] = 1000
_MAX_RATIO: Final[int] = 50
"""Unpacked to packed size of weights; floats barely pack at all, a bomb packs a thousandfold."""
_RATIO_FREE_BYTES: Final[int] = 16 * 1024**2
"""Below this a member may pack as well as it likes."""
_CHUNK_BYTES: Final[int] = 1024**2
_PICKLED: Final[tuple[str, ...]] = (".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt", ".joblib", ".h5")
_LIMITS: Final[Mapping[str, int]] = {
    INFO_FILE: MAX_JSON_BYTES,
    EXPORTS_FILE: MAX_JSON_BYTES,
    CARD_FILE: MAX_CARD_BYTES,
    ".safetensors": MAX_WEIGHTS_BYTES,
    ".onnx": MAX_WEIGHTS_BYTES,
    ".onnx.data": MAX_WEIGHTS_BYTES,
}
"""What is taken, by name or by ending, and how large it may be."""


@dataclass(frozen=True, slots=True)
class StagedFiles:
    """What was taken out."""

    folder: Path
    """Holds the files, under their base names."""
    names: tuple[str, ...]
    ignored: tuple[str, ...]
    """Files that are no part of a model and were left where they were."""

    def with_suffix(self, suffix: str) -> list[Path]:
        """The taken files whose name ends so."""
        return [self.folder / name for name in self.names if name.endswith(suffix)]


def stage_files(sources: Sequence[Path], folder: Path) -> StagedFiles:
    """Copy the files of one model into an empty `folder`.

    Args:
        sources: a zip, or a folder, or the files themselves.
        folder: where they go.

    Raises:
        CheckpointError: missing, damaged, too large, unsafe paths, two files of one name, or no model in it.
    """
    if not sources:
        raise CheckpointError(f"no file was given; expected a zip, or {INFO_FILE} with its .safetensors")
    try:
        if len(sources) == 1 and sources[0].is_file() and zipfile.is_zipfile(sources[0]):
            return _stage_zip(sources[0], folder)
        return _stage_loose(sources, folder)
    except OSError as cause:
        raise CheckpointError(
            f"the model's files can't be copied to {folder}: {cause.strerror or cause}; nothing was kept"
        ) from cause


def _stage_loose(sources: Sequence[Path], folder: Path) -> StagedFiles:
    paths: list[Path] = []
    for source in sources:
        if source.is_dir():
            for path in sorted(path for path in source.iterdir() if not path.name.startswith(".")):
                check_link(path, source, CheckpointError)
                paths += [path] if path.is_file() else []
        elif source.is_file():
            paths.append(source)
        else:
            raise CheckpointError(f"{source} does not exist; expected a zip, a folder or a model's files")
    taken, ignored = _choose([path.name for path in paths], _name_sources(sources))
    by_name = {path.name: path for path in paths}
    for name in taken:
        limit = _find_limit(name)
        if by_name[name].stat().st_size > limit:
            raise CheckpointError(
                f"{name} has more than {limit:,} bytes; a model's file of that kind has less"
            )
        shutil.copyfile(by_name[name], folder / name)
    return StagedFiles(folder, tuple(taken), tuple(ignored))


def _stage_zip(source: Path, folder: Path) -> StagedFiles:
    try:
        with zipfile.ZipFile(source) as archive:
            members = _list_members(archive, source)
            taken, ignored = _choose(list(members), source.name)
            for name in taken:
                with archive.open(members[name]) as stream, (folder / name).open("wb") as target:
                    _copy_limited(stream, target, members[name], _find_limit(name))
    except OSError:
        raise  # the caller tells it, whether reading or writing failed
    except ARCHIVE_DAMAGE as cause:
        raise CheckpointError(f"{source.name} can't be unpacked: {cause}; ask for it again") from cause
    return StagedFiles(folder, tuple(taken), tuple(ignored))


def _list_members(archive: zipfile.ZipFile, source: Path) -> dict[str, zipfile.ZipInfo]:
    """Files by base name; a single folder around all of them is what people's zip programs make."""
    infos = archive.infolist()
    if len(infos) > _MAX_MEMBERS:
        raise CheckpointError(f"{source.name} holds {len(infos):,} files; a model has a handful")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        parts = check_member(source, info.filename, CheckpointError).parts
        if stat.S_ISLNK(info.external_attr >> 16):
            raise CheckpointError(f"{source.name} holds the link {info.filename!r}; refused")
        if info.is_dir() or any(part.startswith(".") or part == "__MACOSX" for part in parts):
            continue
        name = parts[-1]
        if _find_limit(name) and name in members:
            raise CheckpointError(
                f"{source.name} holds {members[name].filename} and {info.filename}; zip one model only"
            )
        members[name] = info
    return members


def _copy_limited(stream: IO[bytes], target: IO[bytes], info: zipfile.ZipInfo, limit: int) -> None:
    """Unpack a member, and stop at the limit whatever its header promised."""
    allowed = min(limit, max(_RATIO_FREE_BYTES, info.compress_size * _MAX_RATIO))
    done = 0
    while chunk := stream.read(_CHUNK_BYTES):
        done += len(chunk)
        if done > allowed:
            raise CheckpointError(
                f"{info.filename} unpacks to more than {allowed:,} bytes from {info.compress_size:,}; refused"
            )
        target.write(chunk)


def _choose(names: Sequence[str], source: str) -> tuple[list[str], list[str]]:
    """Names to take and names to leave.

    Raises:
        CheckpointError: there is no model among them.
    """
    taken = [name for name in names if _find_limit(name)]
    ignored = [name for name in names if not _find_limit(name) and name != README_FILE]
    if len(set(taken)) != len(taken):
        raise CheckpointError("two of the files have the same name; give those of one model")
    if INFO_FILE in taken or any(name.endswith(".onnx") for name in taken):
        return taken, ignored
    refuse_pickles(names)
    seen = ", ".join(sorted(names)[:5]) or "nothing"
    raise CheckpointError(
        f"{source} holds no model: expected {INFO_FILE} with its .safetensors, or an .onnx, but saw {seen}"
    )


def refuse_pickles(names: Sequence[str]) -> None:
    """Say why weights of the usual kind aren't taken, if there are any among the files.

    Raises:
        CheckpointError: there are.
    """
    pickled = [name for name in names if name.lower().endswith(_PICKLED)]
    if pickled:
        raise CheckpointError(
            f"{pickled[0]} is of a kind that can run code when it is opened, so it isn't read; ask for "
            f"{INFO_FILE} with .safetensors, or for an ONNX file that `fer export` wrote"
        )


def _find_limit(name: str) -> int:
    """How many bytes a file of that name may have; 0 if it is none of a model's."""
    if name in _LIMITS:
        return _LIMITS[name]
    return next((limit for key, limit in _LIMITS.items() if key.startswith(".") and name.endswith(key)), 0)


def _name_sources(sources: Sequence[Path]) -> str:
    return ", ".join(path.name for path in sources[:3])
