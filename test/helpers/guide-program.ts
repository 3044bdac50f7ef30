import { readFileSync } from 'node:fs'

/** The fenced block of a guide with this info string, without the indentation of the list that it stands in. */
export function blockOf (guide: string, info: string): string {
  const text = readFileSync(new URL(`../../docs/guides/${guide}`, import.meta.url), 'utf8')
  const [, indent = '', code] = new RegExp(`^( *)\`\`\`${info}\\n([^]*?)^ *\`\`\`$`, 'm').exec(text) ?? []
  if (code === undefined) throw new Error(`${guide} has no block ${info}`)
  return code.split('\n').map(line => line.slice(indent.length)).join('\n').trim()
}

/** The fenced block of a guide that is this file. */
export const programOf = (guide: string, file: string): string => blockOf(guide, `\\w+ ${file}`) + '\n'

/** The lines `NAME=value` and `export NAME=value` of a block. */
export function settingsOf (guide: string, info: string): Record<string, string> {
  return Object.fromEntries(blockOf(guide, info).split('\n').map(line => {
    const [, name = '', value = ''] = /^(?:export )?(\w+)=(.*)$/.exec(line) ?? []
    return [name, value]
  }))
}
