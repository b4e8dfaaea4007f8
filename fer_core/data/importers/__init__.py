"""Importers: each module registers the kinds of source that it reads."""

from fer_core.data.importers import (  # noqa: F401 - they register themselves
    clip_lists,
    emonet_face,
    fer2013,
    folders,
    label_files,
    parquet,
    path_layouts,
    rafdb,
    tables,
    voice_layouts,
)
