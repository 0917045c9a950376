/**
 * A copy of the store as of one commit, while later ones go on. The copy is a file of its own: the commit's
 * pages at their places, zeros for free ones, and the commit's meta page in all three slots.
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import { CoppiceError, corrupt, ioError } from '../errors.js'
import { placeFile, removeQuietly, temporaryName } from '../file/create.js'
import { Arena } from '../page/arena.js'
import { pageCrc } from '../page/checksum.js'
import { writeLogPage } from '../page/free-log.js'
import { crcOf, setCrc } from '../page/header.js'
import { LOG_PAGE_RUNS, META_RUNS, META_SLOTS, PAGE_SIZE } from '../page/layout.js'
import type { LogPointer, Meta } from '../page/meta.js'
import { encodeMeta } from '../page/meta.js'
import type { Run } from '../page/runs.js'
import type { Bitmap } from '../pager/bitmap.js'
import { NO_LOG } from '../pager/free-log.js'
import { NO_JOURNAL } from '../pager/journal.js'
import type { Store } from '../pager/store.js'
import type { CommitView } from '../views.js'
import { takeCensus } from './census.js'
import { existing, refuseExisting } from './compact.js'

/** Where a backup goes: the path of a file that is not there yet, or a stream of bytes, which is left open. */
export type BackupTarget = string | Writable

export function isStream(target: unknown): target is Writable {
  return typeof target === 'object' && target !== null && 'write' in target && 'on' in target && typeof target.on === 'function'
}

/** Pages copied in one go, 1 MiB; other work gets its turn in between. */
const CHUNK_PAGES = 256

export async function backup(store: Store, view: CommitView, target: BackupTarget, assertOpen: () => void): Promise<void> {
  if (typeof target !== 'string') {
    // A stream may fail between two pieces, when nobody waits for it: the next piece finds out.
    target.on('error', nothing)
    try {
      await copy(store, view, target, assertOpen)
    } finally {
      target.off('error', nothing)
    }
    return
  }
  refuseExisting(target)
  const temporary = temporaryName(target)
  try {
    const stream = createWriteStream(temporary, { flags: 'wx', flush: true })
    // The file is opened in the background; a failure that nobody listens to would end the process.
    stream.on('error', nothing)
    await copy(store, view, stream, assertOpen).then(
      () => stream.end(),
      (error: Error) => stream.destroy(error),
    )
    await finished(stream)
    if (!placeFile(temporary, target)) throw existing(target)
  } catch (error) {
    removeQuietly(temporary)
    throw ioError(error, `writing the backup ${target}`)
  }
}

async function copy(store: Store, view: CommitView, stream: Writable, assertOpen: () => void): Promise<void> {
  store.seal()
  const { meta } = view.commit
  const { reached, faults } = takeCensus(view)
  if (faults.length > 0) throw faults[0]
  const free = freeStateOf(reached, meta.pageCount, meta.transaction)
  const pageCount = meta.pageCount + free.pages.length
  // The copy has no history that recovery could fall back to, so its only commit is its durable one.
  const whole: Meta = { ...meta, durable: meta.transaction, pageCount, log: free.log, journal: NO_JOURNAL, delta: free.delta }
  for (let slot = 0; slot < META_SLOTS; slot++) await write(stream, encodeMeta(whole, slot))
  for (let from = META_SLOTS; from < meta.pageCount; from += CHUNK_PAGES) {
    assertOpen()
    const to = Math.min(from + CHUNK_PAGES, meta.pageCount)
    const chunk = new Uint8Array((to - from) * PAGE_SIZE)
    for (let page = reached.next(from); page !== -1 && page < to; page = reached.next(page + 1)) {
      copyPage(store, page, chunk.subarray((page - from) * PAGE_SIZE, (page - from + 1) * PAGE_SIZE))
    }
    await write(stream, chunk)
    await setImmediate()
  }
  for (const page of free.pages) await write(stream, page)
}

/**
 * What the copy says of free space: all that the trees do not reach. Where that does not fit in a meta page, a free log of its own
 * follows the pages of the commit.
 */
function freeStateOf(reached: Bitmap, pageCount: number, birth: number): { pages: Uint8Array[]; log: LogPointer; delta: readonly Run[] } {
  const runs = absentRuns(reached, pageCount)
  if (runs.length <= META_RUNS) return { pages: [], log: NO_LOG, delta: runs }
  const pages: Uint8Array[] = []
  let log = NO_LOG
  for (let from = 0; from < runs.length; from += LOG_PAGE_RUNS) {
    const arena = new Arena(new ArrayBuffer(PAGE_SIZE))
    const part = runs.slice(from, from + LOG_PAGE_RUNS)
    const page = pageCount + pages.length
    writeLogPage(arena, 0, page, birth, { previousPage: log.page, previousCrc: log.crc, runs: part })
    setCrc(arena, 0, pageCrc(arena, 0))
    log = { page, crc: crcOf(arena, 0), length: log.length + 1, runs: log.runs + part.length }
    pages.push(arena.bytes)
  }
  return { pages, log, delta: [] }
}

function absentRuns(reached: Bitmap, pageCount: number): Run[] {
  const runs: Run[] = []
  for (let start = reached.nextAbsent(META_SLOTS); start < pageCount; ) {
    const next = reached.next(start)
    const end = next === -1 ? pageCount : next
    runs.push({ start, length: end - start, freed: true })
    start = reached.nextAbsent(end)
  }
  return runs
}

/** A page of the commit: from the pool where it waits for a checkpoint, else from the file. */
function copyPage({ pager }: Store, page: number, target: Uint8Array): void {
  if (pager.isDirty(page)) target.set(pager.pool.viewOf(pager.pool.frameOf(pager.where[page])))
  else if (page >= pager.physicalPages) throw corrupt(page, undefined, 'the file ends before it')
  else pager.readFile(target, page * PAGE_SIZE)
}

function nothing(): void {
  // The stream keeps its error.
}

function cutOff(stream: Writable): Error {
  return stream.errored ?? new CoppiceError('COPPICE_IO', 'the stream was closed before the backup was whole. Keep it open until then.')
}

async function write(stream: Writable, bytes: Uint8Array): Promise<void> {
  if (stream.destroyed) throw cutOff(stream)
  if (stream.write(bytes)) return
  // Whichever comes second is not waited for any longer, so that a long backup does not pile up listeners.
  const waiting = new AbortController()
  const { signal } = waiting
  const closed = once(stream, 'close', { signal }).then(() => { throw cutOff(stream) })
  try {
    await Promise.race([once(stream, 'drain', { signal }), closed])
  } finally {
    waiting.abort()
  }
}
