#!/usr/bin/env node
/** The `coppice` program. */
import { COMMANDS } from './commands.js'
import { runProgram } from './program.js'
import { processTerminal } from './terminal.js'

process.exitCode = await runProgram(process.argv.slice(2), COMMANDS, processTerminal())
