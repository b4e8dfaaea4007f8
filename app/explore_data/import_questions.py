"""What a source does not say by itself: its class names, the splits of its parts, who is on a picture."""

from typing import Final

import streamlit as st

from app.explore_data.import_source import Found
from app.shared.grid import iterate_cells
from fer_core.data.importers.numberings import NUMBERINGS
from fer_core.data.store import SPLITS
from fer_core.escaping import escape_markdown
from fer_core.labels import EXPRESSIONS

LEAVE_OUT: Final[str] = "leave out"


def choose_mapping(found: Found) -> dict[str, str] | None:
    """What each class name of the source means; None while one is open."""
    suggested, counts, samples = found.facts.meanings, found.facts.labels, found.samples
    st.markdown("**What the class names mean.** Check the guesses; nothing is read in before you do.")
    numbering = _choose_numbering(found)
    names = EXPRESSIONS[found.facts.media]
    options = [*names, LEAVE_OUT]
    chosen: dict[str, str | None] = {}
    for cell, (label, count) in zip(iterate_cells(len(counts), 4), counts.items(), strict=True):
        guess = suggested[label] if numbering is None else NUMBERINGS[numbering].find(label)
        with cell, st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            if label in samples:
                st.image(samples[label], width=56, alt=f"A picture of {label}")
            chosen[label] = st.selectbox(
                f"{escape_markdown(label or '(empty)')} ({count:,})",
                options,
                index=None if guess is None else options.index(guess or LEAVE_OUT),
                placeholder="means…",
                key=f"import_map_{found.key}_{numbering or ''}{label}",
            )
    totals = {
        name: sum(counts[label] for label, meaning in chosen.items() if meaning == name) for name in names
    }
    st.caption(
        "Gives " + (", ".join(f"{name} {count:,}" for name, count in totals.items() if count) or "nothing")
    )
    if any(meaning is None for meaning in chosen.values()):
        return None
    return {label: "" if meaning == LEAVE_OUT else str(meaning) for label, meaning in chosen.items()}


def _choose_numbering(found: Found) -> str | None:
    """The data set whose numbers the class names are, where that is open; None if none was chosen."""
    offered = found.facts.numberings
    if not offered:
        return None
    chosen: str | None = st.selectbox(
        "The numbers are those of",
        list(offered),
        format_func=offered.__getitem__,
        index=None,
        placeholder="choose a data set, or say below what each number means",
        key=f"import_numbers_{found.key}",
        help="One number means other classes in the next data set. Look at the pictures, then choose.",
    )
    return chosen


def choose_parts(found: Found) -> dict[str, str] | None:
    """The split of each part of the source whose name does not say it; None while one is open."""
    asked = found.facts.asked_splits
    if not asked:
        return {}
    st.markdown(
        "**Which split each part is.** The source divides its pictures, and these names do not say how."
    )
    chosen = {}
    for cell, (part, count) in zip(iterate_cells(len(asked), 4), asked.items(), strict=True):
        chosen[part] = cell.selectbox(
            f"{escape_markdown(part)} ({count:,})",
            [*SPLITS, LEAVE_OUT],
            index=None,
            placeholder="is…",
            key=f"import_part_{found.key}_{part}",
        )
    if any(split is None for split in chosen.values()):
        return None
    return {part: "" if split == LEAVE_OUT else str(split) for part, split in chosen.items()}


def choose_groups(found: Found) -> list[str]:
    """Who is on a picture or which clip it is from: these stay on one side of a division."""
    known, columns = found.facts.num_groups, found.facts.columns
    rule = st.text_input(
        "Keep together, by column or pattern",
        key=f"import_group_by_{found.key}",
        placeholder=columns[0] if columns else r"S\d+",
        help="People and clips must not be on two sides of a split, or scores are too good. Name a column of "
        "the source, or a regular expression that is searched in the paths: its first group is who or which."
        + (f" Columns: {escape_markdown(', '.join(columns[:20]))}." if columns else ""),
    ).strip()
    if found.facts.media == "sound" and not known and not rule:
        st.caption(":material/error: Say who speaks: a voice must not be in training and test.")
    if known and not rule:
        st.caption(f"{known:,} people or clips are known from the source; each stays on one side.")
    return [f"--group-by={rule}"] if rule else []
