"""`fer listen`: where somebody speaks in sound files, and what the voice appears to express."""

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from fer_core.cli.terminal import say, show_progress
from fer_core.errors import ConfigError, MediaError
from fer_core.progress import keep_result
from fer_core.results import check_table, list_extensions

if TYPE_CHECKING:
    from fer_core.sound.vocal import VocalTrack, VoiceModel

INTERRUPTED = 130


def describe_tables() -> str:
    """Help of `--table`, with the formats of installed packages."""
    return (
        f"Also write one row per labelled time of speech to this file, which ends in {list_extensions()}. "
        "Where nobody speaks there is no row."
    )


def main(
    sounds: Annotated[Positional[tuple[Path, ...]], arg(metavar="FILE")],
    *,
    model: str | None = None,
    one_speaker: bool = False,
    table: Annotated[Path | None, arg(help=describe_tables)] = None,
    json_output: Annotated[bool, arg(name="json")] = False,
    max_minutes: float = math.inf,
    overwrite: bool = False,
) -> int:
    """Find where somebody speaks in sound files or films, and what the voice appears to express.

    Where nobody speaks there is no label. Two who speak at once are one voice.

    Args:
        sounds: WAV, FLAC, MP3, Opus, AAC ..., or films with sound.
        model: A voice model: a run's name, a folder, or an exported .onnx file. Without one only speech is
            found.
        one_speaker: One person speaks in each file: take off what this voice always sounds like, if there is
            enough speech.
        table: Also write one row per labelled time of speech to this file.
        json_output: Print JSON instead of lines.
        max_minutes: Refuse longer sound.
        overwrite: Replace a table that exists.
    """
    if not sounds:
        raise ConfigError("no sound was named; try: fer listen talk.wav")
    check_one_speaker(model, one_speaker=one_speaker)
    if table is not None:
        _check_table(table, overwrite=overwrite)
    from fer_core.cli.streams import stop_on_interrupt
    from fer_core.sound.tables import write_vocal_table
    from fer_core.sound.vocal import listen

    voice = load_voice(model)
    tracks: list[tuple[str, VocalTrack]] = []
    with stop_on_interrupt() as is_stopped:
        for number, path in enumerate(sounds):
            with show_progress(f"Listening to {path.name}…", part=number, of=len(sounds)) as show:
                try:
                    track = listen(
                        path,
                        voice,
                        max_duration_s=60 * max_minutes,
                        on_progress=lambda done_s, all_s, show=show: show(done_s, all_s or 0),  # type: ignore[misc]
                        cancelled=is_stopped,
                    )
                except MediaError as error:
                    if len(sounds) == 1:
                        raise
                    say(f"fer listen: {error}", file=sys.stderr)
                    continue
            if one_speaker and track.windows:
                from fer_core.voice.one_speaker import take_baseline_off

                track = take_baseline_off(track)
            tracks.append((str(path), track))
            if not json_output:
                print_track(str(path), track)
            if is_stopped():
                break
    if json_output:
        say(json.dumps([_to_json(source, track) for source, track in tracks], indent=2))
    if table is not None:
        write_vocal_table(table, tracks)
        say(f"table: {table}", file=sys.stderr)
    keep_result({"sounds": [_to_json(source, track) for source, track in tracks]})
    if is_stopped():
        return INTERRUPTED
    return 0 if len(tracks) == len(sounds) else 1


def check_one_speaker(model: str | None, *, one_speaker: bool) -> None:
    """Refuse to take a baseline off without a voice model.

    Raises:
        ConfigError: there is none.
    """
    if one_speaker and model is None:
        raise ConfigError(
            "--one-speaker takes off what a voice always sounds like to a model, and no voice model was "
            "named; name one, or leave it out"
        )


def _check_table(table: Path, *, overwrite: bool) -> None:
    if table.is_file() and not overwrite:
        raise ConfigError(f"{table} exists already; choose another name, or add --overwrite")
    check_table(table)


def load_voice(name: str | None) -> "VoiceModel | None":
    """The voice model that was asked for, if one was.

    Raises:
        FerError: there is none of that name, or it reads faces.
    """
    if name is None:
        return None
    from fer_core.voice import load_voice_model

    return load_voice_model(name)


def print_track(source: str, track: "VocalTrack") -> None:
    """Print when somebody speaks and the most probable expressions."""
    from fer_core.sound.vocal import list_rows

    model = f" (model {track.model})" if track.model else ""
    say(f"{source}: {track.duration_s:.1f} s, {track.speech_s:.1f} s of speech{model}")
    for start_s, end_s, prediction in list_rows(track):
        ranked = prediction.ranked()[:3] if prediction else []
        words = "  ".join(f"{name} {share:.0%}" for name, share in ranked)
        say(f"  {_clock(start_s)} to {_clock(end_s)}  {words or 'speech'}")
    if not track.speech:
        say("  nobody speaks")
    for note in track.notes:
        say(f"  {note}")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:2.0f}:{rest:04.1f}"


def _to_json(source: str, track: "VocalTrack") -> dict[str, Any]:
    from fer_core.sound.vocal import list_rows

    return {
        "source": source,
        "duration_s": track.duration_s,
        "speech_s": track.speech_s,
        "model": track.model or None,
        "notes": list(track.notes),
        "mean_shares": track.mean_shares(),
        "speech": [
            {
                "start_s": start_s,
                "end_s": end_s,
                "label": prediction.label if prediction else None,
                "probabilities": dict(prediction.ranked()) if prediction else {},
            }
            for start_s, end_s, prediction in list_rows(track)
        ],
    }
