// The camera with the model's answer beside it, for pages/_shared/live_answer.py. The model runs here, in a worker
// (static/live-worker.mjs), so that many people who look cost the server nothing.
//
// In:  data.worker, data.model  addresses
//      data.classes    [{ name, colour }], in the order of the model's confidences
//      data.choices    names of the classes that a photo may be put into
//      data.margin     a smaller lead than this over the second class is no clear answer
//      data.starts     whether to begin by itself where the browser has allowed the camera before
//      data.borrows    whether another part of the page, the board of classes, has the camera: it lends its picture, and
//                      a photo is put right there, by recording it
//      data.received   { id, text }: the last photo that the server has received, and the text to show
// Out: the trigger "photo" { id, class_name, photo: data URL }, the trigger "train"
//
// Names are hostile: they go into the page as text and attributes, never as markup. The bars are in bars.js.

const EVERY_MS = 100 // ten answers a second at most: more cannot be read, and warm a phone
const REST = 0.2 // of an answer's own time: a slow machine keeps some for everything else
const LONG = 30 // letters of an answer: more do not fit into two large lines
const SPEAK_EVERY_MS = 2000 // a screen reader reads each answer to the end
const AGAIN_MS = 20000 // a photo that was not acknowledged by then is sent once more
const AS_STORED = { colorSpaceConversion: "none" } // see the worker
const PRIVATE = "The model runs in this browser. What the camera sees stays here."
const ASK = "Start the camera, and the model's answer appears here."
const WIDEST = 640 // pixels of a picture that is looked at: the board records larger ones, which would take longer
const REMEMBERED = "graft-camera" // the chosen one, for the next visit

const views = new WeakMap() // by the element that Streamlit gives; it calls the function below at every change

export default function (component) {
  const { parentElement } = component
  if (!views.has(parentElement)) views.set(parentElement, startView(parentElement, component))
  const view = views.get(parentElement)
  view.update(component)
  return () =>
    setTimeout(() => {
      if ((parentElement.host ?? parentElement).isConnected) return // also called when one change overtakes another
      view.leave()
      views.delete(parentElement)
    })
}

