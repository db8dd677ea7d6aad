import { spawn } from 'node:child_process'
import { watch } from 'node:fs'

const DEBOUNCE_MS = 120

/**
 * Runs a program and restarts it when a file in these folders changes. If the program exits before it has ever listened,
 * this process exits, too.
 */
export function runAndWatch(command, args, folders) {
  let child
  let restarting = false
  let timer
  let hasListened = false

  const start = () => {
    restarting = false
    child = spawn(command, args, { stdio: ['inherit', 'pipe', 'inherit'] })
    child.stdout.on('data', (chunk) => {
      hasListened ||= String(chunk).includes('http://')
      process.stdout.write(chunk)
    })
    child.once('exit', (code) => {
      if (restarting) start()
      else if (!hasListened || stopping) process.exit(code ?? 0)
      else console.error('The server has stopped; it restarts when a file changes.')
    })
  }

  const restart = () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      console.log('A file has changed: restarting.')
      if (child.exitCode !== null || child.signalCode !== null) return start()
      restarting = true
      child.kill('SIGTERM')
    }, DEBOUNCE_MS)
  }

  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      stopping = true
      if (child.exitCode !== null) process.exit(0)
      child.kill(signal)
    })
  }
  for (const folder of folders) watch(folder, { recursive: true }, restart)
  start()
}
