// The switch between light, dark and what the device prefers. The server reads the cookie, so that a page comes in the
// right colours at once.

const cookie = 'traitortrack_theme'
const year = 365 * 24 * 60 * 60

// offerThemes shows the switch, and remembers what is chosen.
export function offerThemes(root) {
  const choice = root.querySelector('[data-theme-choice]')
  if (!choice) return
  choice.hidden = false
  mark(choice, document.documentElement.dataset.theme ?? '')
  choice.addEventListener('click', (event) => {
    const button = event.target.closest('button')
    if (!button) return
    remember(button.value)
    mark(choice, button.value)
  })
}

function mark(choice, theme) {
  for (const button of choice.querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(button.value === theme))
  }
}

function remember(theme) {
  const secure = location.protocol === 'https:' ? '; Secure' : ''
  document.cookie = `${cookie}=${theme}; Path=/; SameSite=Lax; Max-Age=${theme ? year : 0}${secure}`
  if (theme) document.documentElement.dataset.theme = theme
  else delete document.documentElement.dataset.theme
}
