/** Pages for Prometheus of several processes as one: each sample gets a label with its process, and each metric stays in one piece, as the format wants it. */
export interface MetricsPage { readonly process: number, readonly text: string }

export function joinMetrics (pages: readonly MetricsPage[]): string {
  const metrics = new Map<string, { readonly about: string[], readonly samples: string[] }>()
  for (const { process, text } of pages) {
    let name = ''
    let isFirst = false
    for (const line of text.split('\n')) {
      const [, comment, of] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? []
      if (of !== undefined) {
        if (of !== name) isFirst = !metrics.has(of)
        name = of
        if (isFirst && comment === 'HELP') metrics.set(of, { about: [], samples: [] })
        if (isFirst) metrics.get(of)?.about.push(line)
      } else if (line !== '' && !line.startsWith('#')) metrics.get(name)?.samples.push(labelled(line, process))
    }
  }
  return [...metrics.values()].flatMap(({ about, samples }) => [...about, ...samples, '']).join('\n')
}

function labelled (sample: string, process: number): string {
  const end = sample.search(/[{ ]/)
  const [name, rest] = [sample.slice(0, end), sample.slice(end)]
  return rest.startsWith('{') && !rest.startsWith('{}') ? `${name}{process="${process}",${rest.slice(1)}` : `${name}{process="${process}"}${rest.replace('{}', '')}`
}
