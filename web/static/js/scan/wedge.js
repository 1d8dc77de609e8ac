// The wedge reads codes out of an input, whoever writes them there: a scanner that types, a paste, or a hand. What ends a
// code is a terminator: Enter, Tab, CR, LF or both. Time never does: a slow scanner's code stays whole.

const ends = /[\r\n\t]/

// readCodes calls take(text, at) for each text that ends in the input; at is in ms, as events count.
export function readCodes(input, take) {
  const finish = (text, at) => {
    input.value = ''
    for (const line of text.split(ends)) if (line.trim() !== '') take(line, at)
  }

  input.addEventListener('keydown', (event) => {
    if (!isEnd(event, input.value)) return
    event.preventDefault()
    finish(input.value, event.timeStamp)
  })

  // On-screen keyboards and some handhelds bring no keys, only text, and then the terminator is in it.
  input.addEventListener('beforeinput', (event) => {
    const lineBreak = event.inputType === 'insertLineBreak' || event.inputType === 'insertParagraph'
    const text = lineBreak ? '\n' : event.data ?? event.dataTransfer?.getData('text/plain') ?? ''
    if (!ends.test(text)) return
    event.preventDefault()
    const lines = spliced(input, text).split(ends)
    const rest = lines.pop()
    finish(lines.join('\n'), event.timeStamp)
    input.value = rest
  })

  input.addEventListener('paste', (event) => {
    event.preventDefault()
    finish(spliced(input, event.clipboardData.getData('text/plain')), event.timeStamp)
  })

  input.form?.addEventListener('submit', (event) => {
    event.preventDefault()
    finish(input.value, event.timeStamp)
  })
}

// isEnd knows the keys that end a code. Some scanners send CR and LF as Ctrl-M and Ctrl-J. Tab in an empty input moves on.
function isEnd(event, typed) {
  if (event.key === 'Enter') return true
  if (event.ctrlKey && !event.altKey && /^[jm]$/i.test(event.key)) return true
  return event.key === 'Tab' && typed !== '' && !event.shiftKey && !event.altKey && !event.ctrlKey
}

// spliced is the input's text with more put in where the caret is.
function spliced(input, text) {
  const from = input.selectionStart ?? input.value.length
  return input.value.slice(0, from) + text + input.value.slice(input.selectionEnd ?? from)
}
