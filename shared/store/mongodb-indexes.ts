/** The index that lets the server delete what is due. Every starting process asks for it; who comes second finds it there. */
import type { Db, Document } from 'mongodb'
import { collectionNames, type CollectionName } from './store.js'

const wanted = { expireAfterSeconds: 0, name: 'purgeAt' }
/** Another process is making it, or chunks are on their way: worth another try. */
const tries = 3

/** Returns what an admin should know; rejects only where there was no answer. */
export async function prepareIndexes (db: Db, log: { warn: (fields: object, text: string) => void }): Promise<string[]> {
  const without: CollectionName[] = []
  const late: string[] = []
  for (const name of collectionNames) {
    const err = await make(db, name)
    const ttl = (await listed(db, name)).find(index => (index.key as Document).purgeAt === 1 && typeof index.expireAfterSeconds === 'number')
    // By another name it does as well.
    if (ttl?.expireAfterSeconds === 0) continue
    if (ttl === undefined) without.push(name)
    else late.push(`${name}: the TTL index deletes ${String(ttl.expireAfterSeconds)} s late`)
    log.warn({ err, collection: name }, 'the TTL index could not be made as it should be')
  }
  return [...without.length > 0 ? ['no TTL index: expired documents stay'] : [], ...late]
}

async function make (db: Db, name: CollectionName): Promise<unknown> {
  let cause: unknown
  for (let attempt = 1; attempt <= tries; attempt++) {
    try {
      await db.collection(name).createIndex({ purgeAt: 1 }, wanted)
      return undefined
    } catch (error) {
      cause = withCode(error)
      // IndexOptionsConflict, IndexKeySpecsConflict: there is another one on the field.
      if ([85, 86].includes((error as { code: number }).code)) break
      await new Promise(resolve => setTimeout(resolve, attempt * 100))
    }
  }
  return cause
}

async function listed (db: Db, name: CollectionName): Promise<Document[]> {
  try {
    return await db.collection(name).listIndexes().toArray()
  } catch (error) {
    withCode(error)
    return []
  }
}

/** A server's answer, whatever it says; rethrows where there was none. */
function withCode (error: unknown): unknown {
  if ((error as { code?: unknown }).code === undefined) throw error
  return error
}
