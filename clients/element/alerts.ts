/** What reaches a user who looks elsewhere: the count in the tab's title, a notification of the system, a sound. Each only where the site offers it. */
import type { MessageEntry } from '../protocol.js'

export interface Arrival {
  readonly title: string
  readonly body: string
  readonly message: MessageEntry
}

/** Sets the count in front of the page's title, whatever the site makes of it meanwhile. */
export function createTitleCount (): { set (count: number): void } {
  let shown = ''
  let observer: MutationObserver | undefined
  const mark = /^\(\d+\+?\) /

  function write (): void {
    const bare = document.title.replace(mark, '')
    const wanted = `${shown}${bare}`
    if (document.title !== wanted) document.title = wanted
  }
  return {
    set (count) {
      shown = count === 0 ? '' : `(${count > 99 ? '99+' : count}) `
      write()
      if (count > 0 && observer === undefined) {
        observer = new MutationObserver(write)
        observer.observe(document.head, { subtree: true, childList: true, characterData: true })
      } else if (count === 0) {
        observer?.disconnect()
        observer = undefined
      }
    }
  }
}

/** What the user has switched on, kept for the site. A browser that keeps nothing forgets it. */
export function createSwitch (name: 'notify' | 'sound'): { isOn: boolean } {
  const key = `gatepost:${name}`
  let isOnHere = false
  return {
    get isOn () { try { return localStorage.getItem(key) === 'on' } catch { return isOnHere } },
    set isOn (isOn) {
      isOnHere = isOn
      try { localStorage.setItem(key, isOn ? 'on' : 'off') } catch { /* kept for this page alone */ }
    }
  }
}

/** Of all tabs that hear of it, one does the work. */
function once (id: string, work: () => void): void {
  const locks = (navigator as Partial<Navigator>).locks
  if (locks === undefined) return work()
  void locks.request(`gatepost:alert:${id}`, { ifAvailable: true }, async lock => {
    if (lock === null) return
    work()
    // As long as it may take the other tabs to hear of the message.
    await new Promise(resolve => { setTimeout(resolve, 3_000) })
  }).catch(() => { work() })
}

export async function askForNotifications (): Promise<boolean> {
  return typeof Notification === 'function' && await Notification.requestPermission() === 'granted'
}

/** Not while the user looks at the page: the badge says it. */
export function notify ({ title, body, message }: Arrival, onClick: () => void): void {
  if (typeof Notification !== 'function' || Notification.permission !== 'granted' || (document.visibilityState === 'visible' && document.hasFocus())) return
  once(`notify:${message.id}`, () => {
    try {
      const notification = new Notification(title, { body: body.slice(0, 200), tag: `gatepost:${message.id}` })
      notification.onclick = () => { window.focus(); notification.close(); onClick() }
    } catch { /* Android's Chrome has them in service workers only */ }
  })
}

/** Two short tones, without a file to load. A page in which nobody has clicked yet stays silent. */
export function chime (id: string): void {
  if (typeof AudioContext !== 'function' || navigator.userActivation?.hasBeenActive === false) return
  once(`chime:${id}`, () => {
    const audio = new AudioContext()
    const volume = audio.createGain()
    volume.connect(audio.destination)
    for (const [at, hertz] of [[0, 740], [0.12, 988]] as const) {
      const tone = audio.createOscillator()
      tone.frequency.value = hertz
      tone.connect(volume)
      tone.start(audio.currentTime + at)
      tone.stop(audio.currentTime + at + 0.16)
    }
    volume.gain.setValueAtTime(0.08, audio.currentTime)
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.32)
    setTimeout(() => { void audio.close() }, 600)
  })
}
