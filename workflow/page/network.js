// The network of `sarco segment --quick` by onnxruntime-web, on one thread of the processor.

/** The network for `run`, from the bytes of its ONNX file and the module (or global) onnxruntime-web. */
export async function loadNetwork(ort, modelBytes) {
  ort.env.wasm.numThreads = 1; // more threads want headers that a folder on a disk cannot send
  const session = await ort.InferenceSession.create(modelBytes, { executionProviders: ["wasm"] });
  return { session, Tensor: ort.Tensor };
}

/** What the network finds in a slice that `toNetwork` prepared, on its whole grid of `size` x `size`.
 *
 * Returns `muscle`, the probability of muscle (Float32Array), and `shares`, that of each tissue. */
export async function run({ session, Tensor }, { tensor, rows, columns, top, left, size }) {
  const found = await session.run({ image: new Tensor("float32", tensor, [1, 1, rows, columns]) });
  const planes = ({ data, dims }) =>
    Array.from({ length: dims[1] }, (_, plane) => {
      const whole = new Float32Array(size * size); // air around the body is not computed: it is 0
      for (let row = 0; row < rows; row++) {
        const start = (plane * rows + row) * columns;
        whole.set(data.subarray(start, start + columns), (top + row) * size + left);
      }
      return whole;
    });
  const [[muscle], shares] = [planes(found.muscle), planes(found.tissues)];
  Object.values(found).forEach((output) => output.dispose());
  return { muscle, shares };
}
