"""Sound of films and recordings: decoding, where somebody speaks, and what the voice appears to express."""

from fer_core.sound.decode import SOUND_SUFFIXES, Sound, SoundInfo, SoundReader, open_sound, read_sound

__all__ = ["SOUND_SUFFIXES", "Sound", "SoundInfo", "SoundReader", "open_sound", "read_sound"]
