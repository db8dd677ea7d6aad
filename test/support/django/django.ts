import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { Site } from './visitor.ts'

/** A running Django site. */
export interface Django extends Site {
  /** Whether it is this version or a later one. */
  since(major: number, minor: number): boolean
  stop(): Promise<void>
}

const PROGRAM = fileURLToPath(new URL('./django_site.py', import.meta.url))
const started = z.object({ port: z.number(), version: z.tuple([z.number(), z.number()]) })

/**
 * Starts a Django site in a separate process, and creates its tables.
 *
 * @param python one that can import Django
 * @param settings additional settings for its settings.py
 */
export async function startDjango(python: string, settings: Record<string, unknown>): Promise<Django> {
  const child = spawn(python, [PROGRAM], {
    env: { ...process.env, DJANGO_SETTINGS: JSON.stringify(settings), PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const closed = once(child, 'close')
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    closed.then(() => Promise.reject(new Error(`Django did not start:\n${errors}`))),
  ])
  const { port, version } = started.parse(JSON.parse(String(line[0])))
  return {
    name: 'Django',
    origin: `http://127.0.0.1:${port}`,
    since: (major, minor) => version[0] > major || (version[0] === major && version[1] >= minor),
    async stop() {
      child.stdin.end()
      await closed
    },
  }
}
