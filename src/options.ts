/** Options of `open`, looked at once: below this file nothing is optional. */
import { CoppiceError } from './errors.js'
import { describe } from './encoding/bytes.js'
import type { CustomEncoding, Encoding, EncodingOption } from './encoding/encoding.js'
import { resolveEncoding } from './encoding/encoding.js'
import type { Mapper } from './file/file.js'
import { PAGE_SIZE } from './page/layout.js'
import type { DurabilityMode } from './pager/store.js'

/** How the keys and values of a tree are written; see `Encoding`. */
export interface TreeOptions<K, V> {
  /** `'utf8'` (strings; the default), `'binary'`, `'json'`, `tuple`, or an encoding of your own. */
  keyEncoding?: EncodingOption<K>
  /** `'binary'` (bytes; the default), `'utf8'`, `'json'`, or an encoding of your own. */
  valueEncoding?: EncodingOption<V>
}

/** What the values of an encoding are: strings for 'utf8', bytes for 'binary', anything for 'json'. */
export type Decoded<E> = E extends 'utf8' ? string : E extends 'binary' ? Uint8Array : E extends CustomEncoding<infer T> ? T : unknown

/** `TreeOptions` whose types follow from the encodings named. */
export interface NamedTreeOptions<KE, VE> {
  keyEncoding?: KE
  valueEncoding?: VE
}

/** `OpenOptions` without the encodings. */
export interface FileOptions {
  /** Opens for reading; needs no write permission on file and folder. Default false. */
  readOnly?: boolean
  /** Makes the file where there is none. Default true; never with `readOnly`. */
  create?: boolean
  /**
   * When a commit returns. `'sync'` (the default): when it is on the disk. `'async'`: at once, and it is on its
   * way. `'lazy'`: at once, and it is on its way within `syncInterval`; a crash of the machine may cost the
   * newest commits, in order, and never damages the file.
   */
  durability?: DurabilityMode
  /** Milliseconds after which `'lazy'` commits are synced at the latest. Default 50. */
  syncInterval?: number
  /** Bytes of memory for pages being changed (and for clean ones where the file is not mapped). Default 128 MiB, at least 2 MiB. */
  poolSize?: number
  /** What maps the file: a `Mapper`, or false to read pages with `pread`. Default: koffi where it can be loaded. */
  mapper?: Mapper | false
  /** False leaves the file unlocked, for platforms without locks: then nobody else may open it. Default true. */
  lock?: boolean
}

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
