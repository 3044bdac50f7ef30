import { GatepostError } from '../../shared/contract/errors.js'
import { withoutCredentials, type Fault } from '../../shared/platform/settings/fault.js'
import { newestFolderForm, NewerDataError } from '../../shared/store/lmdb-form.js'
import { NoDiskRoomError } from '../../shared/store/disk-room.js'
import { DamagedFileError } from '../../shared/store/lmdb-file.js'
import { DataDirLockedError } from '../../shared/store/lmdb-lock.js'

/** What a start failed on, where a setting is to blame; undefined for everything else. */
export function faultOfStart (error: unknown): Fault | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof DataDirLockedError) {
    return { setting: 'GATEPOST_DATA_DIR', origin: undefined, got: `${JSON.stringify(error.dir)}, which process ${error.pid} is using`, takes: 'a folder that no other process uses' }
  }
  if (error instanceof NewerDataError) {
    return { setting: 'GATEPOST_DATA_DIR', origin: undefined, got: `${JSON.stringify(error.dir)}, which a newer build wrote (form ${JSON.stringify(error.form)})`, takes: `a folder of form ${newestFolderForm} at most: start the newer build, or put a backup in its place` }
  }
  if (error instanceof NoDiskRoomError) {
    return { setting: 'GATEPOST_DATA_DIR', origin: undefined, got: `${JSON.stringify(error.dir)}, where ${error.freeBytes} bytes are free`, takes: `a folder on a file system with at least ${error.wantedBytes} bytes free; make room` }
  }
  if (error instanceof DamagedFileError) {
    return { setting: 'GATEPOST_DATA_DIR', origin: undefined, got: error.message, takes: 'a folder whose files are whole' }
  }
  // What an adapter finds wrong with its own setting is reported in the same form.
  const refused = error instanceof GatepostError && error.code === 'GP_VALIDATION' ? /^(GATEPOST_\w+): got (.*); takes (.*)$/s.exec(error.message) : null
  if (refused !== null) return { setting: refused[1] ?? '', origin: undefined, got: refused[2] ?? '', takes: refused[3] ?? '' }
  if (/^Mongo(?:Parse|InvalidArgument|MissingCredentials)Error$/.test(error.name)) {
    // The driver's text may quote the address.
    return { setting: 'GATEPOST_MONGODB_URL', origin: undefined, got: `an address that the driver refuses (${withoutCredentials(error.message)})`, takes: 'an address of the form mongodb://HOST:PORT/DATABASE with options of the MongoDB driver' }
  }
  const { code, syscall, port, address } = error as NodeJS.ErrnoException & { port?: number, address?: string }
  // `bind` where another process of the site listens for this one.
  if ((syscall === 'listen' || syscall === 'bind') && (code === 'EADDRINUSE' || code === 'EACCES')) {
    return { setting: 'GATEPOST_PORT', origin: undefined, got: `${port ?? 'a port'}, which ${code === 'EACCES' ? 'this user may not listen on' : 'is in use'}`, takes: 'a free port, or 0 for any' }
  }
  if (code === 'EADDRNOTAVAIL' || (code !== undefined && /^(?:ENOTFOUND|EAI_)/.test(code) && syscall === 'getaddrinfo')) {
    return { setting: 'GATEPOST_HOST', origin: undefined, got: `${JSON.stringify(address ?? (error as { hostname?: string }).hostname ?? '')}, which is no address of this machine`, takes: 'an address of this machine, or 0.0.0.0 for all of them' }
  }
  return undefined
}
