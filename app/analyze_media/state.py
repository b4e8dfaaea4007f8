"""Keys of this page in the session state."""

from enum import StrEnum


class Key(StrEnum):
    """Keys of widgets and values that live as long as a browser session."""

    MEDIA_TAB = "media_tab"
    """Open tab of the Analyze media page."""
    PICTURES = "pictures"
    """Uploaded pictures."""
    SAMPLE = "show_sample"
    """Whether the sample picture is among those shown."""
    PICTURE = "picture"
    """Which picture is shown."""
    FACE_PAGE = "face_page"
    """Which faces of it are shown, from 1."""
    VIDEO_UPLOAD = "video_upload"
    """Uploaded video."""
    VIDEO = "video"
    """Its upload id, and its checked file."""
    VIDEO_JOB = "video_job"
    """The job that annotates it, or has."""
    VIDEO_SHARES = "video_shares"
    """Whose mean shares are shown."""
    VIDEO_FACE = "video_face"
    """Whose timeline is shown."""
    VIDEO_TIMELINE = "video_timeline"
    """The timeline chart, with the point that was picked."""
    VIDEO_MOMENT = "video_moment_s"
    """The moment that is shown, in seconds."""
    ANALYSES = "analyses"
    """Results by content, model and detector."""
