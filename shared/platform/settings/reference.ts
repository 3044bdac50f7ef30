/** `--help` and docs/configuration.md, both out of the schemas. */
import type { TObject } from 'typebox'
import { formatDuration } from './duration.js'
import { formatSize } from './size.js'
import { fileFormOf, flagOf, infoOf, isFlagOnly, mayBeFile, type SettingInfo } from './setting.js'

/** What a command says of itself. */
export interface CommandReference {
  readonly name: string
  /** One line, without a full stop. */
  readonly summary: string
  /** What a user should know beside the settings: paragraphs of one line each. */
  readonly about: readonly string[]
  readonly schema: TObject
  readonly examples: ReadonlyArray<{ readonly line: string, readonly does: string }>
}

const widthOfHelp = 100

/** `gatepost --help`. */
export function renderOverview (commands: readonly CommandReference[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length))
  return [
    'gatepost: in-site mail and notifications, stored for good and pushed live',
    '',
    'Usage: gatepost COMMAND [flags]',
    '',
    'Commands:',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    ...wrap('Every setting is an environment variable, a line in a file .env in the working directory, or a flag: GATEPOST_PORT=8080 is --port 8080 or --port=8080. A flag wins over the environment, the environment over .env.', ''),
    '',
    'Settings by command:',
    ...commands.flatMap(command => ['', `${command.name}: ${command.summary}`, ...settingLines(command.schema)]),
    '',
    'gatepost COMMAND --help (or gatepost help COMMAND) explains each; gatepost version prints the version.',
    ''
  ].join('\n')
}

/** `gatepost COMMAND --help`. */
export function renderHelp ({ name, summary, about, schema, examples }: CommandReference): string {
  return [
    `gatepost ${name}: ${summary}`,
    '',
    `Usage: gatepost ${name} [flags]`,
    '',
    ...about.flatMap(paragraph => [...wrap(paragraph, ''), '']),
    'Flags, the settings they stand for, and their defaults:',
    ...entries(schema).flatMap(([key, info]) => [
      '',
      settingLine(key, info),
      ...wrap(info.description, '      '),
      ...wrap(`Takes ${info.takes}${unitOf(info)}.`, '      '),
      ...mayBeFile(key, info) ? wrap(`Or ${fileFormOf(key)} (${flagOf(fileFormOf(key))}): the path of a file that holds it.`, '      ') : []
    ]),
    '',
    '  --help',
    '      Prints this.',
    '',
    'Examples:',
    ...examples.flatMap(({ line, does }) => ['', `  ${line}`, ...wrap(does, '      ')]),
    ''
  ].join('\n')
}

/** docs/configuration.md. */
export function renderConfiguration (commands: readonly CommandReference[]): string {
  const lines = [
    '# Settings and commands',
    '',
    '<!-- Written by `npm run docs` out of the schemas in shared/settings/ and the commands in services/cli/. Do not edit. -->',
    '',
    'Settings are environment variables. A file `.env` in the working directory is read too, and each setting is a flag',
    'of the commands that take it: `GATEPOST_PORT=8080`, `--port 8080` and `--port=8080` mean the same. A flag wins over',
    'the environment, the environment over `.env`.',
    '',
    'A setting that is missing, unknown or malformed ends the start with exit code 2 and one line for each problem: the',
    'setting, what it got, what it takes. An empty value is malformed: leave a setting out to have its default. A setting',
    'of another command is passed over in the environment, so that all can share one file. `GATEPOST_TEST_*` is left to',
    'tests.',
    '',
    'What must not be seen may lie in a file instead: where `NAME_FILE` is listed beside `NAME` it takes the path of a file that',
    'holds the value; a newline at its end is not part of it. Only one of the two may be set.',
    '',
    '## Settings',
    '',
    '| setting | flag | for | default | takes | meaning |',
    '| --- | --- | --- | --- | --- | --- |',
    ...settingRows(commands),
    '',
    '## Commands',
    ''
  ]
  for (const { name, summary, about, schema, examples } of commands) {
    lines.push(`### gatepost ${name}`, '', `${sentence(summary)}`, '', ...about.flatMap(paragraph => [paragraph, '']))
    const own = entries(schema).filter(([key]) => isFlagOnly(key))
    if (own.length > 0) {
      lines.push('| flag | default | takes | meaning |', '| --- | --- | --- | --- |',
        ...own.map(([key, info]) => `| \`${key} ${cell(info.valueName)}\` | ${cell(defaultOf(info))} | ${cell(info.takes + unitOf(info))} | ${cell(info.description)} |`), '')
    }
    const settings = entries(schema).filter(([key]) => !isFlagOnly(key)).map(([key]) => `\`${flagOf(key)}\``)
    if (settings.length > 0) lines.push(`Settings, as flags: ${settings.join(', ')}.`, '')
    lines.push('```sh', ...examples.map(({ line, does }) => `${line}   # ${does}`), '```', '')
  }
  return lines.join('\n')
}

function settingRows (commands: readonly CommandReference[]): string[] {
  const users = new Map<string, Array<{ command: string, info: SettingInfo }>>()
  for (const { name: command, schema } of commands) {
    for (const [key, info] of entries(schema)) if (!isFlagOnly(key)) users.set(key, [...users.get(key) ?? [], { command, info }])
  }
  return [...users].map(([key, uses]) => {
    const first = uses[0]?.info
    if (first === undefined) return ''
    const names = mayBeFile(key, first) ? [key, fileFormOf(key)] : [key]
    return `| ${names.map(one => `\`${one}\``).join(', ')} | ${names.map(one => `\`${flagOf(one)}\``).join(', ')} | ${uses.map(({ command }) => command).join(', ')} | ${cell(byCommand(uses, defaultOf))} | ${cell(first.takes + unitOf(first))} | ${cell(byCommand(uses, info => info.description))} |`
  })
}

/** One text where all commands agree, else each with the commands that it is for. */
function byCommand (uses: ReadonlyArray<{ command: string, info: SettingInfo }>, textOf: (info: SettingInfo) => string): string {
  const commandsByText = new Map<string, string[]>()
  for (const { command, info } of uses) commandsByText.set(textOf(info), [...commandsByText.get(textOf(info)) ?? [], command])
  if (commandsByText.size === 1) return [...commandsByText.keys()].join()
  return [...commandsByText].map(([text, names]) => `${names.join(', ')}: ${text}`).join('; ')
}

const entries = (schema: TObject): Array<[string, SettingInfo]> => Object.entries(schema.properties).map(([key, property]) => [key, infoOf(property)])

function settingLines (schema: TObject): string[] {
  return entries(schema).map(([key, info]) => settingLine(key, info))
}

function settingLine (key: string, info: SettingInfo): string {
  const flag = `${flagOf(key)} ${info.valueName}`
  return `  ${flag.padEnd(26)}  ${(isFlagOnly(key) ? '' : key).padEnd(24)}  ${info.default === undefined ? defaultOf(info) : `default ${defaultOf(info)}`}`
}

function defaultOf (info: SettingInfo): string {
  if (info.defaultText !== undefined) return info.defaultText
  if (info.default === undefined) return 'none'
  if (info.readAs === 'duration') return formatDuration(info.default as number)
  if (info.readAs === 'size') return formatSize(info.default as number)
  return String(info.default)
}

const unitOf = (info: SettingInfo): string => info.unit === undefined ? '' : `, in ${info.unit}`
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

function wrap (text: string, indent: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > widthOfHelp) {
      lines.push(indent + line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, indent + line]
}
