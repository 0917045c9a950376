import benny from 'benny'
import { open } from '../src/index.js'
import { Random } from './random.js'

const ENTRIES = 100_000

/** Micro suites, for finding gains: each case is one operation on 100,000 entries of 16 -> 128 bytes in memory. */
export async function micro(): Promise<void> {
  const db = open(':memory:', { keyEncoding: 'binary' })
  const random = new Random(9)
  const keys = Array.from({ length: ENTRIES }, () => random.fill(new Uint8Array(16)))
  const value = new Uint8Array(128)
  db.transaction((tx) => keys.forEach((key) => tx.put(key, value)))
  const any = () => keys[random.below(ENTRIES)]
  await benny.suite(
    'reads',
    benny.add('get', () => void db.get(any())),
    benny.add('view', () => void db.view(any(), (bytes) => bytes.length)),
    benny.add('has', () => void db.has(any())),
    benny.add('count of a range', () => void db.count({ gte: any() })),
    benny.add('at', () => void db.at(random.below(ENTRIES))),
    benny.add('10 entries from a key', () => {
      for (const entry of db.entries({ gte: any(), limit: 10 })) void entry
    }),
    benny.cycle(),
    benny.complete(),
  )
  const tx = db.begin()
  await benny.suite(
    'writes in a transaction',
    benny.add('put over', () => tx.put(any(), value)),
    benny.add('put new, in random order', () => tx.put(random.fill(new Uint8Array(16)), value)),
    benny.cycle(),
    benny.complete(),
  )
  tx.rollback()
  await benny.suite('commits', benny.add('put, committed', () => db.put(any(), value)), benny.cycle(), benny.complete())
  db.close()
}
