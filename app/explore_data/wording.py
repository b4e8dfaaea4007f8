"""What a data set holds, in words."""

from fer_core.data.store import DatasetInfo
from fer_core.words import count


def describe_format(info: DatasetInfo) -> str:
    """How many samples of what kind, as Markdown: `**200** images of 48 × 48 px, grey`."""
    number, _, noun = count(info.num_images, "image" if info.sound is None else "clip").partition(" ")
    if info.sound is not None:
        return f"**{number}** {noun} of {info.sound.window_s:g} s of sound"
    color = "grey" if info.color == "gray" else "RGB"
    return f"**{number}** {noun} of {info.width:d} × {info.height:d} px, {color}"
