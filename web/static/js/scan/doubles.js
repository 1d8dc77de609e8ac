// A scanner that is held too long reads a code twice. The same code within 500 ms of its last read is one read, unless
// something was undone or another parent was scanned in between: then it is meant.

const within = 500 // ms

export class Doubles {
  #reads = new Map()

  // again notes a read, and reports whether it is the last one of that code over again.
  again(code, at) {
    const before = this.#reads.get(code)
    for (const [old, when] of this.#reads) if (at - when > within) this.#reads.delete(old)
    this.#reads.set(code, at)
    return before !== undefined && at - before <= within
  }

  // forget makes the next read of every code but one count, whatever its time.
  forget(but) {
    for (const code of this.#reads.keys()) if (code !== but) this.#reads.delete(code)
  }
}
