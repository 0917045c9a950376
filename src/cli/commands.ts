/** The commands, in the order of the help. */
import type { Command } from './command.js'
import { backup } from './commands/backup.js'
import { check } from './commands/check.js'
import { compact } from './commands/compact.js'
import { count } from './commands/count.js'
import { remove } from './commands/delete.js'
import { dump } from './commands/dump.js'
import { get } from './commands/get.js'
import { has } from './commands/has.js'
import { list } from './commands/list.js'
import { load } from './commands/load.js'
import { page } from './commands/page.js'
import { put } from './commands/put.js'
import { shell } from './commands/shell.js'
import { stats } from './commands/stats.js'
import { trees } from './commands/trees.js'

export const COMMANDS: readonly Command[] = [get, put, remove, has, list, count, trees, load, dump, shell, stats, check, page, backup, compact]
