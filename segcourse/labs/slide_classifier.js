/* Slide a classifier: a window asked crop by crop, and the whole picture in one pass with the same weights. The arithmetic comes first; it is
   held to segcourse.ops by tests/labs/test_slide_classifier.py. Maps are { channels, rows, cols, data }, channel by channel, row by row. */

/** 3x3 convolution without bias, then ReLU. weight is (outputs, x.channels, 3, 3) flat; padding 0 or 1. */
function convRelu(x, weight, outputs, padding) {
  const rows = x.rows + 2 * padding - 2,
    cols = x.cols + 2 * padding - 2,
    data = new Float64Array(outputs * rows * cols);
  for (let o = 0, tap = 0; o < outputs; o += 1) {
    for (let k = 0; k < x.channels; k += 1) {
      for (let a = -padding; a < 3 - padding; a += 1) {
        for (let b = -padding; b < 3 - padding; b += 1, tap += 1) {
          // Each tap adds a shifted copy of the input; what would be padding adds nothing.
          const w = weight[tap],
            firstRow = Math.max(0, -a),
            lastRow = Math.min(rows, x.rows - a),
            firstCol = Math.max(0, -b),
            lastCol = Math.min(cols, x.cols - b);
          for (let r = firstRow; r < lastRow; r += 1) {
            let to = (o * rows + r) * cols + firstCol,
              from = (k * x.rows + r + a) * x.cols + firstCol + b;
            for (let c = firstCol; c < lastCol; c += 1, to += 1, from += 1) data[to] += w * x.data[from];
          }
        }
      }
    }
  }
  for (let i = 0; i < data.length; i += 1) if (data[i] < 0) data[i] = 0;
  return { channels: outputs, rows, cols, data };
}

/** 2x2 max pooling, stride 2. */
function pool(x) {
  const rows = x.rows >> 1,
    cols = x.cols >> 1,
    data = new Float64Array(x.channels * rows * cols);
  for (let k = 0, to = 0; k < x.channels; k += 1)
    for (let r = 0; r < rows; r += 1)
      for (let c = 0; c < cols; c += 1, to += 1) {
        const at = (k * x.rows + 2 * r) * x.cols + 2 * c;
        data[to] = Math.max(x.data[at], x.data[at + 1], x.data[at + x.cols], x.data[at + x.cols + 1]);
      }
  return { channels: x.channels, rows, cols, data };
}

/** size x size pixels of a picture of bytes, from 0 to 1; `across` pixels stand in a row of it. */
function cut(bytes, across, row, col, size) {
  const data = new Float64Array(size * size);
  for (let r = 0; r < size; r += 1) for (let c = 0; c < size; c += 1) data[r * size + c] = bytes[(row + r) * across + col + c] / 255;
  return { channels: 1, rows: size, cols: size, data };
}

const PADDING = { valid: 0, same: 1 };

function features(x, net, padding) {
  const [, first, second] = net.channels,
    p = PADDING[padding];
  return pool(convRelu(convRelu(x, net.first, first, p), net.second, second, p));
}

/** The classifier's last layer as it was fitted: every feature of a crop times its weight, plus the bias. */
function fullyConnected(seen, head) {
  let sum = head.bias;
  for (let i = 0; i < seen.data.length; i += 1) sum += seen.data[i] * head.weight[i];
  return sum;
}

/** The same weights as a kernel of side x side that slides over the features of a whole picture: { rows, cols, data }. */
function convolved(seen, head, side) {
  const rows = seen.rows - side + 1,
    cols = seen.cols - side + 1,
    data = new Float64Array(rows * cols).fill(head.bias);
  for (let k = 0, tap = 0; k < seen.channels; k += 1)
    for (let a = 0; a < side; a += 1)
      for (let b = 0; b < side; b += 1, tap += 1) {
        const w = head.weight[tap];
        for (let r = 0, to = 0; r < rows; r += 1) {
          let from = (k * seen.rows + r + a) * seen.cols + b;
          for (let c = 0; c < cols; c += 1, to += 1, from += 1) data[to] += w * seen.data[from];
        }
      }
  return { rows, cols, data };
}

