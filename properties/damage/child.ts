/**
 * The process in which damaged files are opened: it says which case it has begun before it begins it, so that
 * whoever reads knows the case that ended it or that does not end.
 *
 * Arguments: folder for files, seed, first case, end (not included), cases' mutations left out as a list of indices.
 */
import fs from 'node:fs'
import type { Base } from './bases.js'
import { buildBases } from './bases.js'
import type { Case } from './cases.js'
import { buildCase } from './cases.js'
import { peakMemory, watchAllocations } from './memory.js'
import { Trial } from './trial.js'

const [folder, ...numbers] = process.argv.slice(2)
const [seed, from, to] = numbers.slice(0, 3).map(Number)
const left = (numbers[3] ?? '').split(',').filter((text) => text !== '').map(Number)

/** Straight to the pipe: what is buffered would be lost with the process. */
function say(line: object): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`)
  for (let done = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(1, bytes, done)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}

// A damaged root makes an error of every read, and a long stack makes each of them slow.
Error.stackTraceLimit = 5

const counts: Record<string, number> = {}
const count = (name: string): void => void (counts[name] = (counts[name] ?? 0) + 1)

async function run(bases: readonly Base[], number: number): Promise<void> {
  say({ begin: number })
  let subject: Case | undefined
  try {
    subject = buildCase(bases, seed, number, left)
    const tooLarge = watchAllocations(subject.image.length)
    count(await new Trial(subject, seed, folder).run())
    for (const kind of new Set(subject.kinds)) count(`kind ${kind}`)
    if (tooLarge() !== undefined) throw new Error(`${tooLarge()} bytes were asked for at once, for a file of ${subject.image.length}`)
  } catch (error) {
    say({ failed: number, story: subject?.story ?? [], why: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}

const bases = buildBases(seed)
say({ ready: true })
for (let number = from; number < to; number++) {
  await run(bases, number)
  // Maps are undone when their windows have been collected, and a process may have only so many.
  if (number % 256 === 255) globalThis.gc?.()
  if (number % 64 === 0 || number === to - 1) say({ peak: peakMemory() })
}
say({ counts })
