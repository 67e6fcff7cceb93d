/* A wall of photos of which several can be chosen, by mouse, finger and keyboard: a list box of one page of tiles.

   In:  data.tiles   [{ id, file, class_name, colour, picture }], the page; data.shown is another text whenever they differ
        data.chosen  ids that are chosen; taken over whenever data.round differs, which counts changes by the page
   Out: the state "picked" { round, shown, chosen }: ids of all tiles here, and of the chosen ones
        the trigger "opened": the id of a photo that is to be shown larger

   Names are hostile: they go into the page as text and attributes, never as markup. */

const SEND_AFTER_MS = 200 // several clicks in quick succession are one message

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const wall = parentElement.querySelector(".wall")
  wall.graft ??= new Wall(wall)
  wall.graft.open = (id) => setTriggerValue("opened", id)
  wall.graft.update(data, (report) => setStateValue("picked", report))
}

class Wall {
  constructor(element) {
    this.element = element
    this.tiles = []
    this.anchor = 0 // where a range begins
    this.paint = null // whether a drag chooses or gives up what it meets; null without a drag
    this.byMouse = false
    this.waiting = null // the timer of a message that is still to be sent
    element.addEventListener("pointerdown", (event) => this.press(event))
    element.addEventListener("pointerover", (event) => this.drag(event))
    element.addEventListener("click", (event) => this.click(event))
    element.addEventListener("dblclick", (event) => this.show(this.placeOf(event)))
    element.addEventListener("keydown", (event) => this.key(event))
    // Whoever leaves the wall is about to press a button: it is to find what was chosen last.
    for (const leaving of ["pointerleave", "focusout"]) element.addEventListener(leaving, () => this.flush())
    element.addEventListener("dragstart", (event) => event.preventDefault())
  }

  update(data, send) {
    this.send = send
    const isNewPage = this.shown !== data.shown
    if (isNewPage) this.draw(data)
    if (isNewPage || this.round !== data.round) {
      this.cancel()
      const chosen = new Set(data.chosen)
      for (const tile of this.tiles) mark(tile, chosen.has(tile.dataset.id))
    }
    this.shown = data.shown
    this.round = data.round
  }

  draw(data) {
    const hadFocus = this.element.contains(this.element.getRootNode().activeElement)
    this.element.setAttribute("aria-label", data.label)
    this.tiles = data.tiles.map(makeTile)
    this.element.replaceChildren(...this.tiles)
    this.anchor = 0
    if (this.tiles.length) this.tiles[0].tabIndex = 0
    if (hadFocus) this.focus(0)
  }

  /* --- mouse and finger ------------------------------------------------------------------------------------------ */

  press(event) {
    this.byMouse = event.pointerType !== "touch" // a finger that moves scrolls the page, so it chooses by tapping only
    const place = this.placeOf(event)
    if (!this.byMouse || event.button !== 0 || place < 0) return
    event.preventDefault()
    if (event.shiftKey) {
      this.chooseRange(this.anchor, place)
    } else {
      this.paint = !isChosen(this.tiles[place])
      mark(this.tiles[place], this.paint)
      this.anchor = place
    }
    this.focus(place)
    this.tell()
  }

  drag(event) {
    if (!(event.buttons & 1)) this.paint = null
    const place = this.placeOf(event)
    if (this.paint === null || place < 0) return
    mark(this.tiles[place], this.paint)
    this.tell()
  }

  click(event) {
    this.paint = null
    const place = this.placeOf(event)
    const isOther = !this.byMouse || event.detail === 0 // a finger, or a screen reader
    if (isOther && place >= 0) this.toggle(place)
  }

  /* --- keyboard -------------------------------------------------------------------------------------------------- */

  key(event) {
    const here = this.tiles.indexOf(event.target)
    if (here < 0 || event.altKey) return
    const row = this.tiles.filter((tile) => tile.offsetTop === this.tiles[0].offsetTop).length
    const last = this.tiles.length - 1
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row, Home: -here, End: last - here }
    const isCommand = event.ctrlKey || event.metaKey
    if (event.key in steps && !isCommand) {
      const there = here + steps[event.key]
      if (there >= 0 && there <= last) {
        this.focus(there)
        if (event.shiftKey) {
          this.chooseRange(this.anchor, there)
          this.tell()
        } else {
          this.anchor = there
        }
      }
    } else if (event.key === " ") {
      this.toggle(here)
    } else if (event.key === "Enter") {
      this.show(here)
    } else if (event.key.toLowerCase() === "a" && isCommand) {
      this.chooseRange(0, last)
      this.tell()
    } else if (event.key === "Escape") {
      for (const tile of this.tiles) mark(tile, false)
      this.tell()
    } else {
      return
    }
    event.preventDefault()
  }

  /* --- both ------------------------------------------------------------------------------------------------------ */

  placeOf(event) {
    return this.tiles.indexOf(event.target.closest(".tile"))
  }

  focus(place) {
    for (const tile of this.tiles) tile.tabIndex = -1
    this.tiles[place].tabIndex = 0
    this.tiles[place].focus()
  }

  show(place) {
    this.flush()
    if (place >= 0) this.open(this.tiles[place].dataset.id)
  }

  toggle(place) {
    mark(this.tiles[place], !isChosen(this.tiles[place]))
    this.anchor = place
    this.focus(place)
    this.tell()
  }

  chooseRange(from, to) {
    for (let place = Math.min(from, to); place <= Math.max(from, to); place++) mark(this.tiles[place], true)
  }

  tell() {
    this.cancel()
    this.waiting = setTimeout(() => this.flush(), SEND_AFTER_MS)
  }

  flush() {
    if (this.waiting === null) return
    this.cancel()
    const ids = (tiles) => tiles.map((tile) => tile.dataset.id)
    this.send({ round: this.round, shown: ids(this.tiles), chosen: ids(this.tiles.filter(isChosen)) })
  }

  cancel() {
    clearTimeout(this.waiting)
    this.waiting = null
  }
}

function makeTile({ id, file, class_name, colour, picture }) {
  const tile = document.createElement("div")
  tile.className = "tile"
  tile.tabIndex = -1
  tile.dataset.id = id
  tile.title = file
  tile.setAttribute("role", "option")
  tile.setAttribute("aria-label", `${file}, ${class_name}`)
  const image = document.createElement(picture ? "img" : "div")
  if (picture) {
    image.src = picture
    image.alt = file
    image.draggable = false
  } else {
    image.className = "gone"
    image.textContent = "This photo's file is gone."
  }
  const names = document.createElement("div")
  names.className = "names"
  const named = line("class", class_name)
  if (colour) {
    named.classList.add("dotted")
    named.style.setProperty("--colour", colour)
  }
  names.append(named, line("file", file))
  tile.append(image, names)
  return tile
}

function line(kind, text) {
  const span = document.createElement("span")
  span.className = kind
  span.textContent = text
  return span
}

const isChosen = (tile) => tile.getAttribute("aria-selected") === "true"
const mark = (tile, value) => tile.setAttribute("aria-selected", String(value))
