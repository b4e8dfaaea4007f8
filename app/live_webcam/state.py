"""Keys of this page in the session state."""

from enum import StrEnum


class Key(StrEnum):
    """Keys of widgets and values that live as long as a browser session."""

    CAMERA_CONSENT = "camera_consent"
    """What the user had read when they said that everyone in view agreed."""
    MICROPHONE_CONSENT = "microphone_consent"
    """The same of everyone who is heard."""
    LISTEN = "live_listen"
    VOICE = "live_voice"
    MICROPHONE = "live_microphone"
    HEARS = "live_hears"
    """Whether the camera that plays was started with the microphone."""
