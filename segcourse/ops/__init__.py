"""The operations that the papers add, from scratch: pure functions of tensors, each equal to its torch counterpart."""

from segcourse.ops.atrous_conv import atrous_conv2d, effective_kernel, zero_stuffed
from segcourse.ops.bilinear_kernel import bilinear_kernel
from segcourse.ops.boundary import boundary_band, boundary_counts, boundary_reach
from segcourse.ops.confusion import class_iou, confusion_matrix
from segcourse.ops.conv import conv2d
from segcourse.ops.cross_entropy import cross_entropy, log_softmax, pixel_cross_entropy, top_k_mean
from segcourse.ops.dense_crf import DenseCRF, dense_crf, dense_crf_exact
from segcourse.ops.linear_to_conv import linear_to_conv
from segcourse.ops.make_dense import make_dense
from segcourse.ops.max_unpool import max_pool2d_with_switches, max_unpool2d
from segcourse.ops.one_hot import one_hot
from segcourse.ops.receptive_field import Box, ReceptiveField, effective_receptive_field, receptive_field
from segcourse.ops.resize import resize, sample_points
from segcourse.ops.sizes import output_size, transposed_output_size
from segcourse.ops.transposed_conv import conv_transpose2d, stamp_count
from segcourse.ops.ways_back import bed_of_nails, nearest_unpool2d

__all__ = ["Box", "DenseCRF", "ReceptiveField", "atrous_conv2d", "bed_of_nails", "bilinear_kernel", "boundary_band", "boundary_counts",
           "boundary_reach", "class_iou", "confusion_matrix", "conv2d", "conv_transpose2d", "cross_entropy", "dense_crf", "dense_crf_exact",
           "effective_kernel", "effective_receptive_field", "linear_to_conv", "log_softmax", "make_dense", "max_pool2d_with_switches", "max_unpool2d",
           "nearest_unpool2d", "one_hot", "output_size", "pixel_cross_entropy", "receptive_field", "resize", "sample_points", "stamp_count",
           "top_k_mean", "transposed_output_size", "zero_stuffed"]
