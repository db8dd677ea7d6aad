import { type Browser, chromium } from 'playwright-core'
import { serviceUrl } from './services.ts'

const QUIET = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** A real Chromium, without background requests. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = serviceUrl('chromium')
  if (executablePath === undefined) throw new Error('There is no Chromium for this suite')
  // Chromium's sandbox needs rights that root in a container does not have.
  const args = process.getuid?.() === 0 ? ['--no-sandbox', ...QUIET] : QUIET
  return await chromium.launch({ executablePath, args })
}
