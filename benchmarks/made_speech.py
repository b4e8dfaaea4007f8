"""Speech made by eSpeak NG, whose beginning and end are known. Other benchmarks use it.

pip install espeakng-loader     # brings the library and its voices (GPL-3.0); only these measurements need it
"""

import ctypes
import importlib
import sys
from typing import Any

import numpy as np

from fer_core.types import Float32Array

RATE = 22_050
"""Of eSpeak NG."""
SENTENCES = (
    ("en", "The weather was better than we had hoped for."),
    ("en", "Could you bring the other chair over here, please?"),
    ("en", "Nobody told me that the train would be late again."),
    ("en", "We walked along the river until it got dark."),
    ("de", "Der Lappen liegt auf dem Eisschrank."),
    ("de", "Das will sie am Mittwoch abgeben."),
    ("de", "Heute abend könnte ich es ihm sagen."),
    ("fr", "Il fait beau aujourd'hui, allons nous promener."),
    ("fr", "Je ne sais pas où j'ai mis mes clés."),
    ("es", "Mañana por la mañana vamos al mercado."),
    ("es", "No encuentro las llaves de la casa."),
)
VOICES = ("", "+f2", "+m3", "+f4", "+m7")
_SYNCHRONOUS, _UTF8 = 2, 1
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Speaker:
    """eSpeak NG: a text in, sound out. One per process."""

    def __init__(self) -> None:
        try:
            loader: Any = importlib.import_module("espeakng_loader")
        except ModuleNotFoundError:
            sys.exit("this needs made speech; get it with: pip install espeakng-loader")
        self._library = ctypes.CDLL(loader.get_library_path())
        self._parts: list[Float32Array] = []
        self._library.espeak_Initialize(_SYNCHRONOUS, 0, loader.get_data_path().encode(), 0)
        self._keep = _CALLBACK(self._take)  # the library calls it as long as it lives
        self._library.espeak_SetSynthCallback(self._keep)

    def _take(self, samples: Any, num: int, _events: Any) -> int:
        if samples and num > 0:
            self._parts.append(np.ctypeslib.as_array(samples, (num,)).astype(np.float32) / 2**15)
        return 0

    def say(self, text: str, voice: str = "en") -> Float32Array:
        """Samples at 22,050 Hz, without the silence around them."""
        self._parts = []
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"eSpeak NG has no voice {voice!r}")
        data = text.encode() + b"\0"
        self._library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        samples = np.concatenate(self._parts) if self._parts else np.zeros(0, np.float32)
        loud = np.flatnonzero(np.abs(samples) > 0.01)
        return samples[loud[0] : loud[-1] + 1] if len(loud) else samples

    def sentences(self) -> "list[Float32Array]":
        """Every sentence, in voices of men and women."""
        return [
            self.say(text, f"{language}{VOICES[number % len(VOICES)]}")
            for number, (language, text) in enumerate(SENTENCES)
        ]
