"""Compare runs: which model is better, whether that is real, and where each errs."""

import streamlit as st

from app.ui.compare_data import list_models, load_comparison, report_stamp
from app.ui.compare_errors import render_errors
from app.ui.compare_table import choose_models, require_reports
from app.ui.compare_view import render_charts, render_export, render_findings, render_matrices
from app.ui.layout import page_header
from fer_core.workspace import Workspace


def main() -> None:
    page_header("Compare runs", "Which model is better at **apparent expressions**, and is that real?")
    workspace = Workspace.default()
    keys = choose_models(workspace)
    if not keys:
        return
    if not require_reports(keys, workspace):
        return
    models = list_models(workspace)
    stamps = tuple(report_stamp(models[key], workspace) for key in keys)
    comparison = load_comparison(tuple(keys), stamps, str(workspace.root))
    render_findings(comparison)
    render_export(comparison)
    cell = render_matrices(comparison)
    render_errors(comparison, cell, workspace)
    st.divider()
    render_charts(comparison, workspace)


if __name__ == "__main__":
    main()
