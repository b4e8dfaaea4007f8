"""What Streamlit's widgets can't do for the Label page."""
