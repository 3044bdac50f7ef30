/** deploy/Dockerfile: what it copies is there, is let through, and is enough to run. No engine is needed. */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { deployFolder } from '../helpers/compose-file.js'
import { runGatepost, tempDir } from '../helpers/deployment.js'
import { serverFlags } from '../helpers/server-flags.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const execute = promisify(execFile)

interface Instruction { readonly name: string, readonly rest: string }

function readDockerfile (): Instruction[][] {
  const lines = readFileSync(`${deployFolder}Dockerfile`, 'utf8').replace(/\\\n/g, ' ').split('\n').filter(line => line !== '' && !line.startsWith('#'))
  const stages: Instruction[][] = []
  for (const line of lines) {
    const [, name = '', rest = ''] = /^([A-Z]+) (.+)$/.exec(line) ?? []
    if (name === 'FROM') stages.push([])
    stages.at(-1)?.push({ name, rest })
  }
  return stages
}

const stages = readDockerfile()
const final = stages.at(-1) ?? []
const valueOf = (name: string): string => final.find(one => one.name === name)?.rest ?? ''
const copies = (stage: readonly Instruction[]): Array<{ isFromBuild: boolean, sources: string[], target: string }> =>
  stage.filter(({ name }) => name === 'COPY').map(({ rest }) => {
    const words = rest.split(' ').filter(word => !word.startsWith('--'))
    return { isFromBuild: rest.startsWith('--from='), sources: words.slice(0, -1), target: words.at(-1) ?? '' }
  })

t.test('image - every line is an instruction, and the last stage is small', async t => {
  t.equal(stages.length, 2)
  const known = ['FROM', 'WORKDIR', 'ENV', 'COPY', 'RUN', 'USER', 'EXPOSE', 'ENTRYPOINT', 'CMD', 'HEALTHCHECK']
  for (const { name, rest } of stages.flat()) t.ok(known.includes(name), `${name} ${rest}`)
  t.match(valueOf('FROM'), /^node:24\.\d+\.\d+-slim$/)
  const engines = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { engines: { node: string } }).engines.node
  t.match(engines, '>=24', 'a version that the package asks for')
})

t.test('image - what is copied exists and is not ignored', async t => {
  const allowed = readFileSync(`${deployFolder}Dockerfile.dockerignore`, 'utf8').split('\n').filter(line => line.startsWith('!')).map(line => line.slice(1))
  const sources = stages.flatMap(copies).filter(({ isFromBuild }) => !isFromBuild).flatMap(one => one.sources)
  t.ok(sources.length > 8)
  for (const source of sources) {
    t.ok(existsSync(join(root, source)), source)
    t.ok(allowed.includes(source), `${source} is let through`)
  }
  for (const path of allowed) t.ok(sources.includes(path), `${path} is let through for a reason`)
})

t.test('image - node is process 1, not root, with the larger semi-space and heap', async t => {
  t.equal(valueOf('USER'), 'node')
  t.strictSame(JSON.parse(valueOf('ENTRYPOINT')), ['node', '--max-semi-space-size=64', '--initial-heap-size=256', '--heap-growing-percent=50', 'bin/gatepost.js'])
  const flags = serverFlags.join(' ')
  t.equal(readFileSync(join(root, 'bin/gatepost.js'), 'utf8').split('\n', 1)[0], `#!/usr/bin/env -S node ${flags}`, 'the command, the same')
  t.match(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')), { scripts: { start: `node ${flags} bin/gatepost.js up` } }, 'npm start, too')
  t.ok(final.findIndex(({ name }) => name === 'USER') < final.findIndex(({ name }) => name === 'ENTRYPOINT'))
  t.match(valueOf('HEALTHCHECK'), 'deploy/healthcheck.js')
})

t.test('image - the last stage has all that it needs to serve, and says whether it does', async t => {
  const dir = await tempDir(t)
  for (const { sources, target } of copies(final)) {
    for (const source of sources) {
      const name = source.replace(/^\/gatepost\//, '')
      const to = target.endsWith('/') ? join(dir, target, name.split('/').at(-1) ?? '') : join(dir, target)
      if (name === 'node_modules') symlinkSync(join(root, name), to)
      else {
        mkdirSync(join(to, '..'), { recursive: true })
        cpSync(join(root, name), to, { recursive: true })
      }
    }
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  t.equal((await execute(process.execPath, [join(dir, 'bin/gatepost.js'), '--version'])).stdout.trim(), version)

  const running = runGatepost(['up', '--port', '0', '--nodes', '1', '--drain', '0'], { cwd: dir, program: join(dir, 'bin/gatepost.js') })
  t.teardown(async () => { if (running.isAlive()) await running.end('SIGKILL') })
  const { port } = new URL(await running.ready)
  const check = async (path: string, at: string): Promise<number> =>
    await execute(process.execPath, [join(dir, 'deploy/healthcheck.js'), path], { env: { ...process.env, GATEPOST_PORT: at } }).then(() => 0, (error: unknown) => (error as { code: number }).code)
  t.equal(await check('livez', port), 0)
  t.equal(await check('readyz', port), 0)
  t.equal(await check('nothing-there', port), 1)
  t.equal(await running.end(), 0)
  t.equal(await check('livez', port), 1, 'nobody answers any more')
})
