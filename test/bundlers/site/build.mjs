// `node build.mjs BUNDLER PAGE`: PAGE.js and what it imports, into out/BUNDLER/PAGE/. As a user would, with as few settings as each allows.
import { mkdirSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

const [bundler, page] = process.argv.slice(2)
const outdir = resolve('out', bundler, page)
const entry = resolve(`${page}.js`)
const html = script => `<!doctype html><meta charset="utf-8"><title>${page}</title><link rel="icon" href="data:,"><body><script type="module" src="${script}"></script>`
mkdirSync(outdir, { recursive: true })
const defines = { 'process.env.NODE_ENV': '"production"', __VUE_OPTIONS_API__: 'true', __VUE_PROD_DEVTOOLS__: 'false', __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false' }

const builds = {
  async vite () {
    const { build } = await import('vite')
    writeFileSync(`${page}.html`, html(`/${page}.js`))
    await build({ logLevel: 'warn', build: { outDir: outdir, rollupOptions: { input: resolve(`${page}.html`) } } })
    return `${page}.html`
  },
  async webpack () {
    const { default: webpack } = await import('webpack')
    const compiler = webpack({ mode: 'production', entry, output: { path: outdir, filename: 'main.js' }, performance: { hints: false }, plugins: [new webpack.DefinePlugin(defines)] })
    const stats = await new Promise((resolve, reject) => { compiler.run((error, stats) => { if (error) reject(error); else resolve(stats) }) })
    if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString())
  },
  async rollup () {
    const { rollup } = await import('rollup')
    const { nodeResolve } = await import('@rollup/plugin-node-resolve')
    const { default: commonjs } = await import('@rollup/plugin-commonjs')
    const { default: replace } = await import('@rollup/plugin-replace')
    const warnings = []
    const made = await rollup({
      input: entry,
      plugins: [nodeResolve({ browser: true }), commonjs(), replace({ values: defines, preventAssignment: true })],
      // React's own 'use client' too.
      onwarn: ({ code, message }) => { if (code !== 'MODULE_LEVEL_DIRECTIVE' && code !== 'CIRCULAR_DEPENDENCY') warnings.push(message) }
    })
    await made.write({ dir: outdir, entryFileNames: 'main.js', format: 'es' })
    if (warnings.length > 0) throw new Error(warnings.join('\n'))
  },
  async esbuild () {
    const { build } = await import('esbuild')
    const { warnings } = await build({ entryPoints: [entry], outfile: `${outdir}/main.js`, bundle: true, minify: true, format: 'esm', define: defines, logLevel: 'warning' })
    if (warnings.length > 0) throw new Error('esbuild warned')
  },
  async parcel () {
    const { Parcel } = await import('@parcel/core')
    writeFileSync(`${page}.parcel.html`, html(`./${page}.js`))
    await new Parcel({ entries: `${page}.parcel.html`, defaultConfig: '@parcel/config-default', mode: 'production', shouldDisableCache: true, defaultTargetOptions: { distDir: outdir, publicUrl: './' } }).run()
    return `${page}.parcel.html`
  }
}

const made = await builds[bundler]()
if (made === undefined) writeFileSync(`${outdir}/index.html`, html('./main.js'))
console.log(JSON.stringify({ page: made ?? 'index.html' }))
process.exit(0)
