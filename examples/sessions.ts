/**
 * Sessions with expiry by hand: a second tree has them in the order in which they end, so that those that have
 * ended lie side by side at its beginning.
 *
 *   node dist/examples/sessions.js           in a temporary folder
 *   node dist/examples/sessions.js <path>    the store is kept there
 */
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open, tuple } from 'coppice'
import type { Database, Transaction } from 'coppice'

interface Stored<Data> {
  data: Data
  /** Milliseconds since 1970; the session is live up to and with this moment. */
  expires: number
}

/** The two trees, of a database or of a transaction. */
function treesOf<Data>(store: Pick<Transaction<string, Uint8Array>, 'tree'>) {
  return {
    sessions: store.tree<string, Stored<Data>>('sessions', { valueEncoding: 'json' }),
    // [when it expires, id] -> id: numbers in a tuple sort by value.
    byExpiry: store.tree('sessions by expiry', { keyEncoding: tuple, valueEncoding: 'utf8' }),
  }
}

/** Sessions with any JSON value, found by an id that nobody can guess, for as long as they are used. */
export class Sessions<Data> {
  private readonly db: Database<string, Uint8Array>
  private readonly lifetime: number
  private readonly now: () => number

  /** `lifetime` in milliseconds: so long after its last use a session ends. */
  constructor(db: Database<string, Uint8Array>, lifetime: number, now: () => number = Date.now) {
    this.db = db
    this.lifetime = lifetime
    this.now = now
  }

  /** Begins a session and answers its id. */
  create(data: Data): string {
    const id = randomUUID()
    const expires = this.now() + this.lifetime
    this.db.transaction((tx) => {
      const { sessions, byExpiry } = treesOf<Data>(tx)
      sessions.put(id, { data, expires })
      byExpiry.put([expires, id], id)
    })
    return id
  }

  /** What a session holds; undefined where it has ended, swept or not. */
  get(id: string): Data | undefined {
    const session = treesOf<Data>(this.db).sessions.get(id)
    return session !== undefined && session.expires >= this.now() ? session.data : undefined
  }

  /** Renews a session; answers whether it was live. */
  touch(id: string): boolean {
    const expires = this.now() + this.lifetime
    return this.db.transaction((tx) => {
      const { sessions, byExpiry } = treesOf<Data>(tx)
      const session = sessions.get(id)
      if (session === undefined || session.expires < this.now()) return false
      byExpiry.delete([session.expires, id])
      byExpiry.put([expires, id], id)
      sessions.put(id, { ...session, expires })
      return true
    })
  }

  /** Ends a session before its time; answers whether there was one. */
  end(id: string): boolean {
    return this.db.transaction((tx) => {
      const { sessions, byExpiry } = treesOf<Data>(tx)
      const session = sessions.get(id)
      if (session !== undefined) byExpiry.delete([session.expires, id])
      return sessions.delete(id)
    })
  }

  /** Deletes the sessions that have ended, and answers how many. Call it now and then, for the room they take. */
  sweep(): number {
    return this.db.transaction((tx) => {
      const { sessions, byExpiry } = treesOf<Data>(tx)
      const ended = { lt: [this.now()] }
      for (const id of byExpiry.values(ended)) sessions.delete(id)
      return byExpiry.deleteRange(ended)
    })
  }

  /** How many sessions are live, and how many are stored. Two numbers read off the trees, not counted one by one. */
  counts(): { live: number; stored: number } {
    const { sessions, byExpiry } = treesOf<Data>(this.db)
    return { live: byExpiry.count({ gte: [this.now()] }), stored: sessions.count() }
  }
}

// The demonstration.

/** A path in a folder that goes when the process ends. */
function temporaryPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-sessions-'))
  process.once('exit', () => rmSync(folder, { recursive: true }))
  return join(folder, 'sessions.coppice')
}

function main(path: string | undefined): void {
  if (path !== undefined && existsSync(path)) throw new Error(`${path} is there already. Name a file that is not.`)
  // A request does not wait for the disk here: when the power goes, the renewals of the last moments go with it.
  const db = open(path ?? temporaryPath(), { durability: 'lazy' })
  let clock = 0
  const at = (time: string) => void (clock = Date.parse(`2030-01-01T${time}Z`))
  const sessions = new Sessions<{ user: string }>(db, 30 * 60_000, () => clock)
  const answer = (id: string) => (sessions.touch(id) ? `hello, ${sessions.get(id)?.user}` : 'please sign in')
  const say = (what: string) => {
    const { live, stored } = sessions.counts()
    console.log(`  ${new Date(clock).toISOString().slice(11, 16)}  ${what.padEnd(46)}  ${live} live, ${stored} stored`)
  }

  console.log('\nSessions that end half an hour after their last use (the clock is made up)\n')
  at('10:00')
  const [ada, grace, radia] = ['Ada', 'Grace', 'Radia'].map((user) => sessions.create({ user }))
  say('Ada, Grace and Radia sign in')
  at('10:20')
  say(`a request with Ada's id: ${answer(ada)}`)
  sessions.end(radia)
  say('Radia signs out')
  at('10:40')
  say(`a request with Grace's id: ${answer(grace)}`)
  say(`swept away: ${sessions.sweep()}`)
  at('10:51')
  say("Ada's session has ended, too")
  say(`swept away: ${sessions.sweep()}`)
  console.log()
  db.close()
}

try {
  main(process.argv[2])
} catch (error) {
  console.error('sessions:', error instanceof Error ? error.message : error)
  process.exitCode = 1
}
