// Compiles test files, each with what it imports of this repository into one file: most of what a test process would do before its
// first test is to find, read and translate some hundred small modules. Packages stay outside and are loaded as ever.
import { build, stop } from 'esbuild'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const compiled = join(root, '.tap', 'compiled')

/** A module finds other files by its own address, which is that of its source. */
const keepAddresses = {
  name: 'keep-addresses',
  setup ({ onLoad }) {
    onLoad({ filter: /\.ts$/, namespace: 'file' }, ({ path }) => ({
      loader: 'ts',
      contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
    }))
  }
}

/** `files` by their paths from the root, which may be the same ones again; the answer says where each is compiled. */
export async function compileTests (files) {
  await build({
    absWorkingDir: root,
    entryPoints: files,
    outbase: root,
    outdir: compiled,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // For the lines of stack traces (`node --enable-source-maps`).
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
    plugins: [keepAddresses]
  })
  await stop()
  return new Map(files.map(file => [file, join(compiled, file.replace(/\.ts$/, '.js'))]))
}
