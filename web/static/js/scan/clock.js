// The time of a scan. Handhelds are often wrong by hours, and the server refuses times that cannot be true, so the page
// learns from each answer how far its own clock is off.

const tolerated = 60_000 // ms; less may be the network's delay

export class Clock {
  #off = 0

  // learn takes the server's time, as a Date header or an RFC 3339 text gives it.
  learn(serverTime) {
    const off = Date.parse(serverTime) - Date.now()
    if (!Number.isNaN(off)) this.#off = Math.abs(off) > tolerated ? off : 0
  }

  now() {
    return Date.now() + this.#off
  }
}
