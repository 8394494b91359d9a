"""The course's figures: each function returns a Figure with alt text in the language in force."""

from segcourse.figures.figure import Figure
from segcourse.figures.grids import grid, grids
from segcourse.figures.networks import architecture
from segcourse.figures.pictures import heat_map, image, images, label_map, overlay, photo, photo_credit, prediction_rows, receptive_field
from segcourse.figures.plots import LiveCurve, bars, class_iou, compare, confusion, curve, lines
from segcourse.figures.tables import table

__all__ = ["Figure", "LiveCurve", "architecture", "bars", "class_iou", "compare", "confusion", "curve", "grid", "grids", "heat_map", "image", "images",
           "label_map", "lines", "overlay", "photo", "photo_credit", "prediction_rows", "receptive_field", "table"]
