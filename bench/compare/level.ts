/** `coppice/level` beside classic-level, for programs that are written for Level. */
import type { LevelEntries, LevelPair, LevelStore } from './level-store.js'
import { LEVEL_SETTINGS, levelPair } from './level-store.js'
import type { Awaitable, Batch, Key, Sample } from './peer.js'
import { consume } from './peer.js'
import { goal, race } from './race.js'
import type { Context, Result } from './section.js'
import { addGoals, entriesAt } from './section.js'
import { bytesWorkload, stringsWorkload } from './workload.js'

const GROUP = 100
const RANGE = 10
const LOOPS = 64
/** Of the values, as Base64: a string of 128 bytes. */
const TEXT_BYTES = 96

/** The two stores, and what the races are told. */
interface Match<T extends Key> {
  stores: LevelPair<T>
  /** Every entry, in random order. */
  random: LevelEntries<T>
  /** The same keys in another random order, with new values. */
  lookups: LevelEntries<T>
  /** The least and the greatest key. */
  bounds: readonly [first: T, last: T]
  compare(work: string, unit: string, run: (store: LevelStore<T>, round: number) => Awaitable<Sample>): Promise<void>
}

export async function level(context: Context, result: Result): Promise<void> {
  Object.assign(result.settings, LEVEL_SETTINGS)
  await withBuffers(context, result)
  await withStrings(context, result)
}

async function withBuffers(context: Context, result: Result): Promise<void> {
  const { random, lookups, ascending } = bytesWorkload(entriesAt(context.scale))
  const stores = levelPair<Buffer>(context.folder, 'buffer', consume)
  const match: Match<Buffer> = { stores, random, lookups, bounds: boundsOf(ascending), compare: compareIn(context, result, stores) }
  await load(match)
  await reads(match, '')
  await durableWrites(match, context)
  for (const store of stores) await store.open('lazy')
  await lazyWrites(match, context)
  for (const store of stores) await store.close()
}

async function withStrings(context: Context, result: Result): Promise<void> {
  const { pool, random, lookups, ascending } = stringsWorkload(entriesAt(context.scale))
  const texts = new Map(pool.map((value) => [value, value.toString('base64', 0, TEXT_BYTES)]))
  const asText = ({ keys, values }: Batch<string>): LevelEntries<string> => ({ keys, values: values.map((value) => texts.get(value) ?? '') })
  const stores = levelPair<string>(context.folder, 'utf8', textEnds)
  const match: Match<string> = { stores, random: asText(random), lookups: asText(lookups), bounds: boundsOf(ascending), compare: compareIn(context, result, stores) }
  await load(match)
  await reads(match, ', utf8')
  for (const store of stores) await store.close()
}

/** What `consume` answers of bytes. */
function textEnds(value: string): number {
  return value.charCodeAt(0) + value.charCodeAt(value.length - 1)
}

function boundsOf<T extends Key>({ keys }: { keys: readonly T[] }): Match<T>['bounds'] {
  return [keys[0], keys[keys.length - 1]]
}

function compareIn<T extends Key>({ rounds }: Context, result: Result, stores: LevelPair<T>): Match<T>['compare'] {
  const [mine, theirs] = stores
  return async (work, unit, run) => {
    const title = `Level: ${work}`
    const ran = await race(title, unit, stores.map((store) => ({ name: store.name, run: (round: number) => run(store, round) })), rounds)
    result.races.push(ran)
    addGoals(result, goal(ran, title, mine.name, theirs.name))
  }
}

async function load<T extends Key>({ stores, random, lookups, bounds }: Match<T>): Promise<void> {
  for (const store of stores) await store.load(random, ...bounds)
  assertEqual(stores, lookups)
}

async function reads<T extends Key>({ lookups, random, compare }: Match<T>, encoding: string): Promise<void> {
  const entries = random.keys.length
  const gets = lookups.keys.slice(0, entries / 5)
  const starts = lookups.keys.slice(0, entries / 10)
  await compare(`await get${encoding}`, 'gets/s', (store) => store.get(gets))
  await compare(`getSync${encoding}`, 'gets/s', (store) => store.getSync(gets))
  await compare(`await getMany of ${GROUP}${encoding}`, 'gets/s', (store) => store.getMany(gets, GROUP))
  await compare(`for await over all entries${encoding}`, 'entries/s', (store) => store.iterate(entries))
  await compare(`nextv(1000) over all entries${encoding}`, 'entries/s', (store) => store.nextv(entries, 1000))
  await compare(`all() entries${encoding}`, 'entries/s', (store) => store.all(entries))
  await compare(`ranges of ${RANGE}, gte and all()${encoding}`, 'ranges/s', (store) => store.ranges(starts, RANGE))
}

async function durableWrites<T extends Key>({ stores, lookups, compare }: Match<T>, { scale }: Context): Promise<void> {
  const share = Math.min(1, scale * 4)
  const count = Math.max(50, Math.round(400 * share))
  const concurrent = LOOPS * Math.max(20, Math.round(100 * share))
  await compare('await put, durable', 'puts/s', (store, round) => store.puts(lookups, round * count, count, 1))
  await compare(`${LOOPS} loops of await put, durable`, 'puts/s', (store, round) => store.puts(lookups, round * concurrent, concurrent, LOOPS))
  await compare(`await batch of ${GROUP}, durable`, 'batches/s', (store, round) => store.batches(lookups, round * count * GROUP, count, GROUP))
  assertEqual(stores, lookups)
}

/** coppice's lazy commits are synced every 50 ms while they go on, classic-level's never. */
async function lazyWrites<T extends Key>({ stores, lookups, compare }: Match<T>, { scale }: Context): Promise<void> {
  const puts = Math.max(1_000, Math.round(50_000 * scale))
  const batches = Math.max(50, Math.round(2_000 * scale))
  const settled = async (store: LevelStore<T>, sample: Promise<Sample>): Promise<Sample> => {
    const taken = await sample
    await store.settle(lookups)
    return taken
  }
  await compare('await put, without sync', 'puts/s', (store, round) => settled(store, store.puts(lookups, round * puts, puts, 1)))
  await compare(`await batch of ${GROUP}, without sync`, 'batches/s', (store, round) => settled(store, store.batches(lookups, round * batches * GROUP, batches, GROUP)))
  assertEqual(stores, lookups)
}

/** Compares what the stores read back, by checksums over all values. */
function assertEqual<T extends Key>([mine, theirs]: LevelPair<T>, { keys }: LevelEntries<T>): void {
  if (mine.getSync(keys).checksum !== theirs.getSync(keys).checksum) throw new Error(`${mine.name} holds something else than ${theirs.name}`)
}
