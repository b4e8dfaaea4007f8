"""From pixels to labelled faces: detectors, crop, predictor, tracking, overlay, video."""
