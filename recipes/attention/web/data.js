// Reads what a page holds: tokens, and weights as `packing.py` writes them.

const SKIP = 255; // a gap without a number at its end

async function inflated(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Returns the whole numbers of steps, in the order of the shape.
async function stepsOf(packed) {
  const bytes = await inflated(packed.data);
  const head = new DataView(bytes.buffer);
  const numGaps = head.getUint32(0, true);
  const count = head.getUint32(4, true);
  const low = 8 + numGaps;
  const steps = new Uint16Array(packed.shape.reduce((product, side) => product * side, 1));
  for (let i = 8, at = -1, found = 0; i < low; i += 1) {
    at += bytes[i];
    if (bytes[i] !== SKIP) {
      at += 1;
      steps[at] = bytes[low + found] | (bytes[low + count + found] << 8);
      found += 1;
    }
  }
  return steps;
}

// Weights (..., T, S). A row sums to 1: those of 0 steps share what the others leave.
async function weightsOf(packed) {
  const steps = await stepsOf(packed);
  const [numRows, width] = packed.shape.slice(-2);
  const shares = new Float32Array(steps.length / width);
  for (let row = 0; row < shares.length; row += 1) {
    const end = packed.causal ? (row % numRows) + 1 : width;
    let left = packed.levels;
    let zeros = 0;
    for (let i = row * width; i < row * width + end; i += 1) {
      left -= steps[i];
      zeros += steps[i] === 0;
    }
    shares[row] = zeros ? left / zeros : 0;
  }
  return { ...packed, data: "", steps, shares, numRows, width };
}

// Adds the weights of one head, by its number among all, into a matrix (T × S).
function addHead(weights, number, matrix, factor) {
  const { steps, shares, numRows, width, levels, causal } = weights;
  const first = number * numRows;
  for (let t = 0, at = 0; t < numRows; t += 1) {
    const start = (first + t) * width;
    for (let s = 0; s < width; s += 1, at += 1) {
      const own = steps[start + s] || (causal && s > t ? 0 : shares[first + t]);
      matrix[at] += (own * factor) / levels;
    }
  }
}

// Returns the matrix (T × S) of a head, or of the mean of all heads of a layer where it is -1.
function headMatrix(part, layer, head) {
  const [, numHeads, numRows, width] = part.weights.shape;
  const matrix = new Float32Array(numRows * width);
  const heads = head < 0 ? Array.from({ length: numHeads }, (_, n) => n) : [head];
  for (const n of heads) addHead(part.weights, layer * numHeads + n, matrix, 1 / heads.length);
  return matrix;
}

async function signedOf(packed) {
  const steps = new Int16Array((await stepsOf(packed)).buffer);
  return Float32Array.from(steps, (step) => step / packed.levels);
}

async function readData(data) {
  for (const part of data.parts) {
    part.weights = await weightsOf(part.weights);
    if (part.rollout) {
      const rollout = await weightsOf(part.rollout);
      part.rollout = new Float32Array(rollout.numRows * rollout.width);
      addHead(rollout, 0, part.rollout, 1);
    }
    [part.queries, part.keys] = [part.queries, part.keys].map((tokens) => tokens.map(asToken));
  }
  for (const variant of data.variants) {
    variant.contributions = await signedOf(variant.contributions);
  }
  return data;
}

function asToken([text, special, spaced]) {
  return { text, special, spaced };
}
