"""Things side by side in rows."""

from collections.abc import Iterator
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def iterate_cells(
    num_cells: int, num_columns: int, *, gap: Literal["small", "medium"] = "small"
) -> Iterator[DeltaGenerator]:
    """The cells of a grid, row by row; on a phone, where columns lie below each other, they keep their order.

    Args:
        num_cells: how many there are, 0 or more.
        num_columns: of them beside each other, 1 or more.
        gap: between them.
    """
    row: list[DeltaGenerator] = []
    for index in range(num_cells):
        if index % num_columns == 0:
            row = st.columns(num_columns, gap=gap)
        yield row[index % num_columns]
