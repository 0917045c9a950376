/** A bug of coppice's own, never the user's doing and never the disk's. */
export class AssertionError extends Error {
  constructor(what: string) {
    super(`coppice broke a rule of its own: ${what}. This is a bug; please report it.`)
    this.name = 'AssertionError'
  }
}

export function assert(holds: boolean, what: string): asserts holds {
  if (!holds) throw new AssertionError(what)
}
