/** What a project in TypeScript does with the installed package: every entry point, with types that follow from the options. */
import { CoppiceError, open, tuple } from 'coppice'
import type { AutoKeyspace, Cursor, Database, FileOptions, Mapper, Stats, Transaction } from 'coppice'
import { CoppiceLevel } from 'coppice/level'
import { mmapIo } from 'coppice/mmap-io'

interface User {
  name: string
  age: number
}

const users: Database<string, User> = open<string, User>('users.coppice', { valueEncoding: 'json' })
const count: number = users.transaction((tx: Transaction<string, User>) => {
  tx.put('user:ada', { name: 'Ada', age: 36 })
  tx.put('user:grace', { name: 'Grace', age: 85 })
  return tx.count({ prefix: 'user:' })
})
const names: string[] = []
for (const [key, { name }] of users.prefix('user:')) names.push(`${key} ${name}`)
console.log(count, names.join(', '))

{
  using snapshot = users.snapshot()
  await users.putAsync('user:radia', { name: 'Radia', age: 70 })
  const { trees }: Stats = users.stats()
  console.log(snapshot.count(), users.count(), users.check().ok, trees.length)
}

const towns: AutoKeyspace<string, string> = users.tree('towns', { valueEncoding: 'utf8' })
towns.batch([{ type: 'put', key: 'ada', value: 'London' }, { type: 'delete', key: 'grace' }])
const cursor: Cursor<string, string> = towns.cursor()
if (cursor.seek('a')) console.log(cursor.key, cursor.value)
cursor.close()

try {
  // @ts-expect-error The keys of this store are strings.
  users.get(1)
} catch (error) {
  if (error instanceof CoppiceError) console.log(error.code)
}
users.close()

const options: FileOptions = { mapper: false, durability: 'async' }
const bytes: Database<string, Uint8Array> = open('bytes.coppice', options)
bytes.put('a', Uint8Array.of(1))
const visits = open(':memory:', {
  keyEncoding: tuple,
  valueEncoding: { encode: (date: Date) => Buffer.from(date.toISOString()), decode: (stored) => new Date(String(stored)) },
})
visits.put(['ada', 10], new Date(0))
const visit: Date | undefined = visits.get(['ada', 10])
console.log(bytes.get('a')?.length, visit?.getTime())
bytes.close()

const level = new CoppiceLevel<string, User>('level.coppice', { valueEncoding: 'json', durability: 'lazy' })
await level.put('ada', { name: 'Ada', age: 36 }, { sync: true })
const ada: User | undefined = await level.get('ada')
console.log(ada?.age, await level.sublevel('towns').keys().all())
await level.close()

const mapper: (...modules: Parameters<typeof mmapIo>) => Mapper = mmapIo
console.log(mapper.name)
