// The verdict is the panel's answer to a scan: its colour, icon, word and text, said aloud by a screen reader, with a
// flash of the whole panel.

const flashFor = 400 // ms

export class Verdict {
  #panel
  #word
  #text
  #flash

  constructor(root) {
    this.#panel = root.querySelector('[data-panel]')
    this.#word = root.querySelector('[data-word]')
    this.#text = root.querySelector('[data-text]')
  }

  show({ tone, word, text }) {
    this.#panel.dataset.tone = tone
    this.#word.textContent = word
    this.#text.textContent = text
  }

  // flash floods the panel with the tone's colour. Verdicts in quick succession keep it flooded: flickering harms.
  flash() {
    clearTimeout(this.#flash)
    this.#panel.dataset.flash = ''
    this.#flash = setTimeout(() => delete this.#panel.dataset.flash, flashFor)
  }
}
