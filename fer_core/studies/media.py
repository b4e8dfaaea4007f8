"""What formats of other tools need to know of a video."""

from pathlib import Path

from fer_core.studies.formats import Media


def describe_media(video: Path) -> Media:
    """What formats need to know of a video.

    Raises:
        MediaError: it can't be read.
    """
    from fer_core.inference.video_reader import probe_video

    info = probe_video(video)
    return Media(
        name=str(video),
        fps=info.fps,
        duration_s=info.duration_s or 0.0,
        width_px=info.width_px,
        height_px=info.height_px,
    )