function startView(root, { data }) {
  const find = (name) => root.querySelector(name)
  const [video, pause, wrong] = [find("video"), find(".pause"), find(".wrong")]
  const [cameras, choices] = [find(".cameras select"), find(".correcting select")]
  const bars = makeBars(find(".bars"), find(".more"), data.classes, () => show(confidences))
  let component, model, opening, stream, confidences, resend
  let isWatching = false
  let hasLeft = false
  let spoken = { text: "", at: -SPEAK_EVERY_MS }
  let sent = null // the photo that is on its way

  // --- the answer ---

  function show(answer) {
    confidences = answer
    if (!answer) return
    const shares = bars.show(answer)
    const text = answerIn(shares, component.data.margin)
    say(text || "All classes are left out.", !text)
    speak(text)
  }

  function say(text, isQuiet = true) {
    find(".says").textContent = text
    find(".says").classList.toggle("quiet", isQuiet)
    find(".says").classList.toggle("long", text.length > LONG)
  }

  function speak(text) {
    if (text === spoken.text || performance.now() - spoken.at < SPEAK_EVERY_MS) return
    spoken = { text, at: performance.now() }
    find(".spoken").textContent = text
  }

  const canLook = () => stream && model && video.videoWidth && !hasLeft

  async function look() {
    try {
      // As camera.js records it: neither is mirrored, only what a person sees of it is.
      const answer = await model.ask(await createImageBitmap(video, { ...AS_STORED, ...size() }))
      if (canLook()) show(answer)
    } catch (error) {
      if (canLook()) say(`The model cannot answer: ${error.message}`)
    }
  }

  function size() {
    const { videoWidth: width, videoHeight: height } = video
    return width > WIDEST ? { resizeWidth: WIDEST, resizeHeight: Math.round((height * WIDEST) / width) } : {}
  }

  async function watch() {
    if (isWatching) return
    isWatching = true
    while (canLook() && !video.paused && !document.hidden) {
      const began = performance.now()
      await look()
      const took = performance.now() - began
      await new Promise((done) => setTimeout(done, Math.max(EVERY_MS - took, took * REST)))
    }
    isWatching = false
  }

  // --- the camera ---

  async function turnOn(deviceId) {
    find(".start").disabled = true // a second press would open a second stream, which nothing turns off
    if (!opening) loadModel() // meanwhile the browser may ask for the camera
    release() // many phones open one camera at a time
    try {
      const wanted = deviceId ? { deviceId: { ideal: deviceId } } : { facingMode: "environment" }
      const opened = await navigator.mediaDevices.getUserMedia({
        video: { ...wanted, width: { ideal: 640 }, height: { ideal: 480 } },
      })
      if (hasLeft || !opening) return stopTracks(opened) // the page was left, or there is no model: nothing to see
      stream = opened
      await begin()
    } catch (error) {
      turnOff(whyNot(error))
    } finally {
      find(".start").disabled = false
    }
  }

  // The board's camera is the only one of its page, so that there is one switch, and a phone need not open two.
  function borrow() {
    const lent = window.graftCamera
    if (!lent) return turnOff()
    stream = lent
    if (!opening) loadModel()
    video.srcObject = stream
    if (!model) say("Loading the model")
    goOn()
  }

  function release() {
    if (!component.data.borrows) stopTracks(stream)
  }

  async function begin() {
    const [track] = stream.getVideoTracks()
    track.addEventListener("ended", () => turnOff("The camera was disconnected. Connect it, then start again."))
    video.classList.toggle("mirrored", track.getSettings().facingMode !== "environment")
    video.srcObject = stream
    find(".off").hidden = true
    for (const button of [pause, wrong, find(".stop")]) button.disabled = false
    if (!model) say("Loading the model")
    await goOn()
    listCameras(track.getSettings().deviceId)
  }

  async function goOn() {
    pause.textContent = "Pause"
    await video.play().catch(() => {}) // the tab may be hidden, or the camera gone again
    watch()
  }

  function freeze() {
    video.pause()
    pause.textContent = "Continue"
    spoken.at = -SPEAK_EVERY_MS
    if (canLook()) look() // the answer that stays belongs to the picture that stays
  }

  function turnOff(why = "") {
    endCorrection()
    release()
    stream = video.srcObject = confidences = null
    bars.clear()
    say(component.data.borrows ? why || ASK : "")
    for (const button of [pause, wrong, find(".stop")]) button.disabled = true
    find(".cameras").hidden = true
    find(".off").hidden = false
    find(".why").textContent = why || PRIVATE
  }

  async function listCameras(current) {
    const found = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput")
    const label = (device, place) => device.label || `Camera ${place + 1}`
    cameras.replaceChildren(...found.map((device, place) => new Option(label(device, place), device.deviceId)))
    cameras.value = current
    find(".cameras").hidden = found.length < 2
  }

  function loadModel() {
    const { worker, model: address } = component.data
    speak("Loading the model")
    opening = openModel(worker, address, (share) => stream && say(`Loading the model: ${Math.round(share * 100)}%`))
    opening.ready.then(
      () => {
        model = opening
        say("")
        watch()
      },
      (error) => {
        opening.close()
        opening = null
        if (!hasLeft) turnOff(`The model could not be loaded (${error.message}). Reload the page to try again.`)
      }
    )
  }

  // --- "That was wrong" ---

  function beginCorrection() {
    freeze()
    choices.replaceChildren(...component.data.choices.map((name) => new Option(name, name)))
    const runnerUp = confidences && bars.ranked(confidences)[1]
    if (runnerUp && component.data.choices.includes(runnerUp)) choices.value = runnerUp
    find(".watching").hidden = true
    find(".correcting").hidden = false
    choices.focus()
  }

  function endCorrection() {
    if (find(".correcting").hidden) return
    find(".correcting").hidden = true
    find(".watching").hidden = false
    ;(wrong.disabled ? pause : wrong).focus()
  }

  function addPhoto() {
    const canvas = document.createElement("canvas")
    canvas.width = video.videoWidth
    canvas.height = video.videoHeight
    canvas.getContext("2d").drawImage(video, 0, 0)
    const id = `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`
    sent = { id, class_name: choices.value, photo: canvas.toDataURL("image/jpeg", 0.92) }
    tell("Adding the photo.")
    deliver()
    wrong.disabled = true // until the server has received this one
    endCorrection()
    goOn()
  }

  function deliver() {
    component.setTriggerValue("photo", sent)
    resend = setTimeout(deliver, AGAIN_MS)
  }

  function tell(text, canTrain = false) {
    find(".status").textContent = text
    find(".train").hidden = !canTrain
  }

  function update(now) {
    component = now
    bars.colour(now.data.classes)
    if (!sent || now.data.received?.id !== sent.id) return
    clearTimeout(resend)
    sent = null
    wrong.disabled = !stream
    tell(now.data.received.text, now.data.received.added)
  }

  function leave() {
    hasLeft = true
    release()
    opening?.close()
    clearTimeout(resend)
    removeEventListener("graft-camera", borrow)
    document.removeEventListener("visibilitychange", watch)
  }

  // --- the controls ---

  find(".start").addEventListener("click", async () => {
    await turnOn(recall())
    if (stream) pause.focus()
  })
  find(".stop").addEventListener("click", () => {
    turnOff()
    find(".start").focus()
  })
  pause.addEventListener("click", () => (video.paused ? goOn() : freeze()))
  wrong.addEventListener("click", beginCorrection)
  find(".add").addEventListener("click", addPhoto)
  find(".cancel").addEventListener("click", () => {
    endCorrection()
    goOn()
  })
  find(".train").addEventListener("click", () => component.setTriggerValue("train", true))
  cameras.addEventListener("change", () => {
    remember(cameras.value)
    turnOn(cameras.value)
  })
  // Streamlit takes letters for commands, unless they go into a field that it can see.
  root.querySelectorAll("select").forEach((field) => field.addEventListener("keydown", (event) => event.stopPropagation()))
  document.addEventListener("visibilitychange", watch)
  find(".live").classList.toggle("borrowing", data.borrows)
  if (data.borrows) {
    addEventListener("graft-camera", borrow)
    setTimeout(borrow) // once this view has been updated for the first time
  } else if (!navigator.mediaDevices?.getUserMedia) {
    find(".start").hidden = true
    find(".why").textContent =
      "Browsers show the camera only over https, or on the computer that runs Graft (localhost). " +
      "Open Graft there, or ask whoever runs it for an https address."
  } else if (data.starts) {
    wasAllowed().then((isAllowed) => isAllowed && !hasLeft && !stream && turnOn(recall()))
  }
  return { update, leave }
}

