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
import { META_SLOTS, PAGE_SIZE } from '../page/layout.js'
import { encodeMeta } from '../page/meta.js'
import { readLog } from '../pager/free-log.js'
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
  const { meta } = view.commit
  const { reached, faults } = takeCensus(view)
  if (faults.length > 0) throw faults[0]
  for (const { page } of readLog(store.pager, meta.log)) reached.add(page)
  // The copy has no history that recovery could fall back to, so its only commit is its durable one.
  const whole = { ...meta, durable: meta.transaction }
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
}

function copyPage(store: Store, page: number, target: Uint8Array): void {
  if (page >= store.pager.physicalPages) throw corrupt(page, undefined, 'the file ends before it')
  store.pager.readFile(target, page * PAGE_SIZE)
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
