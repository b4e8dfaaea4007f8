"""Faces of one's own: collected, labelled by people, and made into a data set (docs/LABEL.md)."""

from fer_core.collecting.collection import (
    Collection,
    create_collection,
    delete_collection,
    list_collections,
    load_collection,
)

__all__ = ["Collection", "create_collection", "delete_collection", "list_collections", "load_collection"]
