// Photos on their way to the server, a handful at a time; each handful is sent again until it has been received.
// Read in front of board.js, as one module.

const AT_ONCE = 10 // photos of one message: two seconds of recording
const LONGEST = 4e6 // characters of one message, 3 MB of photos; a larger photo goes alone
const AGAIN_MS = 20000 // what was not received by then, and by the time it takes to send it, is sent once more
const SLOWEST = 25 // characters a millisecond: a phone at the edge of a network

class Outbox {
  constructor(changed) {
    this.changed = changed // called when something was received
    this.waiting = [] // { className, url } of each photo that was not sent yet
    this.sent = null
    this.isRecording = false
    this.askToStay = (event) => this.count() && event.preventDefault()
    addEventListener("beforeunload", this.askToStay)
  }

  /** Photos that the server does not have yet, of one class or of all. */
  count(className) {
    return this.all().filter((photo) => className === undefined || photo.className === className).length
  }

  /** Those of a class, the newest first. */
  of(className) {
    return this.all().filter((photo) => photo.className === className).reverse()
  }

  all() {
    return [...(this.sent?.photos ?? []), ...this.waiting]
  }

  add(className, url) {
    this.waiting.push({ className, url })
    this.send()
  }

  rename(before, now) {
    for (const photo of this.waiting) if (photo.className === before) photo.className = now
  }

  /** Takes over what Streamlit knows by now: the last message that it has received. */
  update(component) {
    this.component = component
    if (this.sent && component.data.received?.id === this.sent.id) {
      clearTimeout(this.resend)
      this.sent = null
      this.changed()
    }
    this.send()
  }

  send() {
    if (this.sent || !this.waiting.length || !this.component) return
    if (this.isRecording && this.waiting.length < AT_ONCE) return
    const { className } = this.waiting[0]
    const photos = []
    let size = 0
    do {
      photos.push(this.waiting.shift())
      size += photos.at(-1).url.length
    } while (
      photos.length < AT_ONCE &&
      this.waiting[0]?.className === className &&
      size + this.waiting[0].url.length <= LONGEST
    )
    const id = `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`
    this.sent = { id, photos, message: { id, class_name: className, photos: photos.map((photo) => photo.url) } }
    this.deliver(AGAIN_MS + size / SLOWEST)
  }

  deliver(againMs) {
    this.component.setTriggerValue("shots", this.sent.message)
    this.resend = setTimeout(() => this.deliver(againMs), againMs)
  }

  leave() {
    clearTimeout(this.resend)
    removeEventListener("beforeunload", this.askToStay)
  }
}

function readFile(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader()
    reader.onload = () => done(reader.result)
    reader.onerror = () => failed(reader.error)
    reader.readAsDataURL(file)
  })
}
