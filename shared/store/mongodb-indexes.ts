/** The index that lets the server delete what is due. Every starting process looks for it, and makes it where it is missing. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Db, Document } from 'mongodb'
import { isAnswer } from './mongodb-errors.js'
import { collectionNames, type CollectionName } from './store.js'

const wanted = { expireAfterSeconds: 0, name: 'purgeAt' }
/** Another process is making it, or chunks are on their way: worth another try. */
const tries = 5
/** IndexOptionsConflict, IndexKeySpecsConflict: there is another one on the field. */
const conflictCodes = new Set<unknown>([85, 86])

/** Returns what an admin should know; rejects only where there was no answer. */
export async function prepareIndexes (db: Db, log: { warn: (fields: object, text: string) => void }): Promise<string[]> {
  const without: CollectionName[] = []
  const late: string[] = []
  for (const name of collectionNames) {
    let ttl = await findTtl(db, name)
    const err = ttl === undefined ? await make(db, name) : undefined
    ttl ??= await findTtl(db, name)
    // By another name it does as well.
    if (ttl?.expireAfterSeconds === 0) continue
    if (ttl === undefined) without.push(name)
    else late.push(`${name}: the TTL index deletes ${String(ttl.expireAfterSeconds)} s late`)
    log.warn({ err, collection: name }, 'the TTL index could not be made as it should be')
  }
  return [...without.length > 0 ? ['no TTL index: expired documents stay'] : [], ...late]
}

/** Why a server would not make it; undefined where it has. */
async function make (db: Db, name: CollectionName): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    try {
      await db.collection(name).createIndex({ purgeAt: 1 }, wanted)
      return undefined
    } catch (error) {
      if (!isAnswer(error)) throw error
      if (conflictCodes.has(error.code) || attempt === tries) return error
      await pause(attempt * 100)
      // What another process was making is there now.
      if (await findTtl(db, name) !== undefined) return undefined
    }
  }
}

async function findTtl (db: Db, name: CollectionName): Promise<Document | undefined> {
  try {
    return (await db.collection(name).listIndexes().toArray()).find(index => (index.key as Document).purgeAt === 1 && typeof index.expireAfterSeconds === 'number')
  } catch (error) {
    if (!isAnswer(error)) throw error
    return undefined
  }
}
