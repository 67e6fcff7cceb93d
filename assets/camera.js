// The camera of pages/_camera.py: frames become JPEGs here and go to the server a handful at a time.

const EVERY_MS = 200 // five photos a second: more would hardly differ from each other
const AT_ONCE = 10 // photos of one message: two seconds of recording, about 2 MB
const AGAIN_MS = 20000 // what was not acknowledged by then is sent once more
const cameras = new WeakMap() // by the element that Streamlit gives; it calls the function below at every change

export default function (component) {
  const { parentElement } = component
  if (!cameras.has(parentElement)) cameras.set(parentElement, startCamera(parentElement))
  const camera = cameras.get(parentElement)
  camera.update(component)
  return () => setTimeout(() => {
    if ((parentElement.host ?? parentElement).isConnected) return // also called when one change overtakes another
    camera.turnOff()
    cameras.delete(parentElement)
  })
}

function startCamera(root) {
  const find = (name) => root.querySelector(name)
  const [video, record, input, status] = [find("video"), find(".record"), find("input"), find(".status")]
  const waiting = [] // [class name, data URL] of each photo that was not sent yet
  let component, stream, timer, sent, resend
  let taken = 0

  const say = (text) => (status.textContent = text)

  function update(now) {
    component = now
    const ready = Boolean(now.data.class_name)
    find(".hint").hidden = ready
    for (const control of [record, input]) control.disabled = !ready
    if (sent && now.data.received === sent.id) {
      clearTimeout(resend)
      sent = null
    }
    send()
  }

  function send() {
    if (sent || !waiting.length || (timer && waiting.length < AT_ONCE)) return
    const className = waiting[0][0]
    const photos = []
    while (photos.length < AT_ONCE && waiting.length && waiting[0][0] === className) photos.push(waiting.shift()[1])
    sent = { id: `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`, class_name: className, photos }
    deliver()
  }

  function deliver() {
    component.setTriggerValue("shots", sent)
    resend = setTimeout(deliver, AGAIN_MS)
  }

  function keep(url) {
    waiting.push([component.data.class_name, url])
    taken += 1
    say(`${taken} ${taken === 1 ? "photo" : "photos"} taken.`)
    send()
  }

  function shoot() {
    if (!video.videoWidth) return
    const canvas = document.createElement("canvas")
    canvas.width = video.videoWidth
    canvas.height = video.videoHeight
    canvas.getContext("2d").drawImage(video, 0, 0)
    keep(canvas.toDataURL("image/jpeg", 0.92))
  }

  function begin() {
    if (timer || record.disabled) return
    record.classList.add("recording")
    shoot()
    timer = setInterval(shoot, EVERY_MS)
  }

  function end() {
    if (!timer) return
    clearInterval(timer)
    timer = null
    record.classList.remove("recording")
    send()
  }

  async function turnOn() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 960 } },
      })
      video.srcObject = stream
      find(".start").hidden = true
      find(".live").hidden = false
      say("The camera is on.")
      record.focus()
    } catch (error) {
      takeFiles(
        error.name === "NotAllowedError"
          ? "The browser does not let this page see the camera. Allow it beside the address, or take photos here."
          : "No camera can be used. Choose photos instead."
      )
    }
  }

  function turnOff() {
    end()
    for (const track of stream?.getTracks() ?? []) track.stop()
    stream = video.srcObject = null
    find(".live").hidden = true
    find(".start").hidden = false
  }

  function takeFiles(why) {
    say(why)
    find(".start").hidden = true
    find(".files").hidden = false
  }

  const isHeldKey = (event) => event.key === " " || event.key === "Enter"
  record.addEventListener("pointerdown", (event) => {
    if (event.button) return
    record.setPointerCapture(event.pointerId)
    begin()
  })
  for (const over of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) record.addEventListener(over, end)
  record.addEventListener("keydown", (event) => {
    if (!isHeldKey(event)) return
    event.preventDefault()
    if (!event.repeat) begin()
  })
  record.addEventListener("keyup", (event) => {
    if (!isHeldKey(event)) return
    event.preventDefault()
    end()
  })
  // A screen reader presses without a pointer and without keys.
  record.addEventListener("click", (event) => event.detail === 0 && !record.disabled && shoot())
  record.addEventListener("contextmenu", (event) => event.preventDefault()) // what a long touch brings up
  find(".start").addEventListener("click", turnOn)
  find(".stop").addEventListener("click", () => {
    turnOff()
    say("The camera is off.")
  })
  input.addEventListener("change", async () => {
    for (const file of [...input.files]) keep(await readFile(file))
    input.value = ""
  })
  // Browsers show the camera only to pages of this computer or over https.
  if (!navigator.mediaDevices?.getUserMedia) {
    takeFiles("This address is not encrypted, so the browser keeps the camera closed. Take the photos here instead.")
  }

  return { update, turnOff }
}

function readFile(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader()
    reader.onload = () => done(reader.result)
    reader.onerror = () => failed(reader.error)
    reader.readAsDataURL(file)
  })
}
