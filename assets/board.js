// The board of classes of pages/_photos/board.py: a column for each class, one camera for all of them.
//
//   In:  data.project    its id
//        data.classes    [{ name, colour, count, photos: [{ id, digest, file }] }], the newest photos first
//        data.names      of all classes of the project, on this page of the board or not
//        data.thumbnails the address that thumbnails lie under
//        data.fresh      whether empty columns are offered: on the first page only
//        data.received   the last message that the server has handled, { id, text }
//   Out: the trigger "shots" { id, class_name, photos: [data URL] }, and
//        the trigger "act" { id, kind: "remove" | "undo" | "rename" | "all", ... }
//
// Names are untrusted: they go into the page as text and values, never as markup. While somebody records, nothing may
// change its place: every column has its picture, its buttons and its two rows of thumbnails from the start.

const EVERY_MS = 200 // five photos a second: more would hardly differ from each other
const SHOWN = 8 // thumbnails of a column, in two rows
const boards = new WeakMap() // by the element that Streamlit gives; it calls the function below at every change

export default function (component) {
  const { parentElement } = component
  if (!boards.has(parentElement)) boards.set(parentElement, new Board(parentElement.querySelector(".board")))
  const board = boards.get(parentElement)
  board.update(component)
  return () => setTimeout(() => {
    if ((parentElement.host ?? parentElement).isConnected) return // also called when one change overtakes another
    board.leave()
    boards.delete(parentElement)
  })
}

class Board {
  constructor(element) {
    this.element = element
    this.columns = new Map() // by class name
    this.outbox = new Outbox(() => this.draw())
    this.camera = new Camera(element.querySelector(".bar"), (text) => this.say(text), () => this.draw())
    this.list = element.querySelector(".columns")
    this.add = element.querySelector(".add")
    this.add.addEventListener("click", () => this.addClass())
    this.own = null // names of columns that have no photo yet
    this.next = null // what was pressed while photos were on their way
    this.wait = (event) => this.waitForPhotos(event)
    document.addEventListener("click", this.wait, true)
    element.querySelector(".undo").addEventListener("click", () => this.act("undo", {}))
  }

  update(component) {
    const { data } = component
    this.component = component
    this.data = data
    this.own ??= this.load()
    this.outbox.update(component)
    if (data.received?.text && data.received.id !== this.told) {
      this.told = data.received.id
      this.say(data.received.text)
      this.element.querySelector(".undo").hidden = !data.received.undoable
    }
    this.draw()
  }

  /** Columns without photos are the browser's own, remembered for as long as the tab is open. */
  load() {
    try {
      const known = JSON.parse(sessionStorage.getItem(this.key()))
      if (Array.isArray(known)) return known.map(String)
    } catch {}
    return []
  }

  save() {
    try {
      sessionStorage.setItem(this.key(), JSON.stringify(this.own))
    } catch {} // a browser may keep nothing
  }

  key() {
    return `graft-classes-${this.data.project}`
  }

  /** Every column in its order: the project's classes, then those that have no photo yet; at least two. */
  rows() {
    const taken = new Set(this.data.names)
    this.own = this.own.filter((name) => !taken.has(name))
    const known = this.data.classes.map((row) => row)
    if (!this.data.fresh) return known
    while (taken.size + this.own.length < 2) this.own.push(this.freeName())
    return [...known, ...this.own.map((name) => ({ name, count: 0, photos: [] }))]
  }

  freeName() {
    const taken = new Set([...this.data.names, ...this.own])
    let number = taken.size + 1
    while (taken.has(`Class ${number}`)) number += 1
    return `Class ${number}`
  }

  addClass() {
    this.own.push(this.freeName())
    this.save()
    this.draw()
    const field = this.columns.get(this.own.at(-1)).field
    field.focus()
    field.select()
  }

