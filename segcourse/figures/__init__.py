"""Pictures of the course: matplotlib figures in one style, in both languages, each with its alt text. See `base` for how the text travels."""

from segcourse.figures.base import Figure
from segcourse.figures.charts import bars, class_iou, compare, confusion, curve, lines
from segcourse.figures.grids import grid, grids
from segcourse.figures.live import LiveCurve
from segcourse.figures.maps import chapter_map
from segcourse.figures.moving import Animation, animation
from segcourse.figures.networks import architecture, mirror
from segcourse.figures.photos import PHOTOS, photo, photo_credit
from segcourse.figures.pictures import heat_map, image, images, label_map, overlay, prediction_rows, receptive_field
from segcourse.figures.pixels import pixel_centres
from segcourse.figures.tables import Table, table

__all__ = ["Animation", "Figure", "LiveCurve", "PHOTOS", "Table", "animation", "architecture", "bars", "chapter_map", "class_iou", "compare", "confusion", "curve", "grid", "grids",
           "heat_map", "image", "images", "label_map", "lines", "mirror", "overlay", "photo", "photo_credit", "pixel_centres", "prediction_rows", "receptive_field", "table"]
