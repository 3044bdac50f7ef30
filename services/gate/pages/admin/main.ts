/**
 * The dashboard. States: signed out (asks for a token) and signed in (shows the page that the address names, and asks Gate again every two
 * seconds). A token that is refused leads back to signed out. While Gate does not answer what was known stays, dimmed, with its age.
 */
import { announceView } from './announce.js'
import { exchange, explain, explainLink, isSignedOut } from './ask.js'
import { clusterView } from './cluster.js'
import { el, setText } from './dom.js'
import { duration } from './format.js'
import { messageView } from './message.js'
import { claimsOf, forgetToken, keepToken, takeFromAddress, token } from './session.js'
import { signInView } from './sign-in.js'
import { userView } from './user.js'
import { address, readAddress, type View } from './view.js'

const refreshMs = 2_000
const pages = [['', 'Cluster'], ['user', 'User'], ['message', 'Message'], ['announce', 'Announce']] as const
/** So long before its end a token is spoken of. */
const warnMs = 5 * 60_000

const main = document.querySelector('main')!
const problem = document.querySelector<HTMLElement>('#problem')!
const summary = document.querySelector<HTMLElement>('#summary')!
const ending = document.querySelector<HTMLElement>('#ending')!
const nav = document.querySelector<HTMLElement>('nav')!
const signOutButton = document.querySelector<HTMLButtonElement>('#sign-out')!

let view: View | undefined
let timer: number | undefined
let answeredAtMs = 0

function showProblem (text: string): void {
  problem.hidden = text === ''
  setText(problem, text)
}

function signOut (text: string): void {
  window.clearTimeout(timer)
  forgetToken()
  view = undefined
  document.body.classList.remove('stale')
  for (const element of [nav, signOutButton, ending]) element.hidden = true
  setText(summary, '')
  showProblem('')
  main.replaceChildren(signInView(text, signIn))
  main.querySelector<HTMLElement>('#token')?.focus()
}

function report (failed: unknown): void {
  if (token() === null) return
  if (isSignedOut(failed)) { signOut(explain(failed)); return }
  showProblem(explain(failed))
}

async function refresh (): Promise<void> {
  window.clearTimeout(timer)
  const shown = view
  if (shown?.load !== undefined && !document.hidden) {
    try {
      const text = await shown.load()
      if (view !== shown) return
      setText(summary, text)
      answeredAtMs = performance.now()
      if (document.body.classList.contains('stale')) showProblem('')
      document.body.classList.remove('stale')
    } catch (failed) {
      if (view !== shown) return
      if (isSignedOut(failed)) { report(failed); return }
      document.body.classList.add('stale')
      showProblem(`${explain(failed)} Trying again; what you see is ${duration(performance.now() - answeredAtMs)} old.`)
    }
  }
  if (token() === null) return
  tellEnding()
  window.clearTimeout(timer)
  timer = window.setTimeout(() => { void refresh() }, refreshMs)
}

function tellEnding (): void {
  const end = claimsOf(token() ?? '')?.exp
  const leftMs = end === undefined ? Infinity : end * 1000 - Date.now()
  ending.hidden = leftMs > warnMs
  if (!ending.hidden) setText(ending, `Your token ends in ${duration(leftMs)}`)
}

function open (): void {
  if (token() === null) return
  const { page, parameters } = readAddress(window.location.hash)
  const makers: Record<string, () => View> = {
    user: () => userView(parameters, report),
    message: () => messageView(parameters, report),
    announce: () => announceView(report)
  }
  const title = pages.find(([name]) => name === page)?.[1] ?? 'Cluster'
  document.title = `${title} · Gatepost`
  showProblem('')
  document.body.classList.remove('stale')
  answeredAtMs = performance.now()
  view = (makers[page] ?? (() => clusterView({ refresh, report })))()
  for (const link of nav.querySelectorAll('a')) {
    if (link.textContent === title) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  main.replaceChildren(el('h1', { class: 'unseen' }, title), view.element)
  if (view.load === undefined) setText(summary, '')
  void refresh()
}

function signIn (): void {
  nav.hidden = false
  signOutButton.hidden = false
  open()
}

/** By what the address brought; `otherwise` where it brought nothing. */
async function enter (otherwise: () => void): Promise<void> {
  const brought = takeFromAddress()
  if (brought === undefined) { otherwise(); return }
  if (brought.kind === 'link') {
    forgetToken()
    main.replaceChildren(el('p', { class: 'empty', role: 'status' }, 'Signing in…'))
    try { keepToken(await exchange(brought.link)) } catch (failed) {
      signOut(explainLink(failed))
      return
    }
  }
  signIn()
}

nav.append(...pages.map(([page, title]) => el('a', { href: address(page) }, title)))
signOutButton.addEventListener('click', () => { signOut('') })
window.addEventListener('hashchange', () => { void enter(open) })
document.addEventListener('visibilitychange', () => { if (!document.hidden) void refresh() })

void enter(() => { if (token() === null) signOut(''); else signIn() })
