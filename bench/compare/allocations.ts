/** Bytes that one read leaves on the heap, measured in a process whose young space is never collected meanwhile. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Context, Result } from './section.js'

/** A little more than the buffer itself: a boxed number now and then. */
const TOLERANCE = 0.05

export interface HeapBytes {
  /** One `Buffer.allocUnsafe` of the value's size: what one allocation is. */
  buffer: number
  get: number
  view: number
  collections: number
}

export async function allocations({ folder }: Context, result: Result): Promise<void> {
  const script = fileURLToPath(new URL('allocations-child.js', import.meta.url))
  const child = spawnSync(process.execPath, ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256', script, join(folder, 'store')], { encoding: 'utf8' })
  if (child.status !== 0) throw new Error(`the measurement of allocations failed: ${child.stderr}`)
  const { buffer, get, view, collections } = JSON.parse(child.stdout) as HeapBytes
  if (collections > 0) throw new Error('the heap was collected while allocations were measured')
  const perGet = get / buffer
  result.facts.push(
    { what: 'allocations per view', measured: `${(view / buffer).toFixed(2)} (${view.toFixed(1)} bytes)`, goal: '0', holds: view < buffer * TOLERANCE },
    {
      what: 'allocations per copied get',
      measured: `${perGet.toFixed(2)} (${get.toFixed(1)} bytes; a buffer of the value's size takes ${buffer.toFixed(1)})`,
      goal: '1',
      holds: perGet <= 1 + TOLERANCE,
    },
  )
  await Promise.resolve()
}
