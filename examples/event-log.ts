/**
 * An event log: each source's events lie side by side in the order of time, so that a day of them is a range, and
 * counting it, passing over it or deleting it takes as long as one lookup or little more.
 *
 *   node dist/examples/event-log.js           in a temporary folder
 *   node dist/examples/event-log.js <path>    the store is kept there
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open, tuple } from 'coppice'
import type { Database, Keyspace, Operation, Transaction, TreeOptions, Tuple } from 'coppice'

export interface LogEvent {
  /** What the event comes from. */
  source: string
  /** Milliseconds since 1970. */
  time: number
  text: string
}

/** The events from one moment up to but not including another; a bound that is left out does not bind. */
export interface Period {
  from?: number
  to?: number
}

// [source, time, run, number] -> event.
const EVENTS: TreeOptions<Tuple, LogEvent> = { keyEncoding: tuple, valueEncoding: 'json' }

/** Reads a log: of a database, or of a snapshot as it was then. */
export class LogReader {
  private readonly events: Keyspace<Tuple, LogEvent>

  constructor(store: Pick<Transaction<string, Uint8Array>, 'tree'>) {
    this.events = store.tree<Tuple, LogEvent>('events', EVENTS)
  }

  /** The number of a source's events. O(log n). */
  count(source: string, { from = -Infinity, to = Infinity }: Period = {}): number {
    return this.events.count({ gte: [source, from], lt: [source, to] })
  }

  /** A page of a source's events, the oldest first. Page 100,000 comes as fast as page 0. */
  page(source: string, number: number, size: number): LogEvent[] {
    return [...this.events.values({ prefix: [source], offset: number * size, limit: size })]
  }

  /** A source's last events, the newest first. */
  newest(source: string, limit: number): LogEvent[] {
    return [...this.events.values({ prefix: [source], reverse: true, limit })]
  }

  /** The event of a source with so many before it. Positions count over the whole tree; `rank` says where the source begins. */
  at(source: string, position: number): LogEvent | undefined {
    const event = this.events.at(this.events.rank([source]) + position)?.[1]
    return event?.source === source ? event : undefined
  }
}

export class EventLog extends LogReader {
  private readonly db: Database<string, Uint8Array>
  /** How many times the log has been opened. Keeps keys apart that have the same time, also when a clock is put back. */
  private readonly run: number
  private next = 0

  constructor(db: Database<string, Uint8Array>) {
    super(db)
    this.db = db
    const state = db.tree<string, number>('event log', { valueEncoding: 'json' })
    this.run = (state.get('runs') ?? 0) + 1
    state.put('runs', this.run)
  }

  /** Resolves when the event is on the disk. Appends that wait together share one commit and one sync. */
  append(event: LogEvent): Promise<void> {
    return this.db.tree<Tuple, LogEvent>('events', EVENTS).putAsync(this.keyOf(event), event)
  }

  /** The same for all of the events or none. */
  appendAll(events: LogEvent[]): Promise<void> {
    const puts = events.map((value): Operation<Tuple, LogEvent> => ({ type: 'put', key: this.keyOf(value), value }))
    return this.db.tree<Tuple, LogEvent>('events', EVENTS).batchAsync(puts)
  }

  /** Deletes a source's events before a moment, and answers how many there were. Most of their pages are not even read. */
  deleteBefore(source: string, time: number): Promise<number> {
    return this.db.transactionAsync((tx) => {
      return tx.tree<Tuple, LogEvent>('events', EVENTS).deleteRange({ gte: [source], lt: [source, time] })
    })
  }

  private keyOf({ source, time }: LogEvent): Tuple {
    return [source, time, this.run, this.next++]
  }
}

// The demonstration.

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const START = Date.UTC(2030, 0, 1)

function number(value: number): string {
  return value.toLocaleString('en-US')
}

function say(what: string, text: string): void {
  console.log(`  ${what.padEnd(9)}  ${text}`)
}

function sayEvents(events: LogEvent[]): void {
  for (const { time, text } of events) say('', `  ${new Date(time).toISOString().slice(0, 16).replace('T', ' ')}  ${text}`)
}

/** A request a minute, and a backup a day. */
function eventsOf(day: number): LogEvent[] {
  const begin = START + day * DAY
  const requests = Array.from({ length: DAY / MINUTE }, (_, i) => ({ source: 'web', time: begin + i * MINUTE, text: `request ${i + 1}` }))
  return [...requests, { source: 'backup', time: begin + 3 * 60 * MINUTE, text: 'done' }]
}

/** A path in a folder that goes when the process ends. */
function temporaryPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-event-log-'))
  process.once('exit', () => rmSync(folder, { recursive: true }))
  return join(folder, 'events.coppice')
}

async function main(path: string | undefined): Promise<void> {
  if (path !== undefined && existsSync(path)) throw new Error(`${path} is there already. Name a file that is not.`)
  const db = open(path ?? temporaryPath())
  const log = new EventLog(db)
  const total = (reader: LogReader) => `web ${number(reader.count('web'))}, backup ${number(reader.count('backup'))}`

  console.log('\nAn event log: a request a minute from "web" and one event a day from "backup"\n')
  for (const day of [0, 1, 2]) await log.appendAll(eventsOf(day))
  say('appended', `three days, each in a batch: ${total(log)}`)
  await Promise.all(['first', 'second', 'third'].map((text) => log.append({ source: 'web', time: START + 3 * DAY, text })))
  say('', `three events at the same time, in one commit: ${total(log)}`)
  say('counted', `web on the second day: ${number(log.count('web', { from: START + DAY, to: START + 2 * DAY }))}`)
  say('read', 'page 500 of web, three events a page:')
  sayEvents(log.page('web', 500, 3))
  say('', 'the newest three of web:')
  sayEvents(log.newest('web', 3))

  const snapshot = db.snapshot()
  say('deleted', `web before the third day: ${number(await log.deleteBefore('web', START + 2 * DAY))}`)
  say('', `left: ${total(log)}`)
  say('', `in a snapshot from before: ${total(new LogReader(snapshot))}`)
  snapshot.rollback()
  say('', `the event at position 1,000 of web is now: ${log.at('web', 1000)?.text}`)
  console.log()
  db.close()
}

try {
  await main(process.argv[2])
} catch (error) {
  console.error('event-log:', error instanceof Error ? error.message : error)
  process.exitCode = 1
}
