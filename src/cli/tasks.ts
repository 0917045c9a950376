/** Work in another thread, as the program asks for it and gets it back. */
import { Worker } from 'node:worker_threads'
import type { CheckReport, ErrorCode } from '../index.js'
import { CoppiceError } from '../index.js'

/** Damage that `check` found. */
export interface Damage {
  message: string
  page: number | null
  tree: number | null
}

/** What `check` found, its faults as plain objects. */
export type Checked = Omit<CheckReport, 'errors'> & { errors: Damage[] }

/** Bytes of the file before and after. */
export interface Compacted {
  before: number
  after: number
}

/** Bytes of the copy. */
export interface Copied {
  bytes: number
}

/** `compact` without a target is in place; `path` has no symbolic links then. */
export type Task = { kind: 'check'; path: string; counts: Uint32Array } | { kind: 'compact'; path: string; target: string | undefined } | { kind: 'backup'; path: string; target: string }

/** What becomes of a task. */
export type Outcome = Checked | Compacted | Copied

/** What the other thread says: an error of the engine loses its class on the way. */
export type Answer =
  | { outcome: Outcome }
  | { refused: { code: ErrorCode; message: string; page: number | undefined; tree: number | undefined } }
  | { failed: unknown }

/** A task that has been started. */
export interface Running<T> {
  readonly outcome: Promise<T>
  /** Ends the thread where it stands. */
  stop(): Promise<void>
}

/** Starts a thread for the task. */
export function start(task: Extract<Task, { kind: 'check' }>): Running<Checked>
export function start(task: Extract<Task, { kind: 'compact' }>): Running<Compacted>
export function start(task: Extract<Task, { kind: 'backup' }>): Running<Copied>
export function start(task: Task): Running<Outcome> {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: task })
  const outcome = new Promise<Outcome>((resolve, reject) => {
    worker.on('message', (answer: Answer) => settle(answer, resolve, reject))
    worker.on('error', reject)
  })
  // Where the thread is stopped nobody waits for its answer.
  outcome.catch(() => undefined)
  return { outcome, stop: async () => void (await worker.terminate()) }
}

function settle(answer: Answer, resolve: (outcome: Outcome) => void, reject: (error: unknown) => void): void {
  if ('outcome' in answer) resolve(answer.outcome)
  else if ('failed' in answer) reject(answer.failed)
  else reject(new CoppiceError(answer.refused.code, answer.refused.message, answer.refused))
}