function answerIn(shares, margin) {
  const [first, second] = [...shares].sort((a, b) => b.share - a.share)
  if (!first) return ""
  return second && first.share - second.share < margin ? `Not sure: ${first.name} or ${second.name}` : first.name
}

// The worker with the model in it: { ready: promise, ask(bitmap): promise of the confidences, close() }.
function openModel(workerAddress, modelAddress, onProgress) {
  const worker = new Worker(workerAddress, { type: "module" })
  const waiting = new Map() // { done, failed } by number
  let asked = 0
  const ready = new Promise((done, failed) => {
    worker.addEventListener("message", ({ data }) => {
      if (data.progress) onProgress(data.progress)
      else if (data.ready) done()
      else if (data.id === undefined) failed(new Error(data.failed))
      else {
        const { done, failed } = waiting.get(data.id)
        waiting.delete(data.id)
        if (data.failed) failed(new Error(data.failed))
        else done(data.confidences)
      }
    })
    worker.addEventListener("error", (event) => failed(new Error(event.message || "the browser cannot run it")))
  })
  worker.postMessage({ load: modelAddress })
  const ask = (picture) =>
    new Promise((done, failed) => {
      waiting.set(++asked, { done, failed })
      worker.postMessage({ id: asked, picture }, [picture])
    })
  return { ready, ask, close: () => worker.terminate() }
}

function whyNot({ name }) {
  if (name === "NotAllowedError") return "The browser blocks the camera. Allow it next to the address, then start again."
  if (name === "NotFoundError") return "No camera was found. Connect one, then start again, or classify a photo instead."
  if (name === "NotReadableError" || name === "AbortError")
    return "Another program is using the camera. Close that program, then start again."
  return `The camera cannot be started (${name}). Connect another one, then start again.`
}

function stopTracks(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop()
}

async function wasAllowed() {
  try {
    return (await navigator.permissions.query({ name: "camera" })).state === "granted"
  } catch {
    return false // a browser that does not tell
  }
}

function remember(camera) {
  try {
    localStorage.setItem(REMEMBERED, camera)
  } catch {} // storage is switched off: the choice holds until the page is left
}

function recall() {
  try {
    return localStorage.getItem(REMEMBERED)
  } catch {
    return null
  }
}
