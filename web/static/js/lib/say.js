// Words for who looks and for who listens.

// announce says text to a screen reader, the same text twice if it must.
export function announce(text) {
  const spoken = document.getElementById('spoken')
  if (!spoken) return
  spoken.textContent = spoken.textContent === text ? text + '\u00a0' : text
}

// toast shows text over the page for some seconds. Kind is accepted, duplicate or refused; a screen reader hears it too.
export function toast(kind, text, seconds = 8) {
  const toasts = document.getElementById('toasts')
  if (!toasts) return
  const note = document.createElement('p')
  note.className = `notice notice--${kind} toast`
  note.textContent = text
  toasts.replaceChildren(note)
  setTimeout(() => note.remove(), seconds * 1000)
}