  draw() {
    const rows = this.rows()
    const names = new Set(rows.map((row) => row.name))
    for (const [name, column] of this.columns) {
      if (names.has(name)) continue
      column.element.remove()
      this.columns.delete(name)
    }
    rows.forEach((row, place) => {
      if (!this.columns.has(row.name)) this.columns.set(row.name, new Column(this, row.name))
      const column = this.columns.get(row.name)
      if (this.list.children[place] !== column.element) this.list.insertBefore(column.element, this.list.children[place])
      column.draw(row, this.outbox.of(row.name))
    })
    if (this.next && !this.outbox.count()) {
      const next = this.next
      this.next = null
      next.click()
    }
    this.list.classList.toggle("many", rows.length > 6)
    this.list.classList.toggle("filming", this.camera.isOn)
    this.add.hidden = !this.data.fresh
  }

  rename(before, now) {
    if (now === before) return
    const place = this.own.indexOf(before)
    if (place < 0) {
      this.act("rename", { class_name: before, new_name: now })
    } else if (this.own.includes(now) || this.data.names.includes(now)) {
      this.say(`There is a class '${now}' already.`)
      this.columns.get(before).field.value = before
    } else {
      this.own[place] = now
      this.save()
      this.outbox.rename(before, now)
      const column = this.columns.get(before)
      this.columns.delete(before)
      column.name = now
      this.columns.set(now, column)
      this.draw()
    }
  }

  keep(className, url) {
    this.outbox.add(className, url)
    this.draw()
  }

  async keepFiles(className, files) {
    let unread = 0
    for (const file of files) {
      try {
        this.keep(className, await readFile(file))
      } catch {
        unread += 1
      }
    }
    if (unread) this.say(`${unread} ${unread === 1 ? "file" : "files"} could not be read.`)
  }

  act(kind, more) {
    const id = `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`
    this.component.setTriggerValue("act", { id, kind, ...more })
  }

  say(text) {
    this.element.querySelector(".status").textContent = text
    this.element.querySelector(".undo").hidden = true
  }

  record(isOn) {
    this.outbox.isRecording = isOn
    if (!isOn) this.outbox.send()
  }

  /** A click that leaves the page right after recording is repeated once the last photos are saved. */
  waitForPhotos(event) {
    const next = event.target.closest?.('.st-key-foot button, header a, [data-testid="stSidebarNavLink"]')
    if (!next || !this.outbox.count()) return
    event.preventDefault()
    event.stopImmediatePropagation()
    this.next = next
    this.say("Saving the last photos. The next page opens when they are here.")
  }

  leave() {
    document.removeEventListener("click", this.wait, true)
    this.camera.turnOff()
    this.outbox.leave()
  }
}

class Column {
  constructor(board, name) {
    this.board = board
    this.name = name
    this.timer = null
    const make = (tag, className, more = {}) => Object.assign(document.createElement(tag), { className, ...more })
    this.element = make("section", "column")
    this.field = make("input", "name", { type: "text", maxLength: 80, value: name, autocomplete: "off" })
    this.dot = make("span", "dot")
    this.count = make("span", "count")
    this.stage = make("div", "stage")
    this.button = make("button", "record", { type: "button", textContent: "Hold to record" })
    this.input = make("input", "", { type: "file", accept: "image/*", multiple: true })
    const files = make("label", "files", { textContent: "Files" })
    files.append(this.input)
    const head = make("header", "")
    head.append(this.dot, this.field, this.count)
    const buttons = make("div", "buttons")
    buttons.append(this.button, files)
    this.thumbnails = make("ul", "thumbnails")
    this.more = make("button", "more", { type: "button", textContent: "See all" })
    this.element.append(head, this.stage, buttons, this.thumbnails, this.more)
    this.listen()
  }

