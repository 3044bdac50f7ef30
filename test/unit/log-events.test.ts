import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../../', import.meta.url))
const page = readFileSync(`${root}docs/log-events.md`, 'utf8')

/** What the services log, by `level event`. Warnings that are collected before they are logged have their text beside them. */
function logged (): Set<string> {
  const found = new Set<string>()
  for (const folder of ['services', 'shared']) {
    for (const file of readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue
      const source = readFileSync(`${root}${folder}/${file}`, 'utf8')
      for (const [, level, event] of source.matchAll(/log\??\.(debug|info|warn|error|fatal)\(\{[^{}]*?event: '([a-z-]+)'/g)) found.add(`${level} ${event}`)
      for (const [, event] of source.matchAll(/(?:warnings\.push\(\{ |level: 'warn'[^{}]*?)event: '([a-z-]+)'/g)) found.add(`warn ${event}`)
      for (const [, event] of source.matchAll(/\bwarn\('([a-z-]+)', from/g)) found.add(`warn ${event}`)
      for (const [, event] of source.matchAll(/fail\('([a-z-]+)'\)/g)) found.add(`fatal ${event}`)
      for (const [, event] of source.matchAll(/const fields = \{ event: '([a-z-]+)'/g)) { found.add(`error ${event}`); found.add(`info ${event}`) }
    }
  }
  return found
}

function documented (): Set<string> {
  const found = new Set<string>()
  for (const section of page.split('\n## ').slice(1)) {
    const heading = section.split(/[ :\n]/, 1)[0]!
    for (const line of section.split('\n')) {
      const [cell = '', second = ''] = line.startsWith('| `') ? line.split(' | ') : heading === 'debug' ? [line] : []
      const level = heading === 'error' ? second : heading
      for (const [, event] of cell.matchAll(/`([a-z-]+)`/g)) found.add(`${level} ${event}`)
    }
  }
  return found
}

t.test('log events - docs/log-events.md has each that the code has, at its level, and no other', async t => {
  t.strictSame([...documented()].sort(), [...logged()].sort())
})
