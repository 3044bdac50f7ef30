/** What the documents name is there: files, links, tests, settings, codes, terms. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { errorCatalogue } from '../../shared/contract/errors.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

function filesBelow (folder: string, ending: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(path => ending.test(path))
    .map(path => join(folder, path))
}

const documents = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
  ...filesBelow('docs', /\.md$/)
]
const sourceFolders = ['bin', 'services', 'shared', 'clients', 'test', 'scripts', 'deploy']
const sources = ['services', 'shared', 'clients'].flatMap(folder => filesBelow(folder, /\.(ts|js)$/))

/** Without what is in fenced blocks. */
const prose = (text: string): string => text.replace(/^```[^]*?^```$/gm, '')
const inCode = (text: string): string[] => [...prose(text).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)

t.test('documents - files that they name exist', async t => {
  let count = 0
  for (const document of documents) {
    for (const code of inCode(read(document))) {
      const [, path = ''] = /^([\w.-]+(?:\/[\w.*-]+)+\/?|[\w-]+\.(?:ts|js|cjs))$/.exec(code) ?? []
      if (path === '' || path.includes('*')) continue
      const [first = ''] = path.split('/')
      const isSource = /\.(ts|js|sh|cjs)$/.test(path)
      if (!isSource && !sourceFolders.includes(first)) continue
      count++
      // Within a service a document may name a file from the service's own folder on.
      const isThere = existsSync(join(root, path)) || (isSource && sources.some(source => source.endsWith(`/${path}`)))
      if (!isThere) t.fail(`${document} names ${path}`)
    }
  }
  t.ok(count > 100, 'there are some')
})

t.test('comments - files that they name exist', async t => {
  let count = 0
  for (const source of sources) {
    const comments = read(source).match(/^ *(\/?\*|\/\/).*$/gm) ?? []
    for (const [, path = ''] of comments.join('\n').matchAll(/(?<![\w/.@-])((?:[\w-]+\/)*[a-z][\w-]*\.ts)(?!\w)/g)) {
      count++
      if (!existsSync(join(root, path)) && !sources.some(other => other.endsWith(`/${path}`))) t.fail(`${source} names ${path}`)
    }
  }
  t.ok(count > 20, 'there are some')
})

t.test('documents - links lead somewhere', async t => {
  const anchorsOf = (text: string): string[] => [...text.matchAll(/^#+ (.*)$/gm)]
    .map(([, heading = '']) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'))
  let count = 0
  for (const document of documents) {
    for (const [, target = ''] of prose(read(document)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? document : relative(root, join(root, dirname(document), path))
      count++
      if (!existsSync(join(root, file))) t.fail(`${document} links to ${target}`)
      else if (anchor !== undefined && !anchorsOf(read(file)).includes(anchor)) t.fail(`${document} links to ${target}: no such heading`)
    }
  }
  t.ok(count > 30, 'there are some')
})

t.test('documents - tests that they name exist under that name', async t => {
  let count = 0
  for (const document of documents) {
    for (const [, path = '', name = ''] of read(document).matchAll(/`(test\/[\w/.-]+\.test\.ts)` "([^"]+)"/g)) {
      count++
      if (existsSync(join(root, path)) && read(path).includes(name)) continue
      t.fail(`${document} names a test in ${path}: ${name}`)
    }
  }
  t.ok(count > 20, 'there are some')
})

t.test('documents - settings and codes that they name exist', async t => {
  const known = sources.map(read).join('\n')
  for (const document of documents) {
    const text = read(document)
    for (const [setting] of text.matchAll(/\bGATEPOST_[A-Z_]*[A-Z]\b/g)) {
      if (!setting.startsWith('GATEPOST_TEST_') && !known.includes(setting.replace(/_FILE$/, ''))) t.fail(`${document} names ${setting}`)
    }
    for (const [code] of text.matchAll(/\bGP_[A-Z_]*[A-Z]\b/g)) {
      if (!Object.hasOwn(errorCatalogue, code) && !known.includes(`'${code}'`)) t.fail(`${document} names ${code}`)
    }
  }
})

t.test('errors - docs/errors.md has each code as the catalogue has it, and no other', async t => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `(GP_\w+)` \| (\d+) \| (\w+) \| ([^|]+) \| ([^|]+) \|$/gm)]
  const told = rows.map(([, code, status, retry, , remedy]) => [code, { status: Number(status), retry, remedy }])
  t.strictSame(Object.fromEntries(told), errorCatalogue)
  t.equal(told.length, Object.keys(errorCatalogue).length, 'each once')
})

t.test('clients - docs/clients.md names every option and member of the factories', async t => {
  const page = inCode(read('docs/clients.md')).join(' ')
  for (const [file, name] of [['clients/inbox-options.ts', 'InboxOptions'], ['clients/inbox.ts', 'Inbox'], ['clients/producer.ts', 'ProducerOptions'], ['clients/producer.ts', 'Producer']] as const) {
    const body = new RegExp(`^export interface ${name} \\{\\n([^]*?)^\\}`, 'm').exec(read(file))?.[1] ?? ''
    const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??(?:: | \()/gm)].map(([, member = '']) => member)
    t.ok(members.length >= 4, `${name} has members`)
    for (const member of members) t.match(page, new RegExp(`\\b${member}\\b`), `${name}: ${member}`)
  }
})

t.test('concepts - each word is explained in bold under the heading that it links to, and used in the code', async t => {
  const page = read('docs/concepts.md')
  const slug = (heading: string): string => heading.toLowerCase().replaceAll(' ', '-')
  const sections = new Map(page.split('\n## ').slice(1).map(section => [slug(section.slice(0, section.indexOf('\n'))), section]))
  const words = [...(sections.get('words') ?? '').matchAll(/^\| \[([^\]]+)\]\(#([\w-]+)\) \|/gm)].map(([, word = '', anchor = '']) => ({ word, anchor }))
  t.ok(words.length > 25, 'there are words')
  t.strictSame(words.map(({ word }) => word), [...new Set(words.map(({ word }) => word))].sort((a, b) => a.localeCompare(b, 'en')), 'each once, in the order of the alphabet')
  const code = sources.map(read).join('\n').toLowerCase()
  for (const { word, anchor } of words) {
    t.match(sections.get(anchor) ?? '', new RegExp(`\\*\\*${word}s?\\*\\*`, 'i'), `${word} is explained`)
    t.match(code, word.toLowerCase().replace(' ', ''), `${word} is a word of the code`)
  }
})

t.test('decisions - each one is in the list and has its headings', async t => {
  const list = read('docs/adr/README.md')
  const pages = readdirSync(join(root, 'docs/adr')).filter(name => /^\d/.test(name))
  t.ok(pages.length >= 5)
  for (const page of pages) {
    const text = read(`docs/adr/${page}`)
    const number = Number(page.slice(0, 4))
    const title = /^# \d+\. (.*)$/m.exec(text)?.[1] ?? ''
    t.ok(list.includes(`| [${number}](${page}) | ${title} |`), `${page} is listed by its title`)
    for (const part of ['**Question.**', '**Choice.**', '**Costs.**']) t.ok(text.includes(part), `${page} has ${part}`)
  }
})
