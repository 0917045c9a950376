/** A child to be killed: what it has said, and when it is enough. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** When to kill: after so many lines that begin with this word, '' for any; or so many milliseconds after the start. */
export type Moment = { word: string; count: number } | { ms: number }

export class Victim {
  /** Whole lines that it wrote so far. */
  readonly lines: string[] = []
  private rest = ''
  private errors = ''
  private readonly process: ChildProcess
  private readonly ended: Promise<unknown>

  /** `folder` is what `buildChildren` answers. */
  constructor(folder: string, program: string, ...values: string[]) {
    this.process = spawn(process.execPath, [join(folder, 'properties/processes', `${program}.js`), ...values], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => this.hear(text))
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors += text))
    this.ended = once(this.process, 'close')
  }

  private hear(text: string): void {
    const lines = (this.rest + text).split('\n')
    this.rest = lines.pop() ?? ''
    this.lines.push(...lines)
  }

  private get alive(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null
  }

  count(word: string): number {
    return this.lines.filter((line) => line.startsWith(word)).length
  }

  /** Resolves when what it said is enough, or it has ended. */
  async until(enough: () => boolean): Promise<void> {
    const { stdout } = this.process
    while (stdout !== null && this.alive && !enough()) await Promise.race([once(stdout, 'data'), this.ended])
  }

  async untilMoment(moment: Moment): Promise<void> {
    if ('ms' in moment) await setTimeout(moment.ms)
    else await this.until(() => this.count(moment.word) >= moment.count)
  }

  /** Kills it; it must have lived until then. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended
    const { signalCode, exitCode } = this.process
    if (signalCode === 'SIGKILL' && this.errors === '') return
    throw new Error(`the child ended by itself, with ${signalCode ?? exitCode}, after "${this.lines.slice(-3).join(', ')}": ${this.errors}`)
  }

  /** Ends it, whatever state it is in. */
  async dispose(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended
  }
}
