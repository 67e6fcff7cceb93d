// Classifies pictures with a run's exported model, the same file that Python runs. For assets/live.js, as a module worker.
//
// In:  { load: address of the model } once, then { id, picture: ImageBitmap or Blob } as often as wanted
// Out: { progress: share of the model that is here, in [0, 1] }, { ready: true } or { failed: why },
//      { id, confidences: Float32Array (classes,) } or { id, failed: why }

import * as ort from "./onnxruntime-web/ort.wasm.bundle.min.mjs"

// More threads would need SharedArrayBuffer, and so a page that is isolated from all others.
ort.env.wasm.numThreads = 1
ort.env.wasm.wasmPaths = { wasm: new URL("./onnxruntime-web/ort-wasm-simd-threaded.wasm", import.meta.url).href }
ort.env.logLevel = "error"

const canvas = new OffscreenCanvas(1, 1)
let session // the promise of one
let turn = Promise.resolve()

addEventListener("message", ({ data }) => {
  if (data.load) {
    session = open(data.load)
    session.then(
      () => postMessage({ ready: true }),
      (error) => postMessage({ failed: error.message })
    )
  } else {
    turn = turn.then(() => answer(data)) // one at a time: they share the canvas and the session
  }
})

async function answer({ id, picture }) {
  try {
    postMessage({ id, confidences: await classify(await session, picture) })
  } catch (error) {
    postMessage({ id, failed: error.message })
  }
}

async function open(address) {
  const answer = await fetch(address)
  if (!answer.ok) throw new Error(await answer.text())
  const size = Number(answer.headers.get("Content-Length"))
  const parts = []
  let received = 0
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read()
    if (done) break
    parts.push(value)
    received += value.length
    if (size) postMessage({ progress: received / size })
  }
  const model = await new Blob(parts).arrayBuffer()
  return ort.InferenceSession.create(model, { executionProviders: ["wasm"] })
}

async function classify(loaded, picture) {
  const pixels = await pixelsOf(picture)
  const answer = await loaded.run({ photo: pixels }, ["confidences"])
  const confidences = answer.confidences.data.slice()
  pixels.dispose()
  answer.confidences.dispose()
  return confidences
}

// The pixels as they are stored. A browser's own colour management would change them, and with them the answer: by up to
// 0.07 in a confidence where the model is unsure.
async function pixelsOf(picture) {
  const bitmap =
    picture instanceof ImageBitmap ? picture : await createImageBitmap(picture, { colorSpaceConversion: "none" })
  const { width, height } = bitmap
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext("2d", { willReadFrequently: true })
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  const rgba = context.getImageData(0, 0, width, height).data
  const rgb = new Uint8Array(width * height * 3)
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    rgb[to++] = rgba[from]
    rgb[to++] = rgba[from + 1]
    rgb[to++] = rgba[from + 2]
  }
  return new ort.Tensor("uint8", rgb, [1, height, width, 3])
}
