"""An example of an installed package that adds to the FER workbench."""
