/**
 * A durable queue: jobs outlive the process, and each is done at least once. A worker claims a job for a time. A job
 * that fails, or whose worker hangs or dies, waits again; after three attempts it is put aside as a dead letter.
 *
 *   node dist/examples/queue.js                a process dies at work and another goes on, in a temporary folder
 *   node dist/examples/queue.js <path>         the same, and the store is kept there
 *   node dist/examples/queue.js <path> crash   the process that dies, alone
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { open, tuple } from 'coppice'
import type { Database, Transaction, TreeOptions, Tuple } from 'coppice'

export interface Job<Payload> {
  id: number
  /** What is to be done: any JSON value. */
  payload: Payload
  /** How many times it has been claimed. */
  attempts: number
  /** From when on it may be claimed, or when its claim ends; milliseconds since 1970. */
  due: number
  /** What went wrong the last time. */
  error?: string
}

/** The trees of a database or of a transaction. A job is in one of the last three, with the key [due, id]. */
function treesOf<Payload>(store: Pick<Transaction<string, Uint8Array>, 'tree'>) {
  const encodings: TreeOptions<Tuple, Job<Payload>> = { keyEncoding: tuple, valueEncoding: 'json' }
  return {
    state: store.tree<string, number>('queue', { valueEncoding: 'json' }),
    waiting: store.tree<Tuple, Job<Payload>>('jobs waiting', encodings),
    claimed: store.tree<Tuple, Job<Payload>>('jobs claimed', encodings),
    dead: store.tree<Tuple, Job<Payload>>('dead letters', encodings),
  }
}

type Trees<Payload> = ReturnType<typeof treesOf<Payload>>

function keyOf({ due, id }: Job<unknown>): Tuple {
  return [due, id]
}

export class Queue<Payload> {
  private readonly db: Database<string, Uint8Array>
  private readonly options: { claimTime: number; retryDelay: number; attempts: number; now: () => number }

  /** `claimTime`: milliseconds that a worker has for a job. `retryDelay`: until the second attempt; twice as long until the third, and so on. */
  constructor(db: Database<string, Uint8Array>, { claimTime = 60_000, retryDelay = 1000, attempts = 3, now = Date.now } = {}) {
    this.db = db
    this.options = { claimTime, retryDelay, attempts, now }
  }

  /**
   * Lets all claimed jobs wait again, and answers how many. Call it once, before any worker begins: one process at a
   * time has a store open for writing, so whoever claimed a job before is dead.
   */
  recover(): Promise<number> {
    return this.change((trees) => this.releaseUntil(Infinity, trees, 'its process died'))
  }

  /** Adds a job, to be done from a moment on; resolves with its id when it is on the disk. */
  add(payload: Payload, due = this.options.now()): Promise<number> {
    return this.change(({ state, waiting }) => {
      const job = { id: (state.get('last id') ?? 0) + 1, payload, attempts: 0, due }
      state.put('last id', job.id)
      waiting.put(keyOf(job), job)
      return job.id
    })
  }

  /** The job that has been due for longest, for the caller alone until the claim ends; undefined where none is due. */
  claim(): Promise<Job<Payload> | undefined> {
    return this.change((trees) => {
      const now = this.options.now()
      this.releaseUntil(now, trees, 'its claim ended')
      const [key, first] = trees.waiting.at(0) ?? []
      if (key === undefined || first === undefined || first.due > now) return undefined
      const job = { ...first, attempts: first.attempts + 1, due: now + this.options.claimTime }
      trees.waiting.delete(key)
      trees.claimed.put(keyOf(job), job)
      return job
    })
  }

  /** The job is done. Answers false where the claim had ended before, so that somebody else may do the job once more. */
  acknowledge(job: Job<Payload>): Promise<boolean> {
    return this.change(({ claimed }) => claimed.delete(keyOf(job)))
  }

  /** The job is to be tried again later; answers false as `acknowledge` does. */
  fail(job: Job<Payload>, error: string): Promise<boolean> {
    const delay = this.options.retryDelay * 2 ** (job.attempts - 1)
    return this.change((trees) => this.release(job, trees, error, this.options.now() + delay))
  }

  counts(): { waiting: number; claimed: number; dead: number } {
    const { waiting, claimed, dead } = treesOf<Payload>(this.db)
    return { waiting: waiting.count(), claimed: claimed.count(), dead: dead.count() }
  }

  /** The jobs that failed too often. */
  deadLetters(): Job<Payload>[] {
    return [...treesOf<Payload>(this.db).dead.values()]
  }

