/**
 * Runs cases in a process of their own and watches it: one that dies, that gives no answer or that takes too much
 * memory has failed the case it has begun, and the cases after that go on in a new one.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { mutationsOf } from './cases.js'

/** Without a word for so long a case hangs: it takes some milliseconds, and a busy machine many times that. */
const SILENCE = 60_000
/** MiB that a process may have at its peak. It begins with about 130, and no file has more than 6. */
const MEMORY = 420
/** Failures after which the rest is not tried any more: each is run again and again to be shrunk. */
const FAILURES = 5
/** Cases that a process runs; then a new one does. */
const CASES = 25_000

export interface Failure {
  number: number
  why: string
  story: string[]
}

export interface Result {
  counts: Record<string, number>
  failures: Failure[]
  /** MiB at the peak, of all processes. */
  peak: number
}

/** What a child says, each a line of JSON. */
interface Message {
  begin?: number
  failed?: number
  story?: string[]
  why?: string
  peak?: number
  counts?: Record<string, number>
}

export class Runner {
  private readonly build: string
  private readonly seed: number
  readonly result: Result = { counts: {}, failures: [], peak: 0 }

  /** `build` is the folder with the translated source. */
  constructor(build: string, seed: number) {
    this.build = build
    this.seed = seed
  }

  /** Runs the cases from `from` up to `to`; each failure is shrunk. */
  async run(from: number, to: number): Promise<Result> {
    for (let next = from; next < to && this.result.failures.length < FAILURES; ) {
      const { failures, reached } = await this.process(next, Math.min(to, next + CASES), [])
      next = reached
      for (const failure of failures) this.result.failures.push(await this.shrink(failure))
    }
    return this.result
  }

  /** Leaves out one mutation after the other for as long as the case fails without it. */
  private async shrink(failure: Failure): Promise<Failure> {
    const left: number[] = []
    let smallest = failure
    for (let i = 0; i < mutationsOf(this.seed, failure.number) && left.length < 3; i++) {
      const [found] = (await this.process(failure.number, failure.number + 1, [...left, i])).failures
      if (found === undefined) continue
      left.push(i)
      smallest = found
    }
    return smallest
  }

  /** Runs cases in one process, up to the first failure that ends it; answers the case to go on with. */
  private async process(from: number, to: number, left: readonly number[]): Promise<{ failures: Failure[]; reached: number }> {
    const folder = fs.mkdtempSync(join(os.tmpdir(), 'coppice-damage-'))
    const values = [folder, this.seed, from, to, left.join()].map(String)
    const child = spawn(process.execPath, ['--expose-gc', join(this.build, 'properties/damage/child.js'), ...values], { stdio: ['ignore', 'pipe', 'pipe'] })
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4000)))
    const failures: Failure[] = []
    const fail = (number: number, why: string, story: string[] = []): void => void failures.push({ number, why, story })
    let current = from - 1
    let ended: string | undefined
    const kill = (why: string): void => {
      ended ??= why
      child.kill('SIGKILL')
    }
    let watchdog = setTimeout(kill, SILENCE, 'hangs')
    try {
      const closed = once(child, 'close')
      for await (const line of createInterface(child.stdout)) {
        clearTimeout(watchdog)
        watchdog = setTimeout(kill, SILENCE, `gives no answer for ${SILENCE / 1000} s`)
        const message = JSON.parse(line) as Message
        current = message.begin ?? current
        if (message.failed !== undefined) fail(message.failed, message.why ?? '', message.story)
        if (failures.length >= FAILURES) kill('fails too often')
        if (message.peak !== undefined && this.tooLarge(message.peak)) kill(`or one of the 63 before it takes ${Math.round(message.peak)} MiB`)
        for (const [name, count] of Object.entries(message.counts ?? {})) this.result.counts[name] = (this.result.counts[name] ?? 0) + count
      }
      const [code, signal] = (await closed) as [number | null, string | null]
      const whole = ended === undefined && code === 0
      if (!whole && failures.length < FAILURES) fail(current, ended ?? `ends the process with ${signal ?? `code ${code}`}\n${errors}`)
      return { failures, reached: whole ? to : current + 1 }
    } finally {
      clearTimeout(watchdog)
      child.kill('SIGKILL')
      fs.rmSync(folder, { recursive: true, force: true })
    }
  }

  private tooLarge(peak: number): boolean {
    this.result.peak = Math.max(this.result.peak, peak)
    return peak > MEMORY
  }
}

/** A failure for people: what was damaged, what happened, and how to have that case alone again. */
export function describeFailure({ number, why, story }: Failure, seed: number): string {
  const again = `COPPICE_SEED=${seed} COPPICE_CASE=${number} npx vitest run properties/damage.test.ts`
  return `case ${number} of seed ${seed}: ${why}\n${story.map((line) => `  - ${line}`).join('\n')}\n  again: ${again}`
}
