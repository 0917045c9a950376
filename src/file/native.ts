/**
 * The system calls that Node does not offer: `mmap`, `munmap`, `flock` and `madvise`, called through koffi.
 *
 * - koffi is loaded when it is first asked for, once a process (once a thread, in workers). Where it cannot
 *   be loaded, or on a system whose calls differ, `native()` answers undefined and the engine does without.
 * - A map is undone only when its ArrayBuffer has been collected. Undoing it earlier would turn every view
 *   that somebody still holds into a crash, and an ArrayBuffer over foreign memory cannot be detached.
 */
import { createRequire } from 'node:module'
import type * as Koffi from 'koffi'
import type { Mapper } from './file.js'

// These numbers are the same on Linux and macOS.
const PROT_READ = 1
const MAP_SHARED = 1
// Linux alone has this one; a large page has 2 MiB on x86-64 and, mostly, on arm64.
const MADV_HUGEPAGE = 14
const LARGE_PAGE = 2n ** 21n

/** Operations of `flock`, to be combined with `|`. */
export const LOCK_SHARED = 1
export const LOCK_EXCLUSIVE = 2
export const LOCK_NONBLOCKING = 4
export const LOCK_UNLOCK = 8

/** Here `off_t` may have 32 bits, and an address space has no room for windows of 1 GiB. */
const NARROW = ['arm', 'ia32', 'mips', 'mipsel', 'ppc', 's390']

export interface Native {
  /** Maps read-only and shared; the default of the engine. */
  readonly map: Mapper
  /** Answers 0, or the number of the error. */
  readonly flock: (descriptor: number, operation: number) => number
  /** Asks for large pages under memory that will be written to as a whole; where there are none it changes nothing. */
  readonly preferLargePages: (memory: ArrayBufferLike) => void
}

type Mmap = (address: null, length: number, protection: number, flags: number, descriptor: number, offset: number) => bigint
type Munmap = (address: bigint, length: number) => number
type Madvise = (address: bigint, length: number, advice: number) => number
type Flock = (descriptor: number, operation: number) => number

interface Mapping {
  address: bigint
  length: number
}

let answer: Native | undefined
let asked = false

/** The native calls, or undefined where they cannot be had. */
export function native(): Native | undefined {
  if (!asked) {
    asked = true
    answer = load()
  }
  return answer
}

function load(): Native | undefined {
  if (process.platform !== 'linux' && process.platform !== 'darwin') return undefined
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi
    const libc = koffi.load(null)
    const flock = libc.func('int flock(int fd, int operation)') as Flock
    return {
      map: mapperOf(koffi, libc),
      flock: (descriptor, operation) => (flock(descriptor, operation) === 0 ? 0 : koffi.errno()),
      preferLargePages: adviserOf(koffi, libc),
    }
  } catch {
    // Not installed, not built for this platform, or forbidden by a policy: all the same to the callers.
    return undefined
  }
}

/** Linux alone knows this advice. */
function adviserOf(koffi: typeof Koffi, libc: Koffi.LibraryHandle): (memory: ArrayBufferLike) => void {
  if (process.platform !== 'linux' || NARROW.includes(process.arch)) return () => undefined
  const madvise = libc.func('int madvise(void *addr, size_t length, int advice)') as Madvise
  return (memory) => {
    const start = koffi.address(new Uint8Array(memory))
    const first = (start + LARGE_PAGE - 1n) & -LARGE_PAGE
    const end = (start + BigInt(memory.byteLength)) & -LARGE_PAGE
    if (end > first) madvise(first, Number(end - first), MADV_HUGEPAGE)
  }
}

function mapperOf(koffi: typeof Koffi, libc: Koffi.LibraryHandle): Mapper {
  if (NARROW.includes(process.arch)) return () => undefined
  const mmap = libc.func('void *mmap(void *addr, size_t len, int prot, int flags, int fd, int64_t off)') as Mmap
  const munmap = libc.func('int munmap(void *addr, size_t len)') as Munmap
  const collected = new FinalizationRegistry<Mapping>(({ address, length }) => munmap(address, length))

  return (descriptor, offset, length) => {
    const address = mmap(null, length, PROT_READ, MAP_SHARED, descriptor, offset)
    // MAP_FAILED is the pointer -1, which arrives as the largest unsigned number.
    if (BigInt.asIntN(64, address) === -1n) return undefined
    let buffer: ArrayBuffer
    try {
      buffer = koffi.view(address, length)
    } catch {
      // A runtime with a memory cage (Electron, for one) allows no ArrayBuffer over foreign memory.
      munmap(address, length)
      return undefined
    }
    collected.register(buffer, { address, length })
    return buffer
  }
}
