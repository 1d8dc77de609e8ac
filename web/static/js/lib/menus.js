// Menus are <details data-menu>: they work without this, and with it they close as menus do and listen to the arrows.

// watchMenus looks after every menu in root, also those that come later.
export function watchMenus(root) {
  const closeOthers = (event) => closeAll(root, event.target.closest?.('[data-menu]'))
  root.addEventListener('click', closeOthers)
  root.addEventListener('focusin', closeOthers)
  root.addEventListener('keydown', (event) => {
    const menu = event.target.closest?.('[data-menu]')
    if (menu) press(menu, event)
  })
}

function closeAll(root, except) {
  for (const menu of root.querySelectorAll('[data-menu][open]')) {
    if (menu !== except) menu.open = false
  }
}

function press(menu, event) {
  const items = [...menu.querySelectorAll('a, button')]
  const at = items.indexOf(document.activeElement)
  const next = {
    ArrowDown: () => items[(at + 1) % items.length],
    ArrowUp: () => items[(at <= 0 ? items.length : at) - 1],
    Home: () => items[0],
    End: () => items[items.length - 1],
    Escape: () => menu.querySelector('summary'),
  }[event.key]
  if (!next || (event.key === 'Escape' && !menu.open)) return
  event.preventDefault()
  menu.open = event.key !== 'Escape'
  next().focus()
}
