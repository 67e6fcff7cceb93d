// The camera of pages/_photos/camera.py: frames become JPEGs here and go to the server a handful at a time.

const EVERY_MS = 200 // five photos a second: more would hardly differ from each other
const AT_ONCE = 10 // photos of one message: two seconds of recording
const LONGEST = 4e6 // characters of one message, 3 MB of photos; a larger photo goes alone
const AGAIN_MS = 20000 // what was not acknowledged by then, and by the time it takes to send it, is sent once more
const SLOWEST = 25 // characters a millisecond: a phone at the edge of a network
const cameras = new WeakMap() // by the element that Streamlit gives; it calls the function below at every change

export default function (component) {
  const { parentElement } = component
  if (!cameras.has(parentElement)) cameras.set(parentElement, startCamera(parentElement))
  const camera = cameras.get(parentElement)
  camera.update(component)
  return () => setTimeout(() => {
    if ((parentElement.host ?? parentElement).isConnected) return // also called when one change overtakes another
    camera.leave()
    cameras.delete(parentElement)
  })
}

function startCamera(root) {
  const find = (name) => root.querySelector(name)
  const [video, start, record, input] = [find("video"), find(".start"), find(".record"), find("[type=file]")]
  const waiting = [] // [class name, data URL] of each photo that was not sent yet
  let component, stream, timer, sent, resend
  let taken = 0
  let unread = 0
  let isLeft = false

  const say = (text) => (find(".status").textContent = text)
  const className = () => find(".class-name").value.trim() // read at the shot: nothing has to be sent for it to count
  const onTheirWay = () => waiting.length + (sent?.photos.length ?? 0)

  function sayHowMany() {
    const files = unread && `${unread} ${unread === 1 ? "file" : "files"} could not be read.`
    const photos = `${taken} ${taken === 1 ? "photo" : "photos"} taken`
    const rest = onTheirWay() ? `, ${onTheirWay()} on their way. Stay on this page until they are here.` : "."
    say([taken && photos + rest, files].filter(Boolean).join(" "))
  }

  function update(now) {
    component = now
    if (sent && now.data.received === sent.id) {
      clearTimeout(resend)
      sent = null
      sayHowMany()
    }
    send()
  }

  function lookAtClass() {
    const isReady = Boolean(className())
    find(".hint").hidden = isReady
    for (const control of [record, input]) control.disabled = !isReady
    if (!isReady) end()
  }

  function send() {
    if (sent || !waiting.length || (timer && waiting.length < AT_ONCE)) return
    const [name] = waiting[0]
    const photos = []
    let size = 0
    do {
      photos.push(waiting.shift()[1])
      size += photos.at(-1).length
    } while (photos.length < AT_ONCE && waiting[0]?.[0] === name && size + waiting[0][1].length <= LONGEST)
    sent = { id: `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`, class_name: name, photos }
    deliver(AGAIN_MS + size / SLOWEST)
  }

  function deliver(againMs) {
    component.setTriggerValue("shots", sent)
    resend = setTimeout(deliver, againMs, againMs)
  }

  function keep(name, url) {
    waiting.push([name, url])
    taken += 1
    send()
    sayHowMany()
  }

  function shoot() {
    if (!video.videoWidth) return
    const canvas = document.createElement("canvas")
    canvas.width = video.videoWidth
    canvas.height = video.videoHeight
    canvas.getContext("2d").drawImage(video, 0, 0)
    keep(className(), canvas.toDataURL("image/jpeg", 0.92))
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
    start.disabled = true // a second press would open a second stream, which nothing turns off
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 960 } },
      })
      if (isLeft) return turnOff() // the page was left while the browser asked
      video.srcObject = stream
      start.hidden = find(".files").hidden = true
      find(".live").hidden = false
      say("The camera is on.")
      record.focus()
    } catch (error) {
      takeFiles(
        error.name === "NotAllowedError"
          ? "The browser blocks the camera. Allow it next to the address and start again, or take photos here."
          : "No camera was found. Choose photos instead."
      )
    } finally {
      start.disabled = false
    }
  }

  function turnOff() {
    end()
    for (const track of stream?.getTracks() ?? []) track.stop()
    stream = video.srcObject = null
    find(".live").hidden = true
    start.hidden = false
  }

  function leave() {
    isLeft = true
    turnOff()
    clearTimeout(resend)
    removeEventListener("beforeunload", askToStay)
  }

  function takeFiles(why) {
    say(why)
    find(".files").hidden = false
  }

  async function takeChosen() {
    const name = className()
    const files = [...input.files]
    input.value = "" // the same ones can be chosen again
    for (const file of files) {
      try {
        keep(name, await readFile(file))
      } catch {
        unread += 1
        sayHowMany()
      }
    }
  }

  const askToStay = (event) => onTheirWay() && event.preventDefault()
  addEventListener("beforeunload", askToStay)
  find(".class-name").addEventListener("input", lookAtClass)
  // Streamlit takes letters for commands, unless they go into a field that it can see.
  find(".class-name").addEventListener("keydown", (event) => event.stopPropagation())
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
  start.addEventListener("click", turnOn)
  find(".stop").addEventListener("click", () => {
    turnOff()
    say("The camera is off.")
  })
  input.addEventListener("change", takeChosen)
  lookAtClass()
  // Browsers show the camera only to pages of this computer or over https.
  if (!navigator.mediaDevices?.getUserMedia) {
    start.hidden = true
    takeFiles("This address is not encrypted, so the browser blocks the camera. Take the photos here instead.")
  }

  return { update, leave }
}

function readFile(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader()
    reader.onload = () => done(reader.result)
    reader.onerror = () => failed(reader.error)
    reader.readAsDataURL(file)
  })
}
