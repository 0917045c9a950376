/**
 * Users found by email, each email once, and by city, in the order of names. Each index is a tree of its own, and
 * changes in the same transaction as the users, so that the three always agree.
 *
 *   node dist/examples/secondary-index.js           in a temporary folder
 *   node dist/examples/secondary-index.js <path>    the store is kept there
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open, tuple } from 'coppice'
import type { Database, RangeOptions, Transaction, Tuple } from 'coppice'

export interface User {
  id: string
  name: string
  email: string
  city: string
}

/** Another user has this email. */
export class EmailTakenError extends Error {}

/** The three trees, of a database or of a transaction. */
function treesOf(store: Pick<Transaction<string, Uint8Array>, 'tree'>) {
  return {
    users: store.tree<string, User>('users', { valueEncoding: 'json' }),
    // The email alone is the key, so there can be one user only.
    byEmail: store.tree('users by email', { valueEncoding: 'utf8' }),
    // Ends with the id, so there can be any number of users with the city, and with the name as well.
    byCity: store.tree('users by city', { keyEncoding: tuple, valueEncoding: 'utf8' }),
  }
}

type Trees = ReturnType<typeof treesOf>

/** Emails that differ in case only are the same. */
function emailKey(email: string): string {
  return email.toLowerCase()
}

function cityKey({ city, name, id }: User): Tuple {
  return [city, name, id]
}

function removeFromIndexes({ byEmail, byCity }: Trees, user: User): void {
  byEmail.delete(emailKey(user.email))
  byCity.delete(cityKey(user))
}

export class Users {
  private readonly db: Database<string, Uint8Array>

  constructor(db: Database<string, Uint8Array>) {
    this.db = db
  }

  /** Adds users, or changes those whose ids are there: all of them, or none where an email is taken. */
  put(...users: User[]): void {
    this.db.transaction((tx) => users.forEach((user) => this.putInto(treesOf(tx), user)))
  }

  private putInto(trees: Trees, user: User): void {
    const { users, byEmail, byCity } = trees
    const owner = byEmail.get(emailKey(user.email))
    if (owner !== undefined && owner !== user.id) throw new EmailTakenError(`${user.email} is the email of another user.`)
    const old = users.get(user.id)
    if (old !== undefined) removeFromIndexes(trees, old)
    users.put(user.id, user)
    byEmail.put(emailKey(user.email), user.id)
    byCity.put(cityKey(user), user.id)
  }

  /** Deletes a user; answers whether there was one. */
  delete(id: string): boolean {
    return this.db.transaction((tx) => {
      const trees = treesOf(tx)
      const old = trees.users.get(id)
      if (old !== undefined) removeFromIndexes(trees, old)
      return trees.users.delete(id)
    })
  }

  get(id: string): User | undefined {
    return treesOf(this.db).users.get(id)
  }

  withEmail(email: string): User | undefined {
    const id = treesOf(this.db).byEmail.get(emailKey(email))
    return id === undefined ? undefined : this.get(id)
  }

  /** The users of a city in the order of their names. The prefix is the whole first element: 'Rome' does not find 'Romeoville'. */
  inCity(city: string, page: Pick<RangeOptions<Tuple>, 'offset' | 'limit'> = {}): User[] {
    const { users, byCity } = treesOf(this.db)
    return [...byCity.values({ ...page, prefix: [city] })].flatMap((id) => users.get(id) ?? [])
  }

  /** How many users a city has: read off the index, not counted one by one. */
  countInCity(city: string): number {
    return treesOf(this.db).byCity.count({ prefix: [city] })
  }
}

// The demonstration.

function user(id: string, name: string, city: string): User {
  return { id, name, email: `${name.toLowerCase()}@example.org`, city }
}

function say(what: string, text: string): void {
  console.log(`  ${what.padEnd(9)}  ${text}`)
}

/** A path in a folder that goes when the process ends. */
function temporaryPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'coppice-secondary-index-'))
  process.once('exit', () => rmSync(folder, { recursive: true }))
  return join(folder, 'users.coppice')
}

function main(path: string | undefined): void {
  if (path !== undefined && existsSync(path)) throw new Error(`${path} is there already. Name a file that is not.`)
  const db = open(path ?? temporaryPath())
  const users = new Users(db)
  const sayCity = (city: string) => say('', `${city} has ${users.countInCity(city)}: ${users.inCity(city).map(({ name }) => name).join(', ')}`)
  const sayEmail = (email: string) => say('', `${email} is ${users.withEmail(email)?.name ?? 'nobody'}'s`)
  const ada = user('1', 'Ada', 'London')
  const alan = user('5', 'Alan', 'London')
  const otherGrace = user('6', 'Grace', 'London')

  console.log('\nUsers, with an index of their emails and one of their cities\n')
  users.put(ada, user('2', 'Grace', 'New York'), user('3', 'Tommy', 'London'), user('4', 'Mary', 'London'))
  say('added', 'Ada, Grace, Tommy and Mary, in one transaction')
  sayCity('London')
  say('', `the second page of London, two on each: ${users.inCity('London', { offset: 2, limit: 2 })[0].name}`)
  sayEmail('Ada@Example.org')

  users.put({ ...ada, email: 'ada@example.com', city: 'New York' })
  say('updated', 'Ada moves to New York, and has another email')
  sayCity('London')
  sayCity('New York')
  sayEmail(ada.email)

  try {
    users.put(alan, otherGrace)
  } catch (error) {
    if (!(error instanceof EmailTakenError)) throw error
    say('refused', `Alan and another Grace in one transaction: ${error.message}`)
  }
  sayEmail(alan.email)

  users.delete('2')
  say('deleted', 'the first Grace')
  sayCity('New York')
  users.put(alan, otherGrace)
  say('added', 'Alan and the other Grace, as her email is free now')
  sayCity('London')
  say('in step', db.trees().map((name) => `${name}: ${db.tree(name).count()}`).join(', '))
  console.log()
  db.close()
}

try {
  main(process.argv[2])
} catch (error) {
  console.error('secondary-index:', error instanceof Error ? error.message : error)
  process.exitCode = 1
}
