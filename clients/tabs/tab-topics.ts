/** The topics that each tab wants, and which tabs have been heard since the last roll-call. One subscription of the socket serves all tabs. */
export interface TabTopics {
  /** More than the leading tab itself. */
  readonly hasFollowers: boolean
  /** All topics that a tab wants. */
  wanted (): string[]
  setOwn (topics: readonly string[]): void
  /** True where the tab was not known. */
  hear (tab: string): boolean
  /** Those that this tab did not want before. */
  add (tab: string, topics: readonly string[]): string[]
  /** Those that no tab wants any more. */
  remove (tab: string, topics: readonly string[]): string[]
  of (tab: string): string[]
  /** The tab has ended: those of its topics that no tab wants any more. */
  forget (tab: string): string[]
  /** The tabs that said nothing since the last time. */
  silent (): string[]
}

/** Stands for the leading tab among those that want topics. */
export const self = ''

export function createTabTopics (): TabTopics {
  const tabs = new Map<string, Set<string>>([[self, new Set()]])
  let heard = new Set<string>()

  const all = (): Set<string> => new Set([...tabs.values()].flatMap(topics => [...topics]))
  const unwanted = (topics: Iterable<string>): string[] => {
    const left = all()
    return [...topics].filter(topic => !left.has(topic))
  }

  return {
    get hasFollowers () { return tabs.size > 1 },
    wanted: () => [...all()],
    setOwn (topics) { tabs.set(self, new Set(topics)) },
    hear (tab) {
      heard.add(tab)
      if (tabs.has(tab)) return false
      tabs.set(tab, new Set())
      return true
    },
    add (tab, topics) {
      const mine = tabs.get(tab)
      const added = topics.filter(topic => mine?.has(topic) === false)
      for (const topic of added) mine?.add(topic)
      return added
    },
    remove (tab, topics) {
      for (const topic of topics) tabs.get(tab)?.delete(topic)
      return unwanted(topics)
    },
    of: tab => [...tabs.get(tab) ?? []],
    forget (tab) {
      const topics = tabs.get(tab) ?? []
      tabs.delete(tab)
      return unwanted(topics)
    },
    silent () {
      const silent = [...tabs.keys()].filter(tab => tab !== self && !heard.has(tab))
      heard = new Set()
      return silent
    }
  }
}
