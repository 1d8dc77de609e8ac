// The scan page: fills parents with children, one scan after the other.
import { formatOf, formatsOf } from './scan/codes.js'
import { Parent } from './scan/parent.js'
import { Station } from './scan/station.js'

const root = document.querySelector('[data-station]')
const formats = formatsOf(root.dataset.formats)
const parent = new Parent(root, formats)

const station = new Station(root, {
  // A parent's code opens it and is the place of all that follows, even before the answer. Anything else goes into the
  // parent that is being filled, and what is no code at all the server says.
  ask(code, raw) {
    const entry = { kind: 'scan', scan: true, code, method: 'POST', path: '/api/scans' }
    if (formatOf(formats, code)) {
      const switches = parent.code !== code
      parent.fill(code)
      return { ...entry, switches, opens: true, body: { code: raw } }
    }
    if (parent.code === '') return { ...entry, body: { code: raw } }
    return { ...entry, into: parent.code, body: { code: raw, parent: parent.code } }
  },

  undo({ code }) {
    return { method: 'DELETE', path: `/api/bags/${encodeURIComponent(code)}/parent` }
  },

  answered(entry, answer) {
    if (answer.problem) {
      // Its children must not go into the parent before it.
      if (entry.opens && parent.code === entry.code) parent.fill('')
      return
    }
    const summary = entry.kind === 'scan' || entry.kind === 'undo' ? answer.parent : summaryOf(answer.body)
    if (!summary) return
    if (answer.outcome === 'opened' || answer.outcome === 'resumed') {
      if (parent.code === '') parent.fill(summary.code)
    }
    parent.learn(summary)
    if (answer.outcome === 'linked') return { text: `Into ${summary.code}` }
    if (entry.opens) return { text: '' }
  },

  changed(waiting) {
    parent.count(waiting)
  },
})

// summaryOf gives a bag in the shape in which scans answer with their parent.
function summaryOf({ code, children = [], capacity, status, weight_kg }) {
  return capacity ? { code, children: children.length, capacity, status, weight_kg } : undefined
}

function step(kind) {
  station.push({ kind, code: parent.code, method: 'POST', path: `/api/bags/${encodeURIComponent(parent.code)}/${kind}` })
}

root.querySelector('[data-close]').addEventListener('click', () => parent.ask(true))
root.querySelector('[data-no]').addEventListener('click', () => parent.ask(false))
root.querySelector('[data-yes]').addEventListener('click', () => { parent.ask(false); step('close') })
root.querySelector('[data-reopen]').addEventListener('click', () => step('reopen'))
root.querySelector('[data-question]').addEventListener('keydown', ({ key }) => {
  if (key !== 'Escape') return
  parent.ask(false)
  root.querySelector('[data-input]').focus()
})
station.open()
