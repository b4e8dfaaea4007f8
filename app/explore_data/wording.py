"""What a data set holds, in words."""

from fer_core.data.store import DatasetInfo


def describe_format(info: DatasetInfo) -> str:
    """What its samples are, as Markdown: `images of 48 × 48 px, grey`."""
    if info.sound is not None:
        return f"clips of {info.sound.window_s:g} s of sound"
    return f"images of {info.width:d} × {info.height:d} px, {'grey' if info.color == 'gray' else 'RGB'}"
