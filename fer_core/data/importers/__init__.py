"""Importers: each module registers the kinds of source that it reads."""

from fer_core.data.importers import fer2013, folders, parquet, tables  # noqa: F401 - they register themselves
