// The sender takes the queue to the server, in order and one request at a time. What waits together goes as one batch.
// Nothing leaves the queue without an answer: on a lost network, 429 and 5xx it tries again, and on 401 it waits for a login.

const mostInBatch = 500
const lateAfter = 5_000 // ms after which a scan carries its own time
const patience = 15_000 // ms for one request
const pauses = [500, 1_000, 2_000, 4_000, 8_000] // ms between tries
const leaving = 3_000 // ms after which a page that was to be left has stayed
const faultsAtMost = 5 // 500s for one entry until it is called refused, so that it cannot hold up the rest for ever

export class Sender {
  #queue
  #clock
  #user
  #hear
  #running = false
  #tries = 0
  #most = mostInBatch
  #leftAt = -Infinity
  #wake = () => {}

  // hear is told of each answer, as answered([{entry, answer}]), and of each change, as changed(state).
  constructor(queue, clock, user, hear) {
    this.#queue = queue
    this.#clock = clock
    this.#user = user
    this.#hear = hear
    addEventListener('beforeunload', () => (this.#leftAt = performance.now()))
  }

  // send sends what waits, unless that is under way.
  async send() {
    if (this.#running) return
    this.#running = true
    let more = true
    while (more) more = await this.#step()
    this.#running = false
  }

  // retry ends a pause between two tries, since something has changed: the network, the login, or who looks.
  retry() {
    this.#wake()
    this.send()
  }

  // step makes one request, and reports whether there may be more to send.
  async #step() {
    const entries = this.#queue.next(this.#most, isScan)
    if (entries.length === 0) {
      this.#hear.changed('idle')
      return false
    }
    const { status, answers, after } = await this.#ask(entries)
    // The page that comes may have been made before this answer. The entries stay for it: it asks again, and shows them.
    if (performance.now() - this.#leftAt < leaving) return false
    if (status === 401) {
      this.#hear.changed(answers?.code === 'other_user' ? 'other_user' : 'login')
      return false
    }
    if (!answers) {
      this.#hear.changed(status ? 'busy' : 'offline')
      await this.#pause(after)
      return true
    }
    const settled = this.#settle(entries, answers)
    if (settled.length === 0) {
      this.#hear.changed('busy')
      await this.#pause()
      return true
    }
    this.#tries = 0
    this.#most = mostInBatch
    this.#hear.answered(settled)
    return true
  }

  // settle takes the answered entries out of the queue. A fault of the server's is no answer yet, and where it struck a
  // whole batch, the batch is halved until it strikes only the entry that causes it.
  #settle(entries, answers) {
    const settled = []
    if (entries.length > 1 && answers.every(({ status }) => status >= 500)) {
      this.#most = Math.ceil(entries.length / 2)
      return settled
    }
    entries.forEach((entry, i) => {
      const answer = answers[i]
      entry.faults = (entry.faults ?? 0) + (answer.status >= 500 ? 1 : 0)
      if (answer.status >= 500 && entry.faults < faultsAtMost) return
      this.#queue.remove(entry)
      settled.push({ entry, answer })
    })
    return settled
  }

  // ask makes the request for entries. It gives the status, 0 where there is no answer at all, and the answers where
  // the entries are decided.
  async #ask(entries) {
    const given = new AbortController()
    const timer = setTimeout(() => given.abort(), patience)
    try {
      const response = await fetch(...this.#request(entries, given.signal))
      this.#clock.learn(response.headers.get('Date'))
      const body = await response.json() // a page where JSON is expected is some proxy's, and no answer
      const after = Number(response.headers.get('Retry-After')) * 1000
      if (response.status === 401) return { status: 401, answers: body }
      if (response.status === 429 || response.status > 500) return { status: response.status, after }
      return { status: response.status, answers: answersOf(response, body, entries.length) }
    } catch {
      return { status: 0 }
    } finally {
      clearTimeout(timer)
    }
  }

  #request(entries, signal) {
    const [first] = entries
    const batch = entries.length > 1
    const body = batch ? { scans: entries.map((entry) => this.#timed(entry)) } : this.#timed(first)
    const headers = { Accept: 'application/json', 'X-Traitortrack-User': this.#user }
    if (body) headers['Content-Type'] = 'application/json'
    return [
      batch ? '/api/scans/batch' : first.path,
      { method: first.method, headers, body: body && JSON.stringify(body), signal, cache: 'no-store' },
    ]
  }

  // timed gives an entry's body, with the scan's own time where it is sent late.
  #timed(entry) {
    const late = isScan(entry) && this.#clock.now() - entry.at > lateAfter
    return late ? { ...entry.body, scanned_at: new Date(entry.at).toISOString() } : entry.body
  }

  #pause(after = 0) {
    const ms = Math.max(pauses[Math.min(this.#tries, pauses.length - 1)], Math.min(after || 0, 60_000))
    this.#tries++
    return new Promise((resolve) => {
      this.#wake = resolve
      setTimeout(resolve, ms * (0.8 + 0.4 * Math.random())) // a whole shed that comes back at once spreads out
    })
  }
}

function isScan(entry) {
  return entry.path === '/api/scans'
}

// answersOf gives one answer for each entry: {status, problem}, or {status, outcome, parent, message, body, …}, whose body is
// the answer as it came.
function answersOf(response, body, count) {
  if (response.ok && body.results) return body.results
  const answer = response.ok ? { ...body, body, status: response.status } : { status: response.status, problem: body }
  return Array(count).fill(answer)
}
