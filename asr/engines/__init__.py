"""Recognition engines, one adapter file each."""
