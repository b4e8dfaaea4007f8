"""The workbench inside a browser: the same pipeline as JavaScript modules, and pages made of them."""
