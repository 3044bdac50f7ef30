/** deploy/make-certificates.sh: what it makes is enough for every server that the files of deploy/ start, and for nobody else to read. */
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { deployFolder, exampleVariables, findProgram, makeCertificates, readCompose } from '../helpers/compose-file.js'
import { tempDir } from '../helpers/deployment.js'

const skip = await findProgram('openssl', 'version') === undefined && 'needs openssl'
const { services } = readCompose(exampleVariables())

t.test('certificates - for every name of Compose and Kubernetes, signed by an authority of their own', { skip }, async t => {
  const dir = join(await tempDir(t), 'tls')
  t.match(await makeCertificates(dir), /made ca\.crt/)
  const read = async (name: string): Promise<X509Certificate> => new X509Certificate(await readFile(join(dir, name)))
  const [authority, nats, mongodb] = await Promise.all(['ca.crt', 'nats.crt', 'mongodb.pem'].map(read)) as [X509Certificate, X509Certificate, X509Certificate]
  t.ok(authority.ca && authority.verify(authority.publicKey))
  for (const certificate of [nats, mongodb]) {
    t.ok(!certificate.ca && certificate.verify(authority.publicKey))
    t.strictSame([...certificate.keyUsage].sort(), ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'], 'servers are each other\'s clients')
    t.ok(Date.parse(certificate.validTo) > Date.now() + 800 * 86_400_000)
  }
  const yaml = await readFile(`${deployFolder}kubernetes/mongodb/kustomization.yaml`, 'utf8')
  const ofKubernetes = [...new Set(yaml.match(/[a-z0-9]+-\d\.[a-z0-9]+(?=:\d)/g))]
  t.equal(ofKubernetes.length, 3 + 6 + 2)
  const ofCompose = Object.keys(services).filter(name => /^mongo[ds]$/.test(services[name]?.command?.[0] ?? ''))
  for (const name of [...ofKubernetes, ...ofCompose]) t.ok(mongodb.checkHost(name), name)
  for (const name of ['nats1', 'nats2', 'nats3', 'nats-0.nats', 'nats-1.nats', 'nats-2.nats']) {
    t.ok(nats.checkHost(name), name)
    t.notOk(mongodb.checkHost(name), 'one is not the other')
  }
  for (const name of await readdir(dir)) t.equal((await stat(join(dir, name))).mode & 0o777, name === 'ca.crt' ? 0o644 : 0o600, name)
  t.match(await readFile(join(dir, 'mongodb.keyfile'), 'utf8'), /^[\w+/=\n]{900,1024}$/, 'a key file as MongoDB takes it')
})

t.test('certificates - a second run writes nothing over; what was moved away is made anew', { skip }, async t => {
  const dir = await tempDir(t)
  await makeCertificates(dir)
  const contents = async (): Promise<Record<string, string>> => Object.fromEntries(await Promise.all((await readdir(dir)).map(async name => [name, await readFile(join(dir, name), 'utf8')])))
  const before = await contents()
  t.equal(await makeCertificates(dir), '')
  t.strictSame(await contents(), before)

  for (const name of ['nats.crt', 'nats.key', 'nats.pem']) await rm(join(dir, name))
  t.match(await makeCertificates(dir), /^made nats\.crt/)
  const after = await contents()
  t.not(after['nats.crt'], before['nats.crt'])
  t.strictSame({ ...after, 'nats.crt': '', 'nats.key': '', 'nats.pem': '' }, { ...before, 'nats.crt': '', 'nats.key': '', 'nats.pem': '' })

  await rm(join(dir, 'nats.crt'))
  await rm(join(dir, 'ca.key'))
  const refused = await promisify(execFile)('sh', [`${deployFolder}make-certificates.sh`, dir]).catch((error: unknown) => error as { code: number, stderr: string })
  t.match(refused, { code: 1, stderr: /nats\.crt is missing, and ca\.key/ })
  await writeFile(join(dir, 'ca.key'), before['ca.key'] ?? '')
})
