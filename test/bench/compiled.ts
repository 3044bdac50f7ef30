/**
 * The processes of the comparison run as JavaScript beside the build in dist/, so that what they import is what users
 * run, and so that they start without a loader.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const sources = fileURLToPath(new URL('.', import.meta.url))
const built = fileURLToPath(new URL('../../dist/', import.meta.url))
const target = join(built, 'test', 'bench')
let compiling: Promise<unknown> | undefined

/** The path of the compiled file; `file` is relative to this folder. */
export async function compiled (file: string): Promise<string> {
  compiling ??= compileAll()
  await compiling
  return join(target, file.replace(/\.ts$/, '.js'))
}

async function compileAll (): Promise<void> {
  if (!existsSync(join(built, 'services'))) throw new Error('needs the build: run `npm run build`')
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))
  await build({ entryPoints: files.map(path => join(sources, path)), outbase: sources, outdir: target, bundle: false, format: 'esm', platform: 'node', target: 'node20', logLevel: 'error' })
}
