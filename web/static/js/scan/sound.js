// The sounds of the answers, made here: short, and each different in pitch, number and colour, so that they are told
// apart in a loud shed. Browsers let sound play after the first tap or key.

const remembered = 'traitortrack.sound'

// Each sound is notes: [Hz, start in s, length in s, wave].
const sounds = {
  accepted: [[880, 0, 0.07, 'triangle'], [1320, 0.07, 0.12, 'triangle']],
  duplicate: [[587, 0, 0.12, 'square'], [587, 0.18, 0.12, 'square']],
  refused: [[196, 0, 0.22, 'sawtooth'], [147, 0.22, 0.34, 'sawtooth']],
  complete: [[659, 0, 0.1, 'triangle'], [880, 0.1, 0.1, 'triangle'], [1109, 0.2, 0.1, 'triangle'], [1319, 0.3, 0.34, 'triangle']],
  waiting: [[1760, 0, 0.03, 'sine']],
}

const buzzes = { accepted: [40], duplicate: [40, 60, 40], refused: [250, 80, 250], complete: [60, 40, 60, 40, 160], waiting: [] }

export class Sound {
  #context
  #on = recall() !== 'off'

  // hear is told of each change: changed(on, playable).
  constructor(hear) {
    this.hear = hear
    const start = () => this.start()
    addEventListener('pointerdown', start, { once: true })
    addEventListener('keydown', start, { once: true })
    this.#tell()
  }

  // start makes the sound playable. It works in the course of a tap or a key only.
  start() {
    if (!this.#context && this.#on && window.AudioContext) {
      this.#context = new AudioContext()
      this.#context.addEventListener('statechange', () => this.#tell())
    }
    if (this.#context?.state === 'suspended') this.#context.resume()
    this.#tell()
  }

  // toggle turns the sound on or off, and on this device it stays so.
  toggle() {
    this.#on = !this.#on
    try {
      localStorage.setItem(remembered, this.#on ? 'on' : 'off')
    } catch {
      // A browser that keeps nothing asks again next time.
    }
    this.start()
    this.play('accepted')
    this.#tell()
  }

  // play plays a sound, with a vibration where the device has one.
  play(name) {
    if (navigator.userActivation?.hasBeenActive && buzzes[name].length > 0) navigator.vibrate?.(buzzes[name])
    if (!this.#on || this.#context?.state !== 'running') return
    for (const [pitch, start, length, wave] of sounds[name]) this.#note(pitch, start, length, wave)
  }

  #note(pitch, start, length, wave) {
    const from = this.#context.currentTime + start
    const oscillator = new OscillatorNode(this.#context, { type: wave, frequency: pitch })
    const volume = new GainNode(this.#context, { gain: 0 })
    volume.gain.setValueAtTime(0, from)
    volume.gain.linearRampToValueAtTime(0.5, from + 0.01)
    volume.gain.setValueAtTime(0.5, from + length - 0.02)
    volume.gain.linearRampToValueAtTime(0, from + length)
    oscillator.connect(volume).connect(this.#context.destination)
    oscillator.start(from)
    oscillator.stop(from + length)
  }

  #tell() {
    this.hear(this.#on, this.#context?.state === 'running')
  }
}

function recall() {
  try {
    return localStorage.getItem(remembered)
  } catch {
    return null
  }
}
