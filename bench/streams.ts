import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import type { Figure } from './index.js'

const PROGRAM = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))
const VALUE = 'v'.repeat(1000)

/** The program loads and dumps far more than memory holds: its memory is to be the same for ten times as much. */
export async function streams(folder: string, scale: number): Promise<Figure[]> {
  const lines = Math.round(10_000_000 * scale)
  const small = await loadAndDump(join(folder, 'small.coppice'), Math.round(lines / 10))
  const large = await loadAndDump(join(folder, 'large.coppice'), lines)
  return (['load', 'dump'] as const).map((way) => {
    const [few, many] = [small[way], large[way]]
    return {
      what: `${way} of ${gigabytes(many.bytes)} of ndjson against ${gigabytes(few.bytes)}: peak anonymous memory`,
      goal: '< 1.25 x',
      measured: `${mib(many.peak)} and ${mib(few.peak)} MiB, ${(many.peak / few.peak).toFixed(2)} x; ${many.seconds.toFixed(0)} s`,
      holds: many.peak < 1.25 * few.peak && many.bytes === large.load.bytes,
    }
  })
}

interface Run {
  bytes: number
  peak: number
  seconds: number
}

async function loadAndDump(path: string, lines: number): Promise<{ load: Run; dump: Run }> {
  const load = await run(['load', path, '--format', 'ndjson'], async (program) => {
    let bytes = 0
    await pipeline(Readable.from(ndjson(lines, (count) => (bytes += count))), program.stdin!)
    return bytes
  })
  const dump = await run(['dump', path, '--format', 'ndjson'], async (program) => {
    let bytes = 0
    for await (const piece of program.stdout as AsyncIterable<Buffer>) bytes += piece.length
    return bytes
  })
  return { load, dump }
}

/** Entries in the order of their keys, in pieces of 64 KiB; `tell` hears of the bytes of each. */
function* ndjson(lines: number, tell: (bytes: number) => void): Generator<Buffer> {
  let piece = ''
  for (let i = 0; i < lines; i++) {
    piece += `{"key":"key ${String(i).padStart(12, '0')}","value":"${VALUE}"}\n`
    if (piece.length < 65_536 && i < lines - 1) continue
    const bytes = Buffer.from(piece)
    tell(bytes.length)
    yield bytes
    piece = ''
  }
}

/** Runs the program and looks at its memory every 50 ms. */
async function run(words: string[], feed: (program: ChildProcess) => Promise<number>): Promise<Run> {
  const started = performance.now()
  const program = spawn(process.execPath, [PROGRAM, ...words], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => program.on('exit', resolve))
  let peak = 0
  const watch = setInterval(() => (peak = Math.max(peak, anonymousMemory(program.pid!))), 50)
  try {
    if (words[0] === 'load') program.stdout.resume()
    const bytes = await feed(program)
    if ((await ended) !== 0) throw new Error(`coppice ${words.join(' ')} failed`)
    return { bytes, peak, seconds: (performance.now() - started) / 1000 }
  } finally {
    clearInterval(watch)
    program.kill()
  }
}

/** Bytes of memory of a process that stand for no file; 0 where the system does not tell, or the process is gone. */
function anonymousMemory(pid: number): number {
  try {
    return Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0)
}
