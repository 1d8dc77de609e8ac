// What a scanner's text is, as far as the page must know it. The server decides; the page only needs to know whether a
// code is a parent's, so that the scans that follow it in the queue name the right parent.

// longest is where the server stops reading. A longer text is cut just behind it, so that it is refused all the same.
export const longest = 1024

const unseen = /[\p{Cc}\p{Cf}\s\uFFFD]/gu

// normalise makes a code of raw text, as internal/code does.
export function normalise(raw) {
  let clean = raw.slice(0, longest + 1).replace(unseen, '').normalize('NFKC').toUpperCase().replace(unseen, '').normalize('NFKC')
  while (/^\][A-Z][A-Z0-9]./u.test(clean)) clean = clean.slice(3)
  return clean
}

// formatsOf reads the organization's formats: [{pattern, capacity}]. One that JavaScript cannot read is left to the server.
export function formatsOf(json) {
  return JSON.parse(json || '[]').flatMap(({ pattern, capacity }) => {
    try {
      return [{ pattern: new RegExp(`^(?:${pattern})$`), capacity }]
    } catch {
      return []
    }
  })
}

// formatOf gives the format of a parent's code, or undefined for any other text.
export function formatOf(formats, code) {
  return formats.find((format) => format.pattern.test(code))
}
