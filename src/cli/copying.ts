/** Copies of stores that another thread makes: a line says how far they are, and a signal leaves nothing half-made. */
import { rmSync, statSync } from 'node:fs'
import { temporariesOf } from '../file/create.js'
import type { Terminal } from './command.js'
import { cleaningUp } from './interrupt.js'
import type { Running } from './tasks.js'
import { Status } from './terminal.js'

/** Waits for a task that makes the file `target`; `line` is told the bytes that are written of it. */
export async function copying<T>(running: Running<T>, target: string, terminal: Terminal, line: (written: number, seconds: number) => string): Promise<T> {
  const status = new Status(terminal, (seconds) => line(writtenOf(target), seconds))
  const cleanUp = async () => {
    status.end()
    await running.stop()
    for (const path of temporariesOf(target)) rmSync(path, { force: true })
  }
  try {
    return await cleaningUp(cleanUp, () => running.outcome)
  } finally {
    status.end()
  }
}

function writtenOf(target: string): number {
  return Math.max(0, ...temporariesOf(target).map(bytesOf))
}

/** Bytes of a file; 0 where it cannot be looked at, of which the work itself says what is wrong. */
export function bytesOf(path: string): number {
  try {
    return statSync(path).size
  } catch {
    return 0
  }
}
