// Keys that go to a field: <input data-focus-key="/">.

// watchKeys moves the focus when a key is pressed that a field asks for, unless somebody is typing.
export function watchKeys(root) {
  root.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return
    const field = root.querySelector(`[data-focus-key="${CSS.escape(event.key)}"]`)
    if (!field) return
    event.preventDefault()
    field.focus()
    field.select()
  })
}

function isTyping(element) {
  return element.isContentEditable || element.matches?.('input, textarea, select')
}
