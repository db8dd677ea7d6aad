import { spawn } from 'node:child_process'
import { watch } from 'node:fs'

const SETTLE = 120

/**
 * Runs a program and starts it anew when a file below the folders changes. Where it ends by itself before it ever said
 * that it is up, so does this process: there is nothing to wait for.
 */
export function runAndWatch(command, args, folders) {
  let child
  let restarting = false
  let timer
  let everUp = false

  const start = () => {
    restarting = false
    child = spawn(command, args, { stdio: ['inherit', 'pipe', 'inherit'] })
    child.stdout.on('data', (chunk) => {
      everUp ||= String(chunk).includes('http://')
      process.stdout.write(chunk)
    })
    child.once('exit', (code) => {
      if (restarting) start()
      else if (!everUp || stopping) process.exit(code ?? 0)
      else console.error('The server has stopped; it starts again when a file changes.')
    })
  }

  const restart = () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      console.log('A file has changed: starting again.')
      if (child.exitCode !== null || child.signalCode !== null) return start()
      restarting = true
      child.kill('SIGTERM')
    }, SETTLE)
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
