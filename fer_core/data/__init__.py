"""Data sets: importers, the on-disk store, splits, label modes, augmentation, the synthetic set."""
