"""What a person reads before camera or microphone start, wherever faces are read; as Markdown points."""

from typing import Final

_ASKED: Final[tuple[str, str]] = (
    "**Who is in view?** Film only people who know that a program reads their faces, and who agreed.",
    "**What is it?** A model's reading of **apparent expressions**, often wrong, and no measure of what "
    "anyone feels. At work and in schools, inferring emotions is prohibited in the EU, medical and safety "
    "reasons aside.",
)
IN_BROWSER: Final[tuple[str, ...]] = (
    *_ASKED,
    "**Where does it go?** Nowhere: everything is computed in this browser. No picture and no result leaves "
    "this device. Nothing is stored unless you save it.",
)
ON_SERVER: Final[tuple[str, ...]] = (
    *_ASKED,
    "**Where does it go?** To the computer that runs this page and nowhere else. It is analyzed in memory; "
    "nothing is stored unless you record or collect faces.",
)
AGREE: Final[str] = "Everyone in view agreed"

_HEARD: Final[str] = (
    "**Who is heard?** Listen only to people who know that a program reads their voices, and who agreed: "
    "those out of view, too. It reads **apparent expressions**, not words, and is often wrong."
)
HEARD_IN_BROWSER: Final[tuple[str, ...]] = (
    _HEARD,
    "**Where does it go?** Nowhere: the sound stays in this browser, which holds at most 3 s of it. "
    "It is never stored.",
)
HEARD_ON_SERVER: Final[tuple[str, ...]] = (
    _HEARD,
    "**Where does it go?** To the computer that runs this page and nowhere else. At most 3 s are "
    "held in memory. It is never stored: recordings have no sound.",
)
AGREE_HEARD: Final[str] = "Everyone who is heard agreed"
