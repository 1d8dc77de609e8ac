// A bill's page: scans parents onto it, with the manners of the scan page, and keeps its numbers fresh.
import { Station } from './scan/station.js'

const root = document.querySelector('[data-station]')
const live = document.getElementById('live')

// A completed bill has no scan input.
if (root) openBill(root.dataset.bill)

function openBill(href) {
  const station = new Station(root, {
    ask: (code, raw) => ({ kind: 'bill', scan: true, switches: false, code, method: 'POST', path: `/api${href}/bags`, body: { code: raw } }),
    undo: ({ code }) => ({ method: 'DELETE', path: `/api${href}/bags/${encodeURIComponent(code)}` }),
    answered: () => refresh(href),
    changed: () => {},
  })
  station.open()
}

let refreshing = Promise.resolve()
let asked = false // whether a refresh waits for the one under way

// refresh brings the part of the page that scans change, once for all answers that come while it is on its way.
function refresh(href) {
  if (asked) return
  asked = true
  refreshing = refreshing.then(async () => {
    asked = false
    const response = await fetch(`${href}/live`, { headers: { Accept: 'text/html' } })
    if (response.ok && !response.redirected) replace(await response.text())
  }).catch(() => {}) // the next answer brings it
}

let held

// replace waits for whoever is at work in that part, and leaves open what they have opened.
function replace(html) {
  held = live.contains(document.activeElement) ? html : undefined
  if (held) return
  const open = live.querySelector('details[open]') !== null
  live.innerHTML = html
  if (open) live.querySelector('details').open = true
}

live.addEventListener('focusout', () => setTimeout(() => held && replace(held)))
