// A station is what the two scanning pages have in common: an input that reads codes, the queue and its sender, the
// verdict with its sound, and the last scans. The page itself says what a code asks for, and what an answer changes.
import { Clock } from './clock.js'
import { longest, normalise } from './codes.js'
import { Doubles } from './doubles.js'
import { keepFocus } from './focus.js'
import { uuid } from './ids.js'
import { Queue } from './queue.js'
import { Recent } from './recent.js'
import { Sender } from './sender.js'
import { Sound } from './sound.js'
import { Status } from './status.js'
import { Tabs } from './tabs.js'
import { Verdict } from './verdict.js'
import { readCodes } from './wedge.js'
import { verdictOn, worst } from './words.js'

const roundsEvery = 5_000 // ms between looks for what tabs that are gone have left behind

export class Station {
  #root
  #page
  #tab = uuid()
  #clock = new Clock()
  #doubles = new Doubles()
  #tabs = new Tabs(this.#tab)
  #queue
  #sender
  #recent
  #status
  #sound
  #verdict

  // page has ask(code, raw), which gives the entry for a code; undo(row), which gives the entry that takes one back;
  // answered(entry, answer), told of each answer; and changed(waiting), told whenever the queue changes.
  constructor(root, page) {
    const { user, name, now, zone } = root.dataset
    this.#root = root
    this.#page = page
    this.#clock.learn(now)
    this.#queue = new Queue(user, name, this.#tab)
    this.#sender = new Sender(this.#queue, this.#clock, user, {
      answered: (answers) => this.#answered(answers),
      changed: (state) => this.#changed(state),
    })
    this.#verdict = new Verdict(root)
    this.#status = new Status(root)
    this.#recent = new Recent(root, zone, (row) => this.#undo(row))
    this.#sound = new Sound(soundKey(root))
    keyboardKey(root)
    root.querySelector('[data-sound]').addEventListener('click', () => this.#sound.toggle())
  }

  // open takes over what waits from tabs that are gone, and begins to read and to send.
  async open() {
    const input = this.#root.querySelector('[data-input]')
    readCodes(input, (raw, at) => this.#read(raw, at))
    keepFocus(input, this.#root)
    for (const event of ['online', 'focus']) addEventListener(event, () => this.#sender.retry())
    document.addEventListener('visibilitychange', () => !document.hidden && this.#sender.retry())
    await this.#adopt()
    this.#ready = true
    this.#sender.send()
    setInterval(() => this.#round(), roundsEvery)
  }

  // round takes over what a tab that was closed meanwhile has left, so that nobody has to open the page anew for it.
  async #round() {
    await this.#adopt()
    if (this.#queue.waiting().length > 0) this.#sender.send()
  }

  #ready = false

  async #adopt() {
    this.#others()
    if (this.#queue.left().length === 0) return
    const open = await this.#tabs.open()
    const orphans = this.#queue.left().filter((entry) => !open.has(entry.tab))
    this.#queue.adopt(orphans)
    for (const entry of orphans) this.#wait(entry)
    this.#changed()
  }

  // others tells whose scans wait here besides.
  #others() {
    const names = Object.entries(this.#queue.others())
    const text = names.map(([name, count]) => `${count} of ${name}`).join(', ')
    this.#status.note('others', names.length > 0, text)
  }

  #read(raw, at) {
    const code = normalise(raw)
    if (code === '') return
    if (this.#doubles.again(code, at)) {
      this.#verdict.show({ tone: 'note', word: 'Read twice', text: `${code} was read twice in a moment, and counts once.` })
      return
    }
    const entry = this.#page.ask(code, raw.slice(0, longest + 1))
    if (entry.switches) this.#doubles.forget(code)
    this.push(entry)
  }

  // push puts an entry into the queue, and then sees to it that it is sent.
  push(entry) {
    entry.id = uuid()
    entry.at = this.#clock.now()
    if (entry.scan) entry.body = { ...entry.body, scan_id: entry.id }
    this.#queue.add(entry)
    this.#wait(entry)
    this.#changed()
    if (this.#status.trouble) {
      this.#say({ tone: 'waiting', word: 'Kept', text: `${entry.code} is kept here and is sent later.`, sound: 'waiting' })
    }
    if (this.#ready) this.#sender.send()
  }

  #wait(entry) {
    if (entry.scan) this.#recent.show(entry, { tone: 'waiting', word: 'Waiting', text: entry.into ? `For ${entry.into}` : '' }, false)
    if (entry.kind === 'undo') this.#recent.undoing(entry.of)
  }

  #undo(row) {
    this.#doubles.forget()
    this.push({ ...this.#page.undo(row), kind: 'undo', of: row.id, code: row.code })
  }

  #answered(answers) {
    const verdicts = answers.map(({ entry, answer }) => {
      const verdict = verdictOn(entry, answer)
      const row = this.#page.answered(entry, answer) ?? {}
      if (entry.scan) this.#recent.show(entry, { ...verdict, ...row }, answer.outcome === 'linked')
      if (entry.kind === 'undo') this.#recent.undone(entry.of, verdict)
      return verdict
    })
    this.#changed('sending')
    if (verdicts.length > 0) this.#say(worst(verdicts))
  }

  #say(verdict) {
    this.#verdict.show(verdict)
    if (verdict.tone !== 'waiting') this.#verdict.flash()
    this.#sound.play(verdict.sound)
  }

  #changed(state) {
    const waiting = this.#queue.waiting()
    this.#status.show(waiting.length, state)
    this.#status.note('unkept', !this.#queue.kept)
    this.#page.changed(waiting)
  }
}

// soundKey shows the state of the sound on its key, and whether it still waits for a first tap.
function soundKey(root) {
  const key = root.querySelector('[data-sound]')
  return (on, playing) => {
    key.setAttribute('aria-pressed', String(on))
    key.querySelector('[data-sound-text]').textContent = !on ? 'Muted' : playing ? 'Sound' : 'Tap for sound'
  }
}

// keyboardKey lets somebody without a scanner bring up the device's keyboard, which stays away otherwise: it would cover
// half of a handheld.
function keyboardKey(root) {
  const key = root.querySelector('[data-keyboard]')
  const input = root.querySelector('[data-input]')
  if (!matchMedia('(pointer: coarse)').matches) return
  const set = (on) => {
    key.setAttribute('aria-pressed', String(on))
    input.inputMode = on ? input.dataset.inputmode : 'none'
  }
  key.hidden = false
  set(false)
  key.addEventListener('click', () => {
    set(key.getAttribute('aria-pressed') !== 'true')
    input.blur()
    input.focus()
  })
}
