// The bars of the live answer, a row for each class. Read in front of live.js, as one module.
//
// A few classes stand in the model's own order, so that bars stay where they are. Of many, the leading ones are in sight
// and the rest is folded away: a class that takes the lead takes the place of the weakest one shown, and no other moves.

const MOST = 6 // rows; more would push what follows out of sight
const LEADING = 5
const NEW = 0.3 // weight of the newest answer in the mean that decides who leads: one picture is no lead
const CLEARLY = 1.5 // times the mean of the weakest one shown,
const AT_LEAST = 0.02 // and so much more, is what a folded class needs to take its place

// Puts the rows into the list; `more` is the button that unfolds the rest, `changed` is called when a class is left out.
function makeBars(list, more, classes, changed) {
  const rows = classes.map(({ name }) => makeRow(name, () => changed()))
  const folds = rows.length > MOST
  const isIn = (row) => row.querySelector("input").checked
  let means = null
  let isOpen = false
  let isPointedAt = false

  function makeRow(name, toggled) {
    const row = document.createElement("li")
    row.innerHTML =
      '<label><input type="checkbox" checked><span></span></label>' +
      '<div class="track"><div class="fill"></div></div><div class="share"></div>'
    row.querySelector("span").textContent = row.title = name
    row.querySelector("input").addEventListener("change", () => {
      row.classList.toggle("out", !isIn(row))
      toggled()
    })
    return row
  }

  function draw(row, share) {
    row.querySelector(".fill").style.transform = `scaleX(${share ?? 0})`
    row.querySelector(".share").textContent = share === null ? "" : percent(share)
  }

  // Each class with its share of the confidence, those left out without any.
  function shared(confidences) {
    const total = rows.reduce((sum, row, place) => sum + (isIn(row) ? confidences[place] : 0), 0)
    return rows.map((row, place) => ({
      row,
      name: classes[place].name,
      share: isIn(row) ? (total ? confidences[place] / total : 0) : null,
    }))
  }

  const mean = (row) => means[rows.indexOf(row)]

  function rank(shares) {
    const first = !means
    means = shares.map(({ share }, place) => (first ? share ?? 0 : means[place] * (1 - NEW) + (share ?? 0) * NEW))
    if (first) list.replaceChildren(...[...rows].sort((a, b) => mean(b) - mean(a)))
    else if (!isOpen && !isPointedAt && !list.querySelector(":focus-visible")) letLead() // no row moves under a finger
    fold()
  }

  function letLead() {
    const [shown, folded] = [[...list.children].slice(0, LEADING), [...list.children].slice(LEADING)]
    for (const row of folded.sort((a, b) => mean(b) - mean(a))) {
      const weakest = shown.reduce((a, b) => (mean(b) < mean(a) ? b : a))
      if (mean(row) < mean(weakest) * CLEARLY + AT_LEAST) return
      const place = document.createComment("")
      weakest.replaceWith(place)
      row.replaceWith(weakest)
      place.replaceWith(row)
      shown[shown.indexOf(weakest)] = row
    }
  }

  function fold() {
    ;[...list.children].forEach((row, place) => (row.hidden = folds && !isOpen && place >= LEADING))
    more.hidden = !folds
    more.textContent = isOpen ? "Fewer" : `${rows.length - LEADING} more`
    more.setAttribute("aria-expanded", isOpen)
  }

  function unfold() {
    isOpen = !isOpen
    const shown = [...list.children].slice(0, LEADING)
    list.append(...rows.filter((row) => !shown.includes(row))) // in the model's order, for who looks for one
    list.scrollTop = 0
    fold()
  }

  list.replaceChildren(...rows)
  more.addEventListener("click", unfold)
  list.addEventListener("pointerenter", ({ pointerType }) => (isPointedAt = pointerType === "mouse"))
  list.addEventListener("pointerleave", () => (isPointedAt = false))
  fold()
  return {
    show(confidences) {
      const shares = shared(confidences)
      for (const { row, share } of shares) draw(row, share)
      if (folds) rank(shares)
      return shares.filter(({ share }) => share !== null)
    },
    clear() {
      means = null
      rows.forEach((row) => draw(row, null))
    },
    colour: (now) => rows.forEach((row, i) => (row.querySelector(".fill").style.background = now[i].colour)),
    // Names, the most likely first; those left out last.
    ranked: (confidences) => shared(confidences).sort((a, b) => (b.share ?? -1) - (a.share ?? -1)).map(({ name }) => name),
  }
}

// As transfer_core.support.wording says it.
function percent(share) {
  if (share > 0 && share < 0.005) return "<1%"
  if (share >= 0.995 && share < 1) return ">99%"
  return `${Math.round(share * 100)}%`
}
