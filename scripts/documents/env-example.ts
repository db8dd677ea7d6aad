import { variableGroups } from '../../src/config.ts'
import { loadFeatures } from '../../src/features/index.ts'
import type { Setting } from '../../src/settings.ts'
import { wrapped } from './text.ts'

const HEAD = `# Copy to .env and change what you need. Every variable the project reads is here, with its default.
# Written by "npm run documents" from the settings in src.`

/** The whole of `.env.example`. */
export async function envExample(): Promise<string> {
  const ofFeatures = (await loadFeatures()).map(({ settings }) => settings.variables)
  const all = [...variableGroups, ...ofFeatures].filter((group) => Object.keys(group).length > 0)
  const groups = all.map((group) => Object.entries(group).map(lines).join('\n'))
  return `${[HEAD, ...groups].join('\n\n')}\n`
}

function lines([name, setting]: [string, Setting]): string {
  const help = setting.help.split('\n').map((line) => wrapped(line, '# '))
  return [...help, `${name}=${setting.example ?? defaultOf(setting)}`].join('\n')
}

function defaultOf({ schema }: Setting): string {
  const value: unknown = schema.parse(undefined)
  return Array.isArray(value) ? value.join(',') : String(value ?? '')
}
