"""Pictures of the course: matplotlib figures in one style, in both languages, each with its alt text."""

from segcourse.figures.base import Figure
from segcourse.figures.grids import grid, grids
from segcourse.figures.photos import PHOTOS, photo, photo_credit
from segcourse.figures.pictures import heat_map, image, images, label_map, overlay, prediction_rows, receptive_field

__all__ = ["Figure", "PHOTOS", "grid", "grids", "heat_map", "image", "images", "label_map", "overlay", "photo", "photo_credit", "prediction_rows",
           "receptive_field"]
