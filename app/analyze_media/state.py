"""Keys of this page in the session state."""

from enum import StrEnum


class Key(StrEnum):
    """Keys of widgets and values that live as long as a browser session."""

    MEDIA_TAB = "media_tab"
    """Open tab of the Analyze media page."""
    LAST_TAB = "media_last_tab"
    """The tab that was open when the user left the page."""
    PICTURES = "pictures"
    """File dialog for pictures."""
    KEPT_PICTURES = "kept_pictures"
    """Pictures that were uploaded; they stay for the session, the dialog forgets them with the page."""
    LEFT_OUT = "pictures_left_out"
    """Those of the last upload that were too many."""
    SAMPLE = "show_sample"
    """Whether the sample picture is among those shown."""
    PICTURE = "picture"
    """Which picture is shown, from 0."""
    SHARP = "sharp_picture"
    """The picture that is enlarged on the page, with all its pixels: its `key` and a JPEG."""
    VIDEO_UPLOAD = "video_upload"
    """How often videos were uploaded in this session; part of the file dialog's key."""
    VIDEOS = "videos"
    """Checked videos that are not analyzed yet."""
    VIDEO = "video"
    """The video that is shown: its task's name."""
    VIDEO_ERRORS = "video_errors"
    """Why which of the last uploads can't be used."""
    ANALYSES = "analyses"
    """Results by content, model and detector."""
