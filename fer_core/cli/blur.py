"""`fer blur`: hide the faces of people who did not agree."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from fer_core.cli.terminal import say, show_progress
from fer_core.errors import ConfigError
from fer_core.inference.video_writer import DEFAULT_ENCODER, EncoderSettings


def main(
    source: Annotated[Positional[Path], arg(metavar="VIDEO")],
    table: Annotated[Positional[Path], arg(metavar="TABLE")],
    target: Annotated[Positional[Path], arg(metavar="OUTPUT")],
    *,
    show: tuple[str, ...] = (),
    recording: str | None = None,
    crf: int = DEFAULT_ENCODER.crf,
    overwrite: bool = False,
) -> int:
    """Write a video in which every face is a mosaic, but those of the people who agreed.

    A face that was never found is not hidden: look through the result before you hand it on. Voices stay.

    Args:
        source: The video, or what `fer annotate` drew of it.
        table: The table that `fer annotate --table` wrote of it.
        target: The MP4 file to write.
        show: Who may be seen: numbers of faces (track_id), or names of persons.
        recording: Which one, if the table holds several.
        crf: Quality, 0 (lossless) to 51.
        overwrite: Replace a file that exists.
    """
    if target.exists() and not overwrite:
        raise ConfigError(f"{target} exists already; choose another name, or add --overwrite")
    from fer_core.studies.blurring import blur_video
    from fer_core.studies.formats.tables import choose_recording, read_table

    faces = choose_recording(read_table(table), recording, table)
    with show_progress("Reading the first frames…") as report:
        found = blur_video(
            source,
            faces,
            target,
            show=show,
            encoder=EncoderSettings(crf=crf),
            on_progress=lambda done, total: report(done, total, f"{done:,} of {total:,} frames"),
        )
    say(f"{target}: faces hidden on {found.num_frames_hidden} of {found.num_frames} frames")
    say(f"hidden: {', '.join(found.hidden) or 'nobody'}; seen: {', '.join(found.shown) or 'nobody'}")
    say("a face that was never found is not hidden; look through the video before you hand it on")
    return 0
