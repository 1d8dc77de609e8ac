// The status says what the queue is doing: how much waits, and why. It waits a moment itself, so that a quick answer does
// not make it flicker.

const patience = 300 // ms

const reasons = { offline: 'Offline', busy: 'The server is busy', login: 'Logged out', other_user: 'Logged out' }

export class Status {
  #chip
  #text
  #notes
  #timer
  #count = 0
  #state = 'idle'

  constructor(root) {
    this.#chip = root.querySelector('[data-queue]')
    this.#text = root.querySelector('[data-queue-text]')
    this.#notes = root
  }

  get trouble() {
    return this.#state in reasons
  }

  // show takes the number of waiting entries and the sender's state.
  show(count, state = this.#state) {
    this.#count = count
    this.#state = state
    this.note('login', state === 'login')
    if (state === 'login') this.#comeBack()
    this.note('other_user', state === 'other_user')
    if (count === 0 || this.trouble || !this.#chip.hidden) this.#paint()
    else this.#timer ??= setTimeout(() => this.#paint(), patience)
  }

  #paint() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const reason = reasons[this.#state]
    this.#chip.hidden = this.#count === 0
    this.#chip.dataset.state = reason ? this.#state : 'sending'
    this.#text.textContent = (reason ? `${reason} · ` : '') + `${this.#count} waiting`
  }

  // comeBack makes the login lead back to the very parent or bill that is open.
  #comeBack() {
    this.#notes.querySelector('[data-note="login"] a').href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`
  }

  // note shows or hides one of the page's standing notes, with a text where it has a place for one.
  note(name, on, text = '') {
    const note = this.#notes.querySelector(`[data-note="${name}"]`)
    const place = note.querySelector('[data-note-text]')
    if (place) place.textContent = text
    note.hidden = !on
  }
}
