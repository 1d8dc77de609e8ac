// Which tabs are open. A tab that opens asks the others, and takes the silent ones for gone. One that was only asleep
// finds in the queue that its entries were taken over; sent twice, they would still count once, by their ids. A page that
// is being left is gone already, though it may still hear the question of the page that comes.

const patience = 300 // ms

export class Tabs {
  #channel = new BroadcastChannel('traitortrack-tabs')
  #here = new Set()
  #left = false

  constructor(id) {
    addEventListener('pagehide', () => (this.#left = true))
    addEventListener('pageshow', () => (this.#left = false))
    this.#channel.addEventListener('message', ({ data }) => {
      if (data.asks && !this.#left) this.#channel.postMessage({ here: id })
      if (data.here) this.#here.add(data.here)
    })
  }

  // open gives the ids of the other tabs.
  async open() {
    this.#here.clear()
    this.#channel.postMessage({ asks: true })
    await new Promise((resolve) => setTimeout(resolve, patience))
    return this.#here
  }
}
