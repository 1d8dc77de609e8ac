// The input keeps the focus: whatever loses it gives it back, and keys that belong to a code find their way there. Only
// somebody who goes to another field or control by purpose keeps that one.

export function keepFocus(input, panel) {
  const idle = () => document.activeElement?.matches('input, textarea, select, button, a, summary') !== true
  const focus = () => input.focus({ preventScroll: true })
  const focusIfIdle = () => idle() && focus()

  input.addEventListener('blur', () => setTimeout(focusIfIdle))
  document.addEventListener('focusout', () => setTimeout(focusIfIdle))
  document.addEventListener('click', () => setTimeout(focusIfIdle))
  document.addEventListener('visibilitychange', () => !document.hidden && focusIfIdle())
  window.addEventListener('focus', focusIfIdle)

  // A control that was pressed has done its work, unless it asks something back.
  panel.addEventListener('click', ({ target }) => {
    if (target.closest('button') && !target.closest('[data-asks]')) focus()
  })

  // A scanner that types while a button has the focus means the input. The key itself then goes there. Space and Enter
  // stay the button's, and / is the way to the search box.
  document.addEventListener('keydown', (event) => {
    const codeKey = event.key.length === 1 && event.key !== ' ' && event.key !== '/' && !event.ctrlKey && !event.metaKey && !event.altKey
    if (codeKey && !document.activeElement?.matches('input, textarea, select, [contenteditable]')) focus()
  })
  if (!document.querySelector('[aria-invalid="true"]')) focus()
}
