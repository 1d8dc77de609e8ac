// What is shown once can be copied and printed: <button data-copy="#codes" hidden>, <button data-print hidden>.
import { announce } from './say.js'

// offerKeeping shows these buttons, and does what they say.
export function offerKeeping(root) {
  for (const button of root.querySelectorAll('[data-copy], [data-print]')) button.hidden = false
  root.addEventListener('click', (event) => {
    const button = event.target.closest?.('[data-copy], [data-print]')
    if (!button) return
    if (button.dataset.copy) copy(button, root.querySelector(button.dataset.copy))
    else print()
  })
}

// copy puts an element's text on the clipboard. Where the browser gives none, which it does only over TLS, the text is
// selected, for the keys that copy.
async function copy(button, element) {
  try {
    await navigator.clipboard.writeText(element.innerText.trim())
    button.lastChild.textContent = ' Copied'
    announce('Copied')
  } catch {
    getSelection().selectAllChildren(element)
    button.lastChild.textContent = ' Selected: press Ctrl+C'
    announce('Selected. Copy it with the keys.')
  }
}