  listen() {
    const { field, button, input, element } = this
    field.addEventListener("change", () => this.board.rename(this.name, field.value.trim() || this.name))
    field.addEventListener("keydown", (event) => {
      event.stopPropagation() // Streamlit takes letters for commands, unless they go into a field that it can see
      if (event.key === "Enter") field.blur()
    })
    input.addEventListener("change", () => {
      const chosen = [...input.files]
      input.value = "" // the same ones can be chosen again
      this.board.keepFiles(this.name, chosen)
    })
    // One tab stop for all crosses of a column; the arrows go from one to the next.
    this.thumbnails.addEventListener("keydown", (event) => {
      const crosses = [...this.thumbnails.querySelectorAll(".cross")]
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
      const next = crosses[crosses.indexOf(event.target) + step]
      if (!next) return
      event.preventDefault()
      event.target.tabIndex = -1
      next.tabIndex = 0
      next.focus()
    })
    this.more.addEventListener("click", () => this.board.act("all", { class_name: this.name }))
    const isHeldKey = (event) => event.key === " " || event.key === "Enter"
    button.addEventListener("pointerdown", (event) => {
      if (event.button) return
      button.setPointerCapture(event.pointerId)
      this.begin()
    })
    for (const over of ["pointerup", "pointercancel", "lostpointercapture", "blur"])
      button.addEventListener(over, () => this.end())
    button.addEventListener("keydown", (event) => {
      if (!isHeldKey(event)) return
      event.preventDefault()
      event.stopPropagation()
      if (!event.repeat) this.begin()
    })
    button.addEventListener("keyup", (event) => {
      if (!isHeldKey(event)) return
      event.preventDefault()
      this.end()
    })
    // A screen reader presses without a pointer and without keys.
    button.addEventListener("click", (event) => event.detail === 0 && this.shoot())
    button.addEventListener("contextmenu", (event) => event.preventDefault()) // what a long touch brings up
    element.addEventListener("dragover", (event) => {
      event.preventDefault()
      element.classList.add("over")
    })
    element.addEventListener("dragleave", () => element.classList.remove("over"))
    element.addEventListener("drop", (event) => {
      event.preventDefault()
      element.classList.remove("over")
      this.board.keepFiles(this.name, [...event.dataTransfer.files])
    })
  }

  draw(row, coming) {
    const { camera } = this.board
    if (this.field.getRootNode().activeElement !== this.field) this.field.value = this.name
    this.field.setAttribute("aria-label", `Name of the class ${this.name}`)
    this.element.setAttribute("aria-label", `Class ${this.name}`)
    this.dot.style.background = row.colour ?? "transparent"
    const count = row.count + coming.length
    this.count.textContent = `${count} ${count === 1 ? "photo" : "photos"}`
    this.button.hidden = !camera.isPossible
    this.button.setAttribute("aria-label", `Hold to record photos of ${this.name}`)
    this.input.setAttribute("aria-label", `Add photos of ${this.name} from files`)
    this.more.hidden = row.count <= SHOWN
    this.more.textContent = `See all ${row.count}`
    if (camera.isOn && (camera.place === this || camera.place === null)) camera.moveTo(this)
    this.drawThumbnails(row, coming)
  }

  drawThumbnails(row, coming) {
    const shown = [
      ...coming.map((photo) => ({ key: photo.url, url: photo.url })),
      ...row.photos.map((photo) => ({ ...photo, key: photo.digest.slice(-16) + photo.id, url: `${this.board.data.thumbnails}${photo.digest}.jpg` })),
    ].slice(0, SHOWN)
    const key = JSON.stringify(shown.map((photo) => photo.key.slice(-64)))
    if (key === this.drawn) return
    this.drawn = key
    this.thumbnails.replaceChildren(...shown.map((photo) => this.thumbnail(photo)))
    const [first] = this.thumbnails.querySelectorAll(".cross")
    if (first) first.tabIndex = 0
  }

  thumbnail({ id, url, file }) {
    const item = document.createElement("li")
    const picture = Object.assign(document.createElement("img"), { src: url, alt: file ?? "", loading: "lazy" })
    item.append(picture)
    if (id === undefined) return item // on its way: it can be removed once it is there
    const looks = { type: "button", className: "cross", textContent: "×", tabIndex: -1 }
    const cross = Object.assign(document.createElement("button"), looks)
    cross.setAttribute("aria-label", `Remove ${file} from ${this.name}`)
    cross.addEventListener("click", () => {
      item.remove()
      this.board.act("remove", { item: id })
    })
    item.append(cross)
    return item
  }

