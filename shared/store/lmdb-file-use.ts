/** How much of the data file is used, from LMDB's own counts: pages that belong to no tree hold nothing, and are used again. */
import type { RootDatabase } from 'lmdb'
import type { FileUse } from './disk-room.js'
import type { Tables } from './lmdb-writer.js'

interface TreePages { readonly pageSize: number, readonly treeBranchPageCount: number, readonly treeLeafPageCount: number, readonly overflowPages: number }
interface RootPages extends TreePages { readonly lastPageNumber: number, readonly root: TreePages, readonly free: TreePages }
const metaPages = 2

export function fileUseOf (root: RootDatabase, tables: Readonly<Record<string, Tables>>): () => FileUse {
  const databases = Object.values(tables).flatMap(({ docs, purges }) => [docs, purges])
  return () => {
    const { pageSize, lastPageNumber, root: names, free } = root.getStats() as unknown as RootPages
    const used = [names, free, ...databases.map(database => database.getStats() as unknown as TreePages)]
      .reduce((sum, { treeBranchPageCount, treeLeafPageCount, overflowPages }) => sum + treeBranchPageCount + treeLeafPageCount + overflowPages, metaPages)
    return { used: used * pageSize, reusable: Math.max(0, lastPageNumber + 1 - used) * pageSize }
  }
}
