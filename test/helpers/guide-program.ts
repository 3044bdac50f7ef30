import { readFileSync } from 'node:fs'

/** The fenced block of a guide that is this file. */
export function programOf (guide: string, file: string): string {
  const text = readFileSync(new URL(`../../docs/guides/${guide}`, import.meta.url), 'utf8')
  const code = new RegExp(`^\`\`\`\\w+ ${file}\\n([^]*?)^\`\`\`$`, 'm').exec(text)?.[1]
  if (code === undefined) throw new Error(`${guide} has no ${file}`)
  return code
}
