"""The operations that the papers add, from scratch: pure functions of tensors, each equal to its torch counterpart."""

from segcourse.ops.bilinear_kernel import bilinear_kernel
from segcourse.ops.conv import conv2d
from segcourse.ops.linear_to_conv import linear_to_conv
from segcourse.ops.receptive_field import Box, ReceptiveField, effective_receptive_field, receptive_field
from segcourse.ops.sizes import output_size, transposed_output_size
from segcourse.ops.transposed_conv import conv_transpose2d, stamp_count

__all__ = ["Box", "ReceptiveField", "bilinear_kernel", "conv2d", "conv_transpose2d", "effective_receptive_field", "linear_to_conv", "output_size",
           "receptive_field", "stamp_count", "transposed_output_size"]