/** Pooled features a side of one window: 4 without padding, 6 with it. */
const headSide = (net, padding) => (net.window - (PADDING[padding] ? 0 : 4)) / 2;
const placesOf = (size, net) => (size - net.window) / net.stride + 1;

/** The crop at place (row, col), asked on its own: { seen, answer }. */
function askCrop(bytes, row, col, net, padding) {
  const seen = features(cut(bytes, net.largest, row * net.stride, col * net.stride, net.window), net, padding);
  return { seen, answer: fullyConnected(seen, net.heads[padding]) };
}

/** The whole picture at once: { seen, map }. */
function onePass(bytes, size, net, padding) {
  const seen = features(cut(bytes, net.largest, 0, 0, size), net, padding);
  return { seen, map: convolved(seen, net.heads[padding], headSide(net, padding)) };
}

/** What the outermost ring of the pooled features adds to a score; (row, col) is where the window's features begin in `seen`. */
function rimPart(seen, row, col, head, side) {
  let sum = 0;
  for (let k = 0, tap = 0; k < seen.channels; k += 1)
    for (let a = 0; a < side; a += 1)
      for (let b = 0; b < side; b += 1, tap += 1)
        if (a === 0 || b === 0 || a === side - 1 || b === side - 1)
          sum += seen.data[(k * seen.rows + row + a) * seen.cols + col + b] * head.weight[tap];
  return sum;
}

/** On how many sides the picture goes on beyond the window, and whether all that could matter there is black. */
function around(bytes, size, row, col, net) {
  const top = row * net.stride,
    left = col * net.stride,
    bottom = top + net.window,
    right = left + net.window;
  const open = { top: top > 0, left: left > 0, bottom: bottom < size, right: right < size };
  // Two convolutions of 3x3 reach two pixels out, and what is computed one pixel out looks one pixel in.
  let black = true;
  for (let r = Math.max(0, top - 2); r < Math.min(size, bottom + 2); r += 1)
    for (let c = Math.max(0, left - 2); c < Math.min(size, right + 2); c += 1) {
      const beyond = (open.top && r < top + 1) || (open.left && c < left + 1) || (open.bottom && r >= bottom - 1) || (open.right && c >= right - 1);
      if (beyond && bytes[r * net.largest + c]) black = false;
    }
  return { sides: Object.values(open).filter(Boolean).length, black };
}

/** Multiplications of all crops one by one and of one pass; the zeros of a frame are multiplied like any number. */
function multiplications(size, net, padding) {
  const rim = PADDING[padding] ? 0 : 2,
    [, first, second] = net.channels,
    side = headSide(net, padding);
  const passed = (n) =>
    (n - rim) ** 2 * 9 * first + (n - 2 * rim) ** 2 * 9 * first * second + placesOf(n, net) ** 2 * side * side * second;
  return { crops: placesOf(size, net) ** 2 * passed(net.window), pass: passed(size) };
}

/** Two numbers with three digits, or with as many as it takes to tell them apart. */
function pairText(a, b) {
  const text = (v, digits) => v.toFixed(digits).replace("-", "−").replace(/^−(0\.0+)$/, "$1");
  let digits = 3;
  if (Math.abs(a - b) >= TOLERANCE) while (digits < 9 && text(a, digits) === text(b, digits)) digits += 1;
  return [text(a, digits), text(b, digits)];
}

const TOLERANCE = 1e-9; // sums of a few hundred products of numbers around 1: rounding stays far below

export { convRelu, pool, features, askCrop, onePass, rimPart, around, multiplications, pairText, headSide, placesOf, readState, writeState };

export default {
  render: labRender(() => ({ layout: () => ({ height: 1 }), draw() {}, line: () => "" })),
};