  /** Each change is a transaction, and they take turns; the promise resolves when it is on the disk. */
  private change<T>(work: (trees: Trees<Payload>) => T): Promise<T> {
    return this.db.transactionAsync((tx) => work(treesOf<Payload>(tx)))
  }

  private releaseUntil(end: number, trees: Trees<Payload>, error: string): number {
    const jobs = [...trees.claimed.values({ lt: [end] })]
    for (const job of jobs) this.release(job, trees, error, this.options.now())
    return jobs.length
  }

  private release(job: Job<Payload>, trees: Trees<Payload>, error: string, due: number): boolean {
    if (!trees.claimed.delete(keyOf(job))) return false
    const released = { ...job, error, due }
    const tree = job.attempts < this.options.attempts ? trees.waiting : trees.dead
    tree.put(keyOf(released), released)
    return true
  }
}

/** Milliseconds after which a worker without a job looks again. */
const IDLE = 20

/** A worker: does one job after the other until the signal aborts. Start as many as are to work side by side. */
export async function work<Payload>(queue: Queue<Payload>, handle: (job: Job<Payload>) => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const job = await queue.claim()
    if (job === undefined) {
      await setTimeout(IDLE)
      continue
    }
    try {
      await handle(job)
    } catch (error) {
      await queue.fail(job, String(error))
      continue
    }
    await queue.acknowledge(job)
  }
}

// The demonstration: a process that is killed, and one that goes on.

interface Letter {
  to: string
  /** How many attempts fail. */
  failures: number
}

function say(what: string, queue: Queue<Letter>): void {
  const { waiting, claimed, dead } = queue.counts()
  console.log(`  ${what.padEnd(52)}  ${waiting} waiting, ${claimed} claimed, ${dead} dead`)
}

async function crash(db: Database<string, Uint8Array>): Promise<void> {
  const queue = new Queue<Letter>(db)
  for (const to of ['Ada', 'Grace', 'Radia', 'Barbara']) await queue.add({ to, failures: to === 'Barbara' ? 1 : 0 })
  await queue.add({ to: 'Nobody', failures: 3 })
  say('five letters are to be sent', queue)
  const jobs = [await queue.claim(), await queue.claim()]
  say(`${jobs.map((job) => job?.payload.to).join(' and ')} are claimed, and the process is killed`, queue)
  process.kill(process.pid, 'SIGKILL')
}

async function goOn(db: Database<string, Uint8Array>): Promise<void> {
  let ahead = 0
  const queue = new Queue<Letter>(db, { retryDelay: 10, now: () => Date.now() + ahead })
  say(`another process takes back the claims: ${await queue.recover()}`, queue)
  const hung = await queue.claim()
  say(`a worker claims ${hung?.payload.to ?? 'nothing'}, and hangs`, queue)
  ahead = 2 * 60_000
  console.log('  two minutes later, by a clock put forward, three workers send')

  const sent: string[] = []
  const tell = ({ payload, attempts, error = 'none' }: Job<Letter>) => `${payload.to.padEnd(7)}  attempts: ${attempts}, last failure: ${error}`
  const send = async (job: Job<Letter>) => {
    await setTimeout(5)
    if (job.attempts <= job.payload.failures) throw new Error('no answer')
    sent.push(tell(job))
  }
  const stop = new AbortController()
  const workers = [1, 2, 3].map(() => work(queue, send, stop.signal))
  while (queue.counts().waiting + queue.counts().claimed > 0) await setTimeout(10)
  stop.abort()
  await Promise.all(workers)

  for (const letter of sent.sort()) console.log(`    sent         ${letter}`)
  for (const job of queue.deadLetters()) console.log(`    dead letter  ${tell(job)}`)
  const inTime = hung !== undefined && (await queue.acknowledge(hung))
  say(`the worker that hung acknowledges: ${inTime ? 'in time' : 'refused'}`, queue)
}

/** A path in a folder that goes when the process ends. */
function temporaryPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-queue-'))
  process.once('exit', () => rmSync(folder, { recursive: true }))
  return join(folder, 'queue.coppice')
}

async function main(path: string = temporaryPath(), step?: string): Promise<void> {
  if (step === 'crash') return crash(open(path))
  if (step !== undefined) throw new Error(`"${step}" is not known. Leave it out, or write "crash".`)
  console.log('\nA queue of letters that outlives its process\n')
  const { signal } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), path, 'crash'], { stdio: 'inherit' })
  if (signal !== 'SIGKILL') throw new Error('the process that was to be killed has failed before.')
  const db = open(path)
  await goOn(db)
  db.close()
  console.log()
}

try {
  await main(process.argv[2], process.argv[3])
} catch (error) {
  console.error('queue:', error instanceof Error ? error.message : error)
  process.exitCode = 1
}
