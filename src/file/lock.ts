/**
 * Keeps two writers, or a writer and readers, from opening one file at a time, with `flock` on the
 * descriptor of the data file itself.
 *
 * - The system drops the lock when its holder dies, however it dies: no stale lock files.
 * - The lock belongs to the open descriptor, so a second open in the same process meets it too.
 * - Closing the descriptor is not enough to drop it: on Linux a map keeps the open file, and so the lock,
 *   alive until it is undone. Therefore `unlockFile` comes before every close.
 */
import fs from 'node:fs'
import os from 'node:os'
import { CoppiceError } from '../errors.js'
import { LOCK_EXCLUSIVE, LOCK_NONBLOCKING, LOCK_SHARED, LOCK_UNLOCK, native } from './native.js'

interface Holder {
  /** Process id, or undefined where the system does not show it: the holder is outside of this container, or not running any more. */
  pid: number | undefined
  writes: boolean
}

/**
 * Locks the file behind `descriptor`, without waiting: exclusively for a writer, shared for a reader. `path`
 * is for the messages only.
 *
 * Throws `COPPICE_LOCKED` where the file is open elsewhere in a way that does not agree, and
 * `COPPICE_UNSUPPORTED` where there are no locks to be had.
 */
export function lockFile(descriptor: number, path: string, exclusive: boolean): void {
  const calls = native()
  if (calls === undefined) {
    throw new CoppiceError(
      'COPPICE_UNSUPPORTED',
      `${path} cannot be locked, as file locks need the package koffi, which is not there for this platform. ` +
        'Install koffi, or open with { lock: false } when nothing else opens the file.',
    )
  }
  const failure = calls.flock(descriptor, (exclusive ? LOCK_EXCLUSIVE : LOCK_SHARED) | LOCK_NONBLOCKING)
  if (failure === 0) return
  if (failure === os.constants.errno.EWOULDBLOCK) {
    throw new CoppiceError('COPPICE_LOCKED', lockedMessage(path, holdersOf(descriptor), exclusive))
  }
  throw new CoppiceError(
    'COPPICE_UNSUPPORTED',
    `${path} cannot be locked: the system answered ${errorName(failure)}. ` +
      'Move it to a filesystem with locks, or open with { lock: false } when nothing else opens the file.',
  )
}

/** Drops the lock, whether there is one or not. */
export function unlockFile(descriptor: number): void {
  native()?.flock(descriptor, LOCK_UNLOCK)
}

/**
 * Whether `path` names the file behind `descriptor`. To be asked after a lock was gained: between opening
 * and locking somebody may have put another file in its place, and the lock would guard the wrong one.
 */
export function sameFile(descriptor: number, path: string): boolean {
  const opened = fs.fstatSync(descriptor, { bigint: true })
  try {
    const named = fs.statSync(path, { bigint: true })
    return named.dev === opened.dev && named.ino === opened.ino
  } catch {
    // Nothing can be found there now. Opening it again will say why.
    return false
  }
}

/** Whether two descriptors are of one file. */
export function sameDescriptor(one: number, other: number): boolean {
  const [a, b] = [one, other].map((descriptor) => fs.fstatSync(descriptor, { bigint: true }))
  return a.dev === b.dev && a.ino === b.ino
}

function errorName(number: number): string {
  const found = Object.entries(os.constants.errno).find(([, value]) => value === number)
  return found === undefined ? `error ${number}` : found[0]
}

function lockedMessage(path: string, holders: Holder[], exclusive: boolean): string {
  const holder = holders.find(({ pid }) => pid === process.pid) ?? holders.find(({ pid }) => pid !== undefined)
  if (holder?.pid === process.pid) {
    return `${path} is locked: this process (pid ${process.pid}) has it open already. Use that handle, or close it first.`
  }
  const writes = holder?.writes ?? !exclusive
  const who = holder?.pid === undefined ? 'another process' : describe(holder.pid)
  const whoHas = holders.length > 1 ? `${who} and ${holders.length - 1} more have` : `${who} has`
  const what = holder === undefined && exclusive ? 'open' : `open for ${writes ? 'writing' : 'reading'}`
  const remedy = exclusive && holder !== undefined && !writes ? 'open here with { readOnly: true } too' : 'try again once it has ended'
  return `${path} is locked: ${whoHas} it ${what}. Close it there, or ${remedy}.`
}

function describe(pid: number): string {
  try {
    // Any program may choose its own name, control characters included.
    const name = fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim().replace(/[^\x20-\x7e]/g, '?')
    return `process ${pid} (${name})`
  } catch {
    return `process ${pid}`
  }
}

/** Who holds a lock on the file behind `descriptor`, as far as the system tells: on Linux only. */
function holdersOf(descriptor: number): Holder[] {
  if (process.platform !== 'linux') return []
  try {
    const { dev, ino } = fs.fstatSync(descriptor, { bigint: true })
    return parseLocks(fs.readFileSync('/proc/locks', 'utf8'), dev, ino)
  } catch {
    return []
  }
}

/**
 * Reads the holders of `flock` locks on one file out of the text of /proc/locks. A line reads
 * `1: FLOCK  ADVISORY  WRITE 1234 fe:00:2146432 0 EOF`; those with `->` wait for the lock and hold nothing.
 */
export function parseLocks(text: string, device: bigint, inode: bigint): Holder[] {
  const holders: Holder[] = []
  for (const line of text.split('\n')) {
    const found = /^\d+:\s+FLOCK\s+\S+\s+(READ|WRITE)\s+(-?\d+)\s+([0-9a-f]+):([0-9a-f]+):(\d+)\s/.exec(line)
    if (found === null) continue
    const [, mode, pid, major, minor, number] = found
    if (BigInt(number) !== inode || BigInt(`0x${major}`) !== majorOf(device) || BigInt(`0x${minor}`) !== minorOf(device)) continue
    holders.push({ pid: Number(pid) > 0 ? Number(pid) : undefined, writes: mode === 'WRITE' })
  }
  return holders
}

// A device number as the C library packs it: 12 + 20 bits of major, 8 + 24 bits of minor, interleaved.
function majorOf(device: bigint): bigint {
  return ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)
}

function minorOf(device: bigint): bigint {
  return (device & 0xffn) | ((device >> 12n) & 0xffffff00n)
}
