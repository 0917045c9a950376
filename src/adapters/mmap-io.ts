/**
 * Offers the package mmap-io as the mapper of a store, in place of koffi.
 *
 * mmap-io hands size and offset to the system as 32-bit integers and checks neither: an offset of 4 GiB
 * arrives as 0 and maps the wrong part of the file without a word. So nothing that ends past 2 GiB is asked
 * of it here; such pages are read with `pread` instead.
 *
 * @module coppice/mmap-io
 */
import { createRequire } from 'node:module'
import { CoppiceError } from '../errors.js'
import type { Mapper } from '../file/file.js'

/** What is used of the module mmap-io. */
export interface MmapIo {
  /** For pages that may be read. */
  readonly PROT_READ: number
  /** For a map that shows what others write to the file. */
  readonly MAP_SHARED: number
  /** Maps `size` bytes of the file behind `descriptor` from byte `offset`; throws an Error where the system refuses. */
  map(size: number, protection: number, flags: number, descriptor: number, offset?: number): Uint8Array
}

/** Where a map by mmap-io must end at the latest, in bytes. */
const LIMIT = 2 ** 31

/** The largest length that survives as a 32-bit integer. */
const MAX_LENGTH = LIMIT - 1

/**
 * A mapper that maps with mmap-io, for the option `mapper` of `open`: `open('data.coppice', { mapper: mmapIo() })`.
 *
 * @param module the module, if it is not to be the installed package.
 * @throws `COPPICE_UNSUPPORTED` where the package is not installed, or not built.
 */
export function mmapIo(module: MmapIo = load()): Mapper {
  return (descriptor, offset, length) => {
    if (offset + length > LIMIT || length > MAX_LENGTH) return undefined
    let map: Uint8Array
    try {
      map = module.map(length, module.PROT_READ, module.MAP_SHARED, descriptor, offset)
    } catch {
      // The only error it knows: the system refused. Then the pages are read instead.
      return undefined
    }
    // mmap-io undoes the map when this ArrayBuffer is collected, whether the Buffer around it lives or not.
    return map.buffer as ArrayBuffer
  }
}

function load(): MmapIo {
  try {
    return createRequire(import.meta.url)('mmap-io') as MmapIo
  } catch (cause) {
    throw new CoppiceError(
      'COPPICE_UNSUPPORTED',
      'the package mmap-io cannot be loaded. Install it with `npm install mmap-io@npm:@riaskov/mmap-io`, or leave the option mapper out.',
      { cause },
    )
  }
}
