// What an answer is called. Each verdict is {tone, word, text, sound}: the tone gives colour and icon, the word says the
// same without them, and the text says what happened and what to do.

const severity = ['note', 'waiting', 'accepted', 'complete', 'duplicate', 'refused']

// verdictOn puts an answer into words.
export function verdictOn(entry, answer) {
  if (answer.problem) return refusal(entry, answer.problem)
  if (entry.kind === 'undo') return { tone: 'note', word: 'Taken out', text: `${entry.code} is out. Its story stays.`, sound: 'accepted' }
  if (entry.kind === 'close') return { tone: 'accepted', word: 'Closed', text: `${entry.code} is closed. Scan the next parent.`, sound: 'complete' }
  if (entry.kind === 'reopen') return { tone: 'accepted', word: 'Open again', text: `${entry.code} is open. Scan its children.`, sound: 'accepted' }
  if (answer.outcome === 'duplicate') return { tone: 'duplicate', word: 'Already there', text: answer.message, sound: 'duplicate' }
  if (finished(answer)) {
    const { code, weight_kg: kg } = answer.parent
    return { tone: 'accepted', word: 'Complete', text: `${code} complete · ${kg.toFixed(3)} kg. Scan the next parent.`, sound: 'complete' }
  }
  const word = { opened: 'Open', resumed: 'Open' }[answer.outcome] ?? 'Accepted'
  return { tone: 'accepted', word, text: answer.message, sound: 'accepted' }
}

function refusal(entry, problem) {
  if (entry.kind === 'undo' && problem.code === 'not_linked') {
    return { tone: 'note', word: 'Taken out', text: `${entry.code} is in no parent any more.`, sound: 'accepted' }
  }
  return { tone: 'refused', word: 'Refused', text: problem.detail ?? 'The server refused this and did not say why. Scan it again.', sound: 'refused' }
}

function finished({ outcome, parent }) {
  return outcome === 'linked' && parent !== undefined && parent.children === parent.capacity
}

// worst gives the verdict that must not be missed among some that came together, the last of its kind.
export function worst(verdicts) {
  const weight = ({ tone, word }) => severity.indexOf(word === 'Complete' ? 'complete' : tone)
  return verdicts.reduce((a, b) => (weight(b) >= weight(a) ? b : a))
}
