/** The secret that `gatepost up` makes when none is set: `secret` in the data folder, readable by its owner only. */
import { randomBytes } from 'node:crypto'
import { chmodSync, closeSync, fsyncSync, linkSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { minSecretBytes } from './secret-quality.js'
import { makeDataDir } from './data-dir.js'
import { SettingsError } from './fault.js'

const fileOf = (dataDir: string): string => join(dataDir, 'secret')

/** The kept secret; undefined where none has been made yet. Throws SettingsError where it cannot be used. */
export function readKeptSecret (dataDir: string): string | undefined {
  const path = fileOf(dataDir)
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw unusable(path, `a file that cannot be read (${code ?? 'unknown'})`)
  }
  if (Buffer.byteLength(text) < minSecretBytes) throw unusable(path, `a file with ${Buffer.byteLength(text)} bytes`)
  return text
}

/** The kept secret, made now where there is none. */
export function keepSecret (dataDir: string): string {
  const path = fileOf(dataDir)
  const kept = readKeptSecret(dataDir)
  if (kept !== undefined) {
    if ((statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600)
    return kept
  }
  const secret = randomBytes(36).toString('base64url')
  const draft = `${path}.${process.pid}`
  makeDataDir(dataDir)
  const file = openSync(draft, 'wx', 0o600)
  writeSync(file, secret + '\n')
  fsyncSync(file)
  closeSync(file)
  try {
    // A link appears whole and never replaces one that another process made in between.
    linkSync(draft, path)
    return secret
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return readKeptSecret(dataDir) ?? secret
  } finally {
    unlinkSync(draft)
  }
}

const unusable = (path: string, got: string): SettingsError =>
  new SettingsError([{ setting: 'GATEPOST_SECRET', origin: undefined, got: `${got}: ${path}`, takes: `at least ${minSecretBytes} bytes; set it, or remove that file to have a new one made` }])
