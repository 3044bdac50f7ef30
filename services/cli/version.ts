import { existsSync, readFileSync } from 'node:fs'

/** The package's version; its package.json lies two folders up from the sources and the bundle, three from what is compiled. */
export const version: string = readVersion()

function readVersion (): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    const url = new URL(path, import.meta.url)
    if (existsSync(url)) return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version
  }
  throw new Error('package.json is missing beside bin and dist')
}
