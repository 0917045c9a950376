import { open } from '../src/index.js'

/** Commits a hundred times, writes more than the pool in one transaction, says so, and waits to be killed. */
const db = open(process.argv[2], { keyEncoding: 'binary', poolSize: 2 * 2 ** 20 })
const key = new Uint8Array(8)
const view = new DataView(key.buffer)
for (let i = 0; i < 100; i++) {
  view.setUint32(0, i + 1)
  db.put(key, new Uint8Array(100))
}
const tx = db.begin()
for (let i = 0; i < 10_000; i++) {
  view.setUint32(0, i + 1_000)
  tx.put(key, new Uint8Array(1000))
}
process.stdout.write('ready\n')
setInterval(() => undefined, 1000)
