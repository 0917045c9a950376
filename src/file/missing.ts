/** What to say where a store is wanted that is not there. */
import fs from 'node:fs'
import { dirname } from 'node:path'
import { CoppiceError } from '../errors.js'

/** The error for a store that is not there; `toMake` is what to do to have one made. */
export function missingStore(path: string, toMake: string, cause: unknown): CoppiceError {
  const folder = dirname(path)
  const message = fs.existsSync(folder)
    ? `there is no store at ${path}. Correct the path, or ${toMake} to have one made.`
    : `there is no store at ${path}, as the folder ${folder} does not exist. Correct the path.`
  return new CoppiceError('COPPICE_NOT_FOUND', message, { cause })
}