  async begin() {
    if (this.timer) return
    const { camera } = this.board
    if (!camera.isOn) return camera.turnOn(this)
    camera.moveTo(this)
    this.button.classList.add("recording")
    this.board.record(true)
    this.shoot()
    this.timer = setInterval(() => this.shoot(), EVERY_MS)
  }

  end() {
    if (!this.timer) return
    clearInterval(this.timer)
    this.timer = null
    this.button.classList.remove("recording")
    this.board.record(false)
    this.board.draw()
  }

  shoot() {
    const url = this.board.camera.shoot()
    if (url) this.board.keep(this.name, url)
  }
}

class Camera {
  constructor(bar, say, changed) {
    this.say = say
    this.changed = changed
    this.start = bar.querySelector(".start")
    this.stop = bar.querySelector(".stop")
    this.which = bar.querySelector(".which")
    this.video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, playsInline: true })
    this.video.setAttribute("aria-label", "What the camera sees")
    this.place = null // the column that shows it
    // Browsers show the camera only to pages of this computer or over https.
    this.isPossible = Boolean(navigator.mediaDevices?.getUserMedia)
    if (!this.isPossible) {
      this.start.hidden = true
      say("This address is not encrypted, so the browser blocks the camera. Open Graft at localhost or over https, or add files.")
    }
    this.start.addEventListener("click", () => this.turnOn(null))
    this.stop.addEventListener("click", () => {
      this.turnOff()
      this.say("The camera is off.")
    })
    this.which.addEventListener("change", () => this.turnOn(this.place))
  }

  get isOn() {
    return Boolean(this.stream)
  }

  async turnOn(place) {
    this.start.disabled = true // a second press would open a second stream, which nothing turns off
    const wanted = this.which.value ? { deviceId: { exact: this.which.value } } : { facingMode: "user" }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        video: { ...wanted, width: { ideal: 1280 }, height: { ideal: 960 } },
      })
      this.turnOff()
      this.stream = stream
      this.video.srcObject = stream
      // Mirrored if the camera faces the user; the photos themselves are not.
      const { facingMode } = stream.getVideoTracks()[0].getSettings()
      this.video.classList.toggle("mirrored", facingMode !== "environment")
      this.start.hidden = true
      this.stop.hidden = false
      this.place = place
      await this.listCameras(stream)
      this.say("The camera is on. Hold a button, or the space bar on it: five photos a second. A short press takes one.")
      this.changed()
    } catch (error) {
      this.say(
        error.name === "NotAllowedError"
          ? "The browser blocks the camera. Allow it next to the address, then start it again, or add files."
          : error.name === "NotReadableError"
            ? "Another program is using the camera. Close it, then start the camera again, or add files."
            : "No camera was found. Add files instead."
      )
    } finally {
      this.start.disabled = false
    }
  }

  async listCameras(stream) {
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput")
    const now = stream.getVideoTracks()[0].getSettings().deviceId
    this.which.replaceChildren(
      ...cameras.map((camera, place) => new Option(camera.label || `Camera ${place + 1}`, camera.deviceId))
    )
    this.which.value = now ?? ""
    this.which.hidden = cameras.length < 2
  }

  moveTo(column) {
    this.place = column
    if (this.video.parentElement !== column.stage) {
      column.stage.append(this.video)
      this.video.play() // moving it in the page has paused it
    }
  }

  turnOff() {
    for (const track of this.stream?.getTracks() ?? []) track.stop()
    this.stream = this.video.srcObject = null
    this.video.remove()
    this.place = null
    this.stop.hidden = this.which.hidden = true
    this.start.hidden = !this.isPossible
    this.changed()
  }

  shoot() {
    if (!this.video.videoWidth) return null
    const canvas = document.createElement("canvas")
    canvas.width = this.video.videoWidth
    canvas.height = this.video.videoHeight
    canvas.getContext("2d").drawImage(this.video, 0, 0)
    return canvas.toDataURL("image/jpeg", 0.92)
  }
}
