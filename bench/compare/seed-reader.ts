import { seedA, seedStore } from './seed-data.js'

/** Opens a store that is there and reads every record of workload (a) in random order: seconds, from before the opening. */
const [kind, path, records] = process.argv.slice(2)
const { lookups } = seedA(Number(records))
const started = performance.now()
const store = seedStore(kind, path, Number(records))
const { checksum } = store.get(lookups)
console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000, checksum }))
await store.close()
