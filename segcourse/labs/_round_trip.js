/* Pooling, unpooling, and the lights over a way there and back: what the labs no_inverse and switches share (base.py joins it to their
   modules). Held to segcourse.ops and torch by the tests of both. Grids are arrays of rows; a switch is [row, column]. */

const zeros = (rows, cols) => Array.from({ length: rows }, () => Array(cols).fill(0));

/** Max pooling over kernel x kernel cells, and where each maximum stood (the first one where several are equal, as in torch). What lies in
    the `padding` around the map never wins. */
function maxPool(x, kernel = 2, stride = 2, padding = 0) {
  const sizes = [x.length, x[0].length].map((n) => Math.floor((n + 2 * padding - kernel) / stride) + 1),
    pooled = zeros(...sizes),
    switches = zeros(...sizes);
  for (let r = 0; r < sizes[0]; r += 1)
    for (let c = 0; c < sizes[1]; c += 1) {
      const { top, left, rows, cols } = windowOf(x, r, c, kernel, stride, padding);
      let best = [top, left];
      for (let i = top; i < top + rows; i += 1) for (let j = left; j < left + cols; j += 1) if (x[i][j] > x[best[0]][best[1]]) best = [i, j];
      pooled[r][c] = x[best[0]][best[1]];
      switches[r][c] = best;
    }
  return { pooled, switches };
}

/** The part of x that a pooled cell looks at, without the padding. */
function windowOf(x, r, c, kernel = 2, stride = 2, padding = 0) {
  const [top, left] = [r, c].map((at) => Math.max(0, at * stride - padding)),
    [bottom, right] = [r, c].map((at, axis) => Math.min(axis ? x[0].length : x.length, at * stride - padding + kernel));
  return { top, left, rows: bottom - top, cols: right - left };
}

/** Every number goes to its switch, zeros elsewhere. Where two windows share a switch the later one stays: it overwrites, it does not add. */
function maxUnpool(pooled, switches, rows, cols) {
  const out = zeros(rows, cols);
  for (let r = 0; r < pooled.length; r += 1)
    for (let c = 0; c < pooled[0].length; c += 1) {
      const [i, j] = switches[r][c];
      out[i][j] = pooled[r][c];
    }
  return out;
}

function inner(a, b) {
  let sum = 0;
  for (let r = 0; r < a.length; r += 1) for (let c = 0; c < a[0].length; c += 1) sum += a[r][c] * b[r][c];
  return sum;
}

function farthest(a, b) {
  let most = 0;
  for (let r = 0; r < a.length; r += 1) for (let c = 0; c < a[0].length; c += 1) most = Math.max(most, Math.abs(a[r][c] - b[r][c]));
  return most;
}

const sameShape = (a, b) => a.length === b.length && a[0].length === b[0].length;
const TOLERANCE = 1e-9; // sums of a few dozen products of numbers up to 9: rounding stays far below

/** Any y will do for the inner product: small whole numbers that differ from draw to draw. */
function drawY(rows, cols, seed) {
  let state = seed * 7919 + 12345;
  return Array.from({ length: rows }, () =>
    Array.from({ length: cols }, () => {
      state = (state * 1103515245 + 12345) % 2147483648;
      return Math.floor((state / 2147483648) * 7) - 3;
    }),
  );
}

/** x, there, back, again, y and the lights of one column. chooseY(rows, cols) is any y of the size of what went forward. */
function roundTrip(x, forward, backward, chooseY) {
  const rows = x.length,
    cols = x[0].length,
    there = forward(x),
    back = backward(there, rows, cols),
    again = forward(back);
  const y = chooseY(there.length, there[0].length),
    yBack = backward(y, rows, cols),
    left = inner(there, y),
    right = inner(x, yBack);
  const values = farthest(x, back),
    changed = farthest(there, again);
  return {
    x,
    there,
    back,
    again,
    y,
    yBack,
    left,
    right,
    values,
    changed,
    lights: {
      shape: sameShape(x, back),
      values: values < TOLERANCE,
      product: Math.abs(left - right) < TOLERANCE * Math.max(1, Math.abs(left)),
      again: changed < TOLERANCE * Math.max(1, Math.abs(again[0][0])),
    },
  };
}
