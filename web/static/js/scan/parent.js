// The parent that is being filled, as the page shows it. It lives in this tab alone, and its code in the address, so that
// a reload finds it again; the server's session knows nothing of it.
import { formatOf } from './codes.js'

export class Parent {
  #root
  #formats
  #known = new Map() // summaries by code: what the server last said
  #waiting = 0
  code = ''

  constructor(root, formats) {
    this.#root = root.querySelector('[data-parent]')
    this.#formats = formats
    const { code, children, capacity, status, weight } = this.#root.dataset
    if (!code) return
    this.code = code
    this.#known.set(code, { code, children: Number(children), capacity: Number(capacity), status, weight_kg: Number(weight) })
  }

  // fill makes a code the parent that is being filled, or none.
  fill(code) {
    this.code = code
    history.replaceState(null, '', code ? `/scan?parent=${encodeURIComponent(code)}` : '/scan')
    this.#paint()
  }

  // learn takes a parent's summary from an answer.
  learn(summary) {
    this.#known.set(summary.code, summary)
    this.#paint()
  }

  // count takes what waits in the queue, to show what will be in the parent soon.
  count(waiting) {
    this.#waiting = waiting.filter((entry) => entry.into === this.code && this.code !== '').length
    this.#paint()
  }

  #paint() {
    const known = this.#known.get(this.code)
    const capacity = known?.capacity ?? formatOf(this.#formats, this.code)?.capacity ?? 0
    const full = known !== undefined && known.children === capacity
    this.#root.dataset.state = this.code === '' ? 'none' : known?.status ?? 'pending'
    this.#set('code', this.code || 'No parent open')
    this.#set('children', known?.children ?? '–')
    this.#set('capacity', capacity)
    this.#set('waiting', this.#waiting > 0 ? `+ ${this.#waiting}` : '')
    this.#set('done', known?.status !== 'completed' ? '' : `${full ? 'Complete' : 'Closed by hand'} · ${known.weight_kg.toFixed(3)} kg`)
    const bar = this.#root.querySelector('progress')
    bar.max = capacity || 1
    bar.value = known?.children ?? 0
    this.#root.querySelector('[data-close]').hidden = known?.status !== 'in_progress'
    this.#root.querySelector('[data-reopen]').hidden = known?.status !== 'completed' || full
    this.#root.querySelector('[data-question]').hidden = true
  }

  #set(name, text) {
    const place = this.#root.querySelector(`[data-parent-${name}]`)
    if (place.textContent !== String(text)) place.textContent = text
  }

  // asks opens or closes the question before a parent is closed by hand.
  ask(open) {
    const known = this.#known.get(this.code)
    const question = this.#root.querySelector('[data-question]')
    question.querySelector('[data-question-text]').textContent = `Close ${this.code} with ${known?.children} of ${known?.capacity}?`
    question.hidden = !open
    this.#root.querySelector('[data-close]').hidden = open
    if (open) question.querySelector('[data-yes]').focus()
  }
}
