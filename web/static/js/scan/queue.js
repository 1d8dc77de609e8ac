// The queue of what was scanned and is not answered yet. Each entry is a key of its own in localStorage, written before
// any request, so that a reload, a crash or a lost network loses nothing, and two tabs never overwrite each other.
//
// An entry belongs to a user and to a tab. The user's part keeps one person's scans from being sent as another's. The
// tab's part says who sends it: a tab that opens takes over the entries of tabs that are gone (see tabs.js).

const prefix = 'traitortrack.queue.'

export class Queue {
  #user
  #name
  #tab
  #entries = []
  #last = 0

  // kept is whether the browser keeps entries. Where it refuses, they live as long as the page.
  kept = true

  constructor(user, name, tab) {
    this.#user = user
    this.#name = name
    this.#tab = tab
  }

  // add puts an entry at the end and keeps it before it returns.
  add(entry) {
    this.#last = Math.max(this.#last + 1, Date.now() * 1000) // entries made in one millisecond keep their order
    entry.key = `${prefix}${this.#user}.${String(this.#last).padStart(16, '0')}`
    entry.tab = this.#tab
    entry.name = this.#name
    this.#entries.push(entry)
    this.#keep(entry)
  }

  #keep(entry) {
    try {
      localStorage.setItem(entry.key, JSON.stringify(entry))
      entry.stored = true
    } catch {
      this.kept = false
    }
  }

  // waiting gives the entries that this tab has to send, in their order.
  waiting() {
    return this.#entries
  }

  // next gives what goes into the next request: the first entry, with the entries behind it that batch together with it.
  next(most, together) {
    this.#entries = this.#entries.filter((entry) => this.#mine(entry))
    const [first] = this.#entries
    if (!first || !together(first)) return first ? [first] : []
    const end = this.#entries.findIndex((entry) => !together(entry))
    return this.#entries.slice(0, Math.min(most, end < 0 ? this.#entries.length : end))
  }

  // mine finds out whether another tab has taken an entry over, while this one was asleep.
  #mine(entry) {
    if (!entry.stored) return true
    const stored = read(entry.key)
    return stored !== undefined && stored.tab === this.#tab
  }

  // remove takes an answered entry out.
  remove(entry) {
    this.#entries = this.#entries.filter((other) => other !== entry)
    try {
      localStorage.removeItem(entry.key)
    } catch {
      this.kept = false
    }
  }

  // left gives the entries of this user that belong to other tabs.
  left() {
    return all().filter((entry) => entry.key.startsWith(`${prefix}${this.#user}.`) && entry.tab !== this.#tab)
  }

  // adopt takes entries over. They are older than what this tab was given meanwhile, so they go in front.
  adopt(entries) {
    for (const entry of entries) {
      entry.tab = this.#tab
      this.#keep(entry)
    }
    this.#entries = [...entries, ...this.#entries].sort((a, b) => (a.key < b.key ? -1 : 1))
    this.#last = Math.max(this.#last, ...this.#entries.map((entry) => Number(entry.key.split('.').pop())))
  }

  // others counts what waits on this device for other users, by their names.
  others() {
    const names = {}
    for (const entry of all()) {
      if (!entry.key.startsWith(`${prefix}${this.#user}.`)) names[entry.name] = (names[entry.name] ?? 0) + 1
    }
    return names
  }
}

// all reads every entry on this device, in order.
function all() {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(prefix)).sort().map(read).filter(Boolean)
  } catch {
    return []
  }
}

function read(key) {
  try {
    return { ...JSON.parse(localStorage.getItem(key)), key, stored: true }
  } catch {
    return undefined
  }
}
