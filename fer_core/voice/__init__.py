"""Apparent vocal expression: models that read windows of sound."""

from fer_core.voice.model import VoiceModel, load_voice_model

__all__ = ["VoiceModel", "load_voice_model"]
