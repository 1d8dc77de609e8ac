// Live parts: <div data-live="/dashboard/events"> shows the HTML of each "snapshot" event that this address sends.
// Hidden tabs do not listen. A lost stream is sought again after a while that grows, and differs from tab to tab, so
// that a restarted server does not meet all of them at once.

const firstWait = 1000
const longestWait = 30_000

// followLive keeps every live part in root fed.
export function followLive(root) {
  for (const element of root.querySelectorAll('[data-live]')) follow(element)
}

function follow(element) {
  let source = null
  let timer = 0
  let losses = 0

  const close = () => {
    clearTimeout(timer)
    source?.close()
    source = null
  }
  const open = () => {
    if (source || document.hidden) return
    source = new EventSource(element.dataset.live)
    source.addEventListener('error', lose)
    source.addEventListener('snapshot', (event) => {
      losses = 0
      element.dataset.liveState = 'open'
      show(element, event.data)
    })
  }
  const lose = () => {
    close()
    element.dataset.liveState = 'away'
    const wait = Math.min(firstWait * 2 ** losses++, longestWait)
    timer = setTimeout(seek, wait * (0.5 + Math.random()))
  }
  const seek = async () => {
    if (await isLoggedOut()) location.reload()
    else open()
  }

  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()))
  open()
}

// isLoggedOut asks for this page once more: to who is logged out it answers with the way to the login.
async function isLoggedOut() {
  try {
    const answer = await fetch(location.href, { method: 'HEAD', redirect: 'manual' })
    return answer.type === 'opaqueredirect'
  } catch {
    return false // nobody answers: the server is away, and that is another matter
  }
}

// show replaces what the element holds, and keeps the focus on what has the same id.
function show(element, html) {
  const focused = element.contains(document.activeElement) ? document.activeElement.id : ''
  element.innerHTML = html
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true })
}
