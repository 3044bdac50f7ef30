/** A TypeScript file of the tests as a process of its own. */
import { fileURLToPath } from 'node:url'

/** The arguments with which Node.js runs `file`. */
export const typescriptArgs = (file: URL): string[] => [`--import=${import.meta.resolve('tsx')}`, fileURLToPath(file)]
