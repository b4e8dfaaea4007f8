"""The confusion matrix as a figure."""

from fer_core.evaluation.matrix_chart import build_matrix


def test_a_matrix_is_coloured_by_the_share_of_the_truth_and_only_full_cells_have_white_numbers():
    heat, on_pale, on_full, points = build_matrix([[3, 1], [0, 0]], ["anger", "fear"]).data
    assert [list(row) for row in heat.z] == [[0.75, 0.25], [0.0, 0.0]]
    assert list(on_pale.text) == ["", "1", "", ""]
    assert list(on_full.text) == ["3", "", "", ""]
    assert on_full.textfont.color == "white"
    assert [(points.y[place], points.x[place]) for place in (0, 1, 2)] == [
        ("anger", "anger"),
        ("anger", "fear"),
        ("fear", "anger"),
    ]


def test_differences_are_coloured_by_the_widest():
    heat, on_pale, on_full, _ = build_matrix(
        [[2, 2], [0, 4]], ["a", "b"], difference_to=[[4, 0], [1, 3]]
    ).data
    assert [list(row) for row in heat.z] == [[-0.5, 0.5], [-0.25, 0.25]]
    assert (heat.zmin, heat.zmax) == (-0.5, 0.5)
    assert list(on_full.text) == ["-2", "+2", "", ""]
    assert list(on_pale.text) == ["", "", "-1", "+1"]
