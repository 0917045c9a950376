import type { ChildProcess } from 'node:child_process'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import type { Interface } from 'node:readline'
import { createInterface } from 'node:readline'
import type { Batch, Durability, Peer, Sample } from './peer.js'
import { COMPARE, ROOT } from './require.js'

const PROGRAM = `${ROOT}dist/bench/compare/lmdb`

/** Compiles the C program; answers why it cannot be, or undefined where it could. */
export function compileC(): string | undefined {
  const source = `${COMPARE}lmdb.c`
  if (existsSync(PROGRAM) && statSync(PROGRAM).mtimeMs > statSync(source).mtimeMs) return undefined
  const result = spawnSync('cc', ['-O2', '-o', PROGRAM, source, '-llmdb'], { encoding: 'utf8' })
  if (result.error !== undefined) return 'there is no C compiler (cc)'
  if (result.status === 0) return undefined
  return /lmdb\.h/.test(result.stderr) ? 'lmdb.h is missing (on Debian: apt install liblmdb-dev)' : `lmdb.c does not compile: ${result.stderr.trim()}`
}

/** LMDB called from C, in a process of its own that answers one command a line. */
export class LmdbC implements Peer {
  readonly name = 'LMDB from C'
  readonly settings: string
  private readonly child: ChildProcess
  private readonly lines: Interface
  private readonly durability: Durability
  private waiting: ((line: string) => void) | undefined
  private failed: Error | undefined
  private fail: (error: Error) => void = () => undefined

  /** `folder` has what `saveForC` wrote. */
  constructor(path: string, folder: string, valueSize: number, durability: Durability = 'sync', mapMebibytes = 2048) {
    this.durability = durability
    this.settings = `cc -O2, MDB_NOSUBDIR, MDB_NOMEMINIT, MDB_NOTLS${durability === 'lazy' ? ', MDB_NOSYNC' : ''}, map size ${mapMebibytes} MiB, one read transaction a round`
    this.child = spawn(PROGRAM, [path, folder, String(mapMebibytes), String(valueSize)], { stdio: ['pipe', 'pipe', 'inherit'] })
    if (this.child.stdout === null) throw new Error('the C program has no output')
    this.lines = createInterface({ input: this.child.stdout })
    this.lines.on('line', (line) => this.waiting?.(line))
    this.child.on('exit', (code) => {
      this.failed = new Error(`the C program ended (${String(code)})`)
      this.fail(this.failed)
    })
  }

  private async command(text: string): Promise<{ seconds: number; checksum: number }> {
    if (this.failed !== undefined) throw this.failed
    const answer = new Promise<string>((resolve, reject) => {
      this.waiting = resolve
      this.fail = reject
    })
    this.child.stdin?.write(`${text}\n`)
    const [nanoseconds, checksum] = (await answer).split(' ').map(Number)
    return { seconds: nanoseconds / 1e9, checksum }
  }

  private async sample(operations: number, text: string): Promise<Sample> {
    return { operations, ...(await this.command(text)) }
  }

  async fresh(): Promise<void> {
    await this.command(`fresh ${this.durability === 'lazy' ? 'nosync' : 'sync'}`)
  }

  load({ name, keys }: Batch): Promise<Sample> {
    return this.sample(keys.length, `load ${name} put`)
  }

  append({ name, keys }: Batch): Promise<Sample> {
    return this.sample(keys.length, `load ${name} append`)
  }

  get({ name, keys }: Batch): Promise<Sample> {
    return this.sample(keys.length, `get ${name} copy`)
  }

  view({ name, keys }: Batch): Promise<Sample> {
    return this.sample(keys.length, `get ${name} view`)
  }

  scan(entries: number, how: 'copy' | 'view'): Promise<Sample> {
    return this.sample(entries, `scan ${how}`)
  }

  commits({ name }: Batch, from: number, count: number, puts: number): Promise<Sample> {
    return this.sample(count, `commits ${name} ${from} ${count} ${puts}`)
  }

  /** The limit of every copied read: as many copies of a value's bytes from anywhere in 64 MiB. */
  memoryCopy({ name, keys }: Batch): Promise<Sample> {
    return this.sample(keys.length, `memcpy ${name}`)
  }

  async close(): Promise<void> {
    if (this.failed !== undefined) return
    const ended = new Promise((resolve) => this.child.once('close', resolve))
    this.fail = () => undefined
    this.child.stdin?.end()
    await ended
    this.lines.close()
  }
}
