// The last scans, newest first: each with its state, code, time and what came of it, and one tap to undo it. A scan has
// its row from the moment it is read, and the row changes when the answer comes.

const rowsAtMost = 10

export class Recent {
  #list
  #template
  #empty
  #time

  // undo is called with a row's {id, code} when its button is pressed.
  constructor(root, zone, undo) {
    this.#list = root.querySelector('[data-recent]')
    this.#template = root.querySelector('template[data-row]')
    this.#empty = root.querySelector('[data-recent-empty]')
    this.#time = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: zone || undefined })
    this.#list.addEventListener('click', ({ target }) => {
      const button = target.closest('[data-undo]')
      if (!button) return
      const { id, code } = button.closest('li').dataset
      undo({ id, code })
    })
  }

  // show puts an entry's row on top, or changes the one that it has.
  show(entry, { tone, word, text }, undoable) {
    const row = this.#row(entry.id) ?? this.#add(entry)
    row.dataset.tone = tone
    row.querySelector('[data-row-word]').textContent = word
    row.querySelector('[data-row-text]').textContent = text
    row.querySelector('[data-undo]').hidden = !undoable
  }

  // undoing takes the button off a row whose undo is on its way.
  undoing(id) {
    this.#undo(id, { tone: 'waiting', word: 'Waiting', text: 'Being taken out' }, true)
  }

  // undone tells what came of an undo: the child is out, or it stays where it was, with the reason.
  undone(id, verdict) {
    this.#undo(id, verdict, verdict.tone !== 'refused')
  }

  #undo(id, { tone, word, text }, gone) {
    const row = this.#row(id)
    if (!row) return
    row.dataset.tone = tone
    row.querySelector('[data-row-word]').textContent = word
    row.querySelector('[data-row-text]').textContent = text
    row.querySelector('[data-undo]').hidden = gone
  }

  #row(id) {
    return this.#list.querySelector(`[data-id="${CSS.escape(id)}"]`)
  }

  #add({ id, code, at }) {
    const row = this.#template.content.firstElementChild.cloneNode(true)
    row.dataset.id = id
    row.dataset.code = code
    row.querySelector('[data-row-code]').textContent = code
    row.querySelector('time').textContent = this.#time.format(at)
    row.querySelector('time').dateTime = new Date(at).toISOString()
    row.querySelector('[data-undo]').setAttribute('aria-label', `Undo ${code}`)
    this.#list.prepend(row)
    while (this.#list.children.length > rowsAtMost) this.#list.lastElementChild.remove()
    this.#empty.hidden = true
    return row
  }
}
