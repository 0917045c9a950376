/** Options of `open`, looked at once: below this file nothing is optional. */
import { CoppiceError } from './errors.js'
import { describe } from './encoding/bytes.js'
import type { CustomEncoding, Encoding, EncodingName, EncodingOption } from './encoding/encoding.js'
import { resolveEncoding } from './encoding/encoding.js'
import type { Mapper } from './file/file.js'
import { PAGE_SIZE } from './page/layout.js'
import type { DurabilityMode } from './pager/store.js'

/** How the keys and values of a tree are written. The same are to be named each time that the tree is opened; the file does not tell. */
export interface TreeOptions<K, V> {
  /** `'utf8'` (strings; the default), `'binary'` (bytes), `'json'`, `tuple`, or an encoding of your own. Keys sort by their bytes. */
  keyEncoding?: EncodingOption<K>
  /** `'binary'` (bytes, which come back as a `Buffer`; the default), `'utf8'`, `'json'`, `tuple`, or an encoding of your own. */
  valueEncoding?: EncodingOption<V>
}

/**
 * The type that an encoding stands for: strings for 'utf8', bytes for 'binary', its own for a custom one, unknown for 'json'. Where
 * it may be any of them, as in {@link OpenOptions}, the type that was named there.
 */
export type Decoded<E> = EncodingName extends E
  ? Exclude<E, EncodingName> extends CustomEncoding<infer T> ? T : unknown
  : E extends 'utf8' ? string : E extends 'binary' ? Uint8Array : E extends CustomEncoding<infer T> ? T : unknown

/** {@link TreeOptions} from which the types of keys and values follow, so that nobody need write them. */
export interface NamedTreeOptions<KE, VE> {
  /** As in {@link TreeOptions}; default `'utf8'`. */
  keyEncoding?: KE
  /** As in {@link TreeOptions}; default `'binary'`. */
  valueEncoding?: VE
}

/** How a file is opened, whatever is in it. */
export interface FileOptions {
  /** Opens for reading; needs no write permission on file and folder. Default false. */
  readOnly?: boolean
  /** Makes the file where there is none. Default true; never with `readOnly`. */
  create?: boolean
  /**
   * When a commit returns. `'sync'` (the default): when it is on the disk. `'async'`: at once, while a sync runs in the
   * background. `'lazy'`: at once, and a sync follows within `syncInterval`. With the latter two a crash of the machine
   * may cost the newest commits, in order; it never damages the file, and a crash of the process costs nothing.
   */
  durability?: DurabilityMode
  /** Milliseconds after which `'lazy'` commits are synced at the latest; 0 to 2,147,483,647. Default 50. */
  syncInterval?: number
  /**
   * Bytes of memory for pages that have changed lately (and for clean ones where the file is not mapped). 2 MiB to 256 GiB, default 128 MiB.
   * A transaction of very many puts in no order takes up to about as much again, 320 MiB at most, for puts that wait, until it ends.
   */
  poolSize?: number
  /** What maps the file: a `Mapper`, or false to read pages with `pread`. Default: koffi where it can be loaded. */
  mapper?: Mapper | false
  /** False leaves the file unlocked, for platforms without locks: then nobody else may open it. Default true. */
  lock?: boolean
}

/** Options of {@link open}: the encodings of the default tree, and how the file is opened. */
export interface OpenOptions<K, V> extends TreeOptions<K, V>, FileOptions {}

/** The options with every default filled in. */
export interface Settings<K, V> {
  keyEncoding: Encoding<K>
  valueEncoding: Encoding<V>
  readOnly: boolean
  create: boolean
  durability: DurabilityMode
  syncInterval: number
  poolPages: number
  mapper: Mapper | false | undefined
  lock: boolean
}

const MIN_POOL = 2 * 2 ** 20
const MAX_POOL = 256 * 2 ** 30
const TREE_OPTIONS = ['keyEncoding', 'valueEncoding']
const OPEN_OPTIONS = [...TREE_OPTIONS, 'readOnly', 'create', 'durability', 'syncInterval', 'poolSize', 'mapper', 'lock']

export function resolveOptions<K, V>(options: OpenOptions<K, V>): Settings<K, V> {
  refuseUnknown(options, OPEN_OPTIONS)
  const { durability = 'sync', syncInterval = 50, poolSize = 128 * 2 ** 20, mapper } = options
  if (durability !== 'sync' && durability !== 'async' && durability !== 'lazy') throw invalid('durability', "'sync', 'async' or 'lazy'", durability)
  if (!Number.isFinite(syncInterval) || syncInterval < 0 || syncInterval > 2 ** 31 - 1) throw invalid('syncInterval', 'milliseconds, 0 or more', syncInterval)
  if (!Number.isSafeInteger(poolSize) || poolSize < MIN_POOL || poolSize > MAX_POOL) throw invalid('poolSize', 'bytes, from 2 MiB to 256 GiB', poolSize)
  if (mapper !== undefined && mapper !== false && typeof mapper !== 'function') throw invalid('mapper', 'a Mapper or false', mapper)
  return {
    ...encodingsOf(options),
    readOnly: flag('readOnly', options.readOnly, false),
    create: flag('create', options.create, true),
    lock: flag('lock', options.lock, true),
    durability,
    syncInterval,
    poolPages: Math.floor(poolSize / PAGE_SIZE),
    mapper,
  }
}

export function resolveTreeOptions<K, V>(options: TreeOptions<K, V>): Encodings<K, V> {
  refuseUnknown(options, TREE_OPTIONS)
  return encodingsOf(options)
}

type Encodings<K, V> = Pick<Settings<K, V>, 'keyEncoding' | 'valueEncoding'>

/** The defaults are utf8 keys and binary values, and the caller's types say so. */
function encodingsOf<K, V>(options: TreeOptions<K, V>): Encodings<K, V> {
  const { keyEncoding = 'utf8', valueEncoding = 'binary' } = options
  return { keyEncoding: resolveEncoding<K>(keyEncoding, 'keyEncoding'), valueEncoding: resolveEncoding<V>(valueEncoding, 'valueEncoding') }
}

/** Options that are none, or that are misspelt, are refused: what was meant would silently not happen. */
export function refuseUnknown(options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw new CoppiceError('COPPICE_INVALID_OPTION', `there is no option "${name}". Known are ${known.join(', ')}.`)
  }
}

export function flag(name: string, value: boolean | undefined, otherwise: boolean): boolean {
  if (value === undefined) return otherwise
  if (typeof value !== 'boolean') throw invalid(name, 'true or false', value)
  return value
}

function invalid(name: string, wanted: string, value: unknown): CoppiceError {
  return new CoppiceError('COPPICE_INVALID_OPTION', `the option "${name}" is to be ${wanted}, not ${String(value)}.`)
}

export function assertFunction(what: string, work: unknown): void {
  if (typeof work !== 'function') throw new CoppiceError('COPPICE_INVALID_OPTION', `${what} takes a function, not ${describe(work)}.`)
}

/** `or` says what besides a path `what` takes, for the message. */
export function assertPath(what: string, path: unknown, or: string): asserts path is string {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return
  const given = typeof path === 'string' ? JSON.stringify(path) : describe(path)
  throw new CoppiceError('COPPICE_INVALID_OPTION', `${what} takes a file's path${or}, not ${given}.`)
}
