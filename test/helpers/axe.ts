/** What axe-core finds on a page, and a picture of it where a folder for pictures is named. */
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Page } from 'playwright-core'

interface Axe { run: (options: object) => Promise<{ violations: Array<{ id: string, nodes: Array<{ target: unknown }> }> }> }

const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
const source = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** A folder: each look leaves a picture there, for people. */
const pictures = process.env['GATEPOST_TEST_PICTURES'] ?? ''

/** One line for each rule that is broken, with where; `name` is the picture's. The frames of the page are looked at one by one. */
export async function look (page: Page, name: string): Promise<string[]> {
  await page.evaluate(async () => { await Promise.all(document.getAnimations().map(async animation => await animation.finished.catch(() => {}))) })
  if (pictures !== '') {
    await mkdir(pictures, { recursive: true })
    await page.screenshot({ path: join(pictures, `${name}.png`), animations: 'disabled', caret: 'hide' })
  }
  const found: string[] = []
  for (const frame of page.frames()) {
    await frame.evaluate(await source)
    found.push(...await frame.evaluate(async runOnly => {
      // Frames are looked at by themselves.
      const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run({ runOnly, iframes: false })
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => String(target)).join(', ')}`)
    }, rules))
  }
  return found
}
