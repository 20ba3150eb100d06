// Judges kernels in JavaScript by the vectors of their operations: exit code 1 where one is wrong.
//
//     refcompress vectors gemm_s8s8 gemm_f32f32 -o vectors
//     node reader.mjs vectors/gemm_s8s8 vectors/gemm_f32f32        # --wrong: kernels that forget the last input
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const TYPES = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array, int32: Int32Array,
                uint32: Uint32Array, int64: BigInt64Array, uint64: BigUint64Array, float32: Float32Array,
                float64: Float64Array, bool: Uint8Array };

// Returns what the index says of a value: an array as { shape, data }, its digest compared.
export function decoded(value, folder) {
  if (value === null || typeof value !== "object") return value;
  if ("float" in value) return { nan: NaN, inf: Infinity, "-inf": -Infinity }[value.float];
  if (!("array" in value)) return value; // formats and tuples: an object with one key that says what it is
  const file = readFileSync(join(folder, value.array));
  if (createHash("sha256").update(file).digest("hex") !== value.sha256) throw new Error(`${value.array}: damaged`);
  const bytes = file.subarray(10 + file.readUInt16LE(8));
  return { shape: value.shape, data: new TYPES[value.dtype](Uint8Array.from(bytes).buffer) };
}

// Whether a result is right: within lower .. upper where the case has them, else bit for bit, NaN being NaN.
export function isRight(got, right, lower, upper) {
  if (got.data.length !== right.data.length || String(got.shape) !== String(right.shape)) return false;
  return got.data.every((value, i) => {
    if (!lower) return Object.is(value, right.data[i]);
    if (Number.isNaN(lower.data[i])) return Number.isNaN(value);
    return (value >= lower.data[i] && value <= upper.data[i]) || (lower.data[i] === -Infinity && upper.data[i] === Infinity);
  });
}

// x times w transposed, or times w; `one` rounds a sum to the type of the result, `forgotten` inputs are left out.
function product(x, w, type, one, forgotten, transposed = false) {
  const [m, k] = x.shape, n = w.shape[transposed ? 1 : 0], data = new type(m * n);
  for (let i = 0; i < m; i++) for (let o = 0; o < n; o++) {
    let sum = 0;
    for (let p = 0; p < k - forgotten; p++) sum = one(sum + x.data[i * k + p] * w.data[transposed ? p * n + o : o * k + p]);
    data[i * n + o] = sum;
  }
  return { shape: [m, n], data };
}

const forgotten = process.argv.includes("--wrong") ? 1 : 0;
const KERNELS = {
  gemm_s8s8: ([x, w], { x_zero_point = 0 }) => x_zero_point === 0 && product(x, w, Int32Array, (v) => v, forgotten),
  gemm_f32f32: ([x, w], { transposed = false }) => product(x, w, Float32Array, Math.fround, forgotten, transposed),
};
let bad = 0;
for (const folder of process.argv.slice(2).filter((a) => !a.startsWith("--"))) {
  const index = JSON.parse(readFileSync(join(folder, "index.json"))), read = (value) => decoded(value, folder);
  let wrong = 0, told = 0, judged = 0;
  const right = new Map(index.cases.map((c) => [c.case, ["expected", "lower", "upper"].map((key) => c[key] && read(c[key]))]));
  for (const { case: name, args, kwargs } of index.cases) {
    const got = KERNELS[index.operation](args.map(read), kwargs);
    if (got) judged++, wrong += isRight(got, ...right.get(name)) ? 0 : 1; // false: the kernel has no such keyword
  }
  for (const { case: name, got } of index.negatives) told += "array" in got && isRight(read(got), ...right.get(name)) ? 0 : 1;
  console.log(`${index.operation}: ${wrong} of ${judged} cases wrong; ${told} of ${index.negatives.length} wrong results told from right ones`);
  bad += wrong + (judged === 0) + (index.negatives.length - told);
}
process.exitCode = bad ? 1 : 0;
