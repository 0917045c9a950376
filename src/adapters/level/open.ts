/** Opening a store as Level's options say. */
import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { syncNamesIn } from '../../file/folder.js'
import { CoppiceError, open } from '../../index.js'
import type { Database, FileOptions } from '../../index.js'
import type { Stored } from './bytes.js'
import { keyBytes, valueBytes } from './bytes.js'
import { LevelError } from './errors.js'

/** An open store of coppice behind a Level database. */
export type LevelStore = Database<Stored, Stored>

/** Options of coppice that pass through; whether a file is made is Level's `createIfMissing`. */
export type StoreOptions = Omit<FileOptions, 'create'>

/** What `_open` gets: abstract-level has filled in the first two. */
export interface LevelOpenOptions extends StoreOptions {
  createIfMissing: boolean
  errorIfExists: boolean
}

export const MEMORY = ':memory:'

const STORE_OPTIONS = ['readOnly', 'durability', 'syncInterval', 'poolSize', 'mapper', 'lock'] as const

export async function openStore(location: string, options: LevelOpenOptions): Promise<LevelStore> {
  const settings = storeOptions(options)
  if (location === MEMORY) return openWith(location, settings, true)
  const existing = openExisting(location, settings)
  if (existing !== undefined) {
    if (!options.errorIfExists) return existing
    existing.close()
    throw new LevelError('LEVEL_IO_ERROR', `${location} exists already, and errorIfExists is true. Choose another path, or open without errorIfExists.`)
  }
  if (!options.createIfMissing || settings.readOnly === true) {
    const why = settings.readOnly === true ? 'readOnly' : 'createIfMissing: false'
    throw new LevelError('LEVEL_IO_ERROR', `${location} does not exist, and with ${why} it is not created. Correct the path, or open without that option.`)
  }
  await makeFolder(dirname(resolve(location)))
  return openWith(location, settings, true)
}

function openExisting(location: string, settings: StoreOptions): LevelStore | undefined {
  try {
    return openWith(location, settings, false)
  } catch (error) {
    if (error instanceof CoppiceError && error.code === 'COPPICE_NOT_FOUND') return undefined
    throw error
  }
}

function openWith(location: string, settings: StoreOptions, create: boolean): LevelStore {
  return open<Stored, Stored>(location, { ...settings, create, keyEncoding: keyBytes, valueEncoding: valueBytes })
}

/** The options that are coppice's: abstract-level forwards everything it was given. */
function storeOptions(options: LevelOpenOptions): StoreOptions {
  return Object.fromEntries(STORE_OPTIONS.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]))
}

/** Makes the folder and those that it stands in, and brings their names to the disk: nothing would lead to the file without them. */
async function makeFolder(folder: string): Promise<void> {
  try {
    const first = await mkdir(folder, { recursive: true })
    if (first === undefined) return
    for (let made = folder; made.length >= first.length; made = dirname(made)) syncNamesIn(dirname(made), made)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new LevelError('LEVEL_IO_ERROR', `the folder ${folder} cannot be made (${why}). Make it first, or correct the path.`, { cause: error })
  }
}
