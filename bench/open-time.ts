import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { open } from '../src/index.js'
import type { Figure } from './index.js'
import { Random } from './random.js'

const OPENS = 21

/** How long opening takes, to the first get: a file of 2 MB against one of 2 GB, after a clean close and after a kill. */
export async function openTime(folder: string, scale: number): Promise<Figure[]> {
  const figures: Figure[] = []
  const sizes = [2e6, 2e9 * scale]
  const paths = sizes.map((size) => make(join(folder, `${size}.coppice`), size))
  figures.push(compare('a clean close', paths))
  for (const path of paths) await writeAndBeKilled(path)
  figures.push(compare('a kill in the middle of a transaction', paths))
  return figures
}

function make(path: string, bytes: number): string {
  const random = new Random(5)
  const db = open(path, { keyEncoding: 'binary' })
  const count = Math.round(bytes / 1050)
  const value = new Uint8Array(1000)
  db.load(
    (function* () {
      const key = new Uint8Array(8)
      const view = new DataView(key.buffer)
      for (let i = 0; i < count; i++) {
        view.setUint32(4, i)
        yield [key, value] as const
      }
    })(),
  )
  // Holes all over the file, so that there is free space to know of.
  db.transaction((tx) => {
    for (let i = 0; i < count / 50; i++) {
      const key = new Uint8Array(8)
      new DataView(key.buffer).setUint32(4, random.below(count))
      tx.delete(key)
    }
  })
  db.close()
  return path
}

/** A child commits a while, then is killed with a transaction open that has written more than its pool. */
async function writeAndBeKilled(path: string): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('open-time-child.js', import.meta.url)), path], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function compare(after: string, paths: string[]): Figure {
  const [small, large] = paths.map(medianOpen)
  const bytes = statSync(paths[1]).size
  return {
    what: `opening ${(bytes / 1e9).toFixed(1)} GB, to the first get, against 2 MB, after ${after}`,
    goal: '<= 20 ms more',
    measured: `${large.toFixed(1)} ms against ${small.toFixed(1)} ms`,
    holds: large - small <= 20,
  }
}

/** Milliseconds: the median, and the first open is among them. */
function medianOpen(path: string): number {
  const times: number[] = []
  for (let i = 0; i < OPENS; i++) {
    const started = performance.now()
    const db = open(path, { keyEncoding: 'binary' })
    db.get(new Uint8Array(8))
    times.push(performance.now() - started)
    db.close()
  }
  return times.sort((a, b) => a - b)[OPENS >> 1]
}
