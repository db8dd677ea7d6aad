import { Command } from 'commander'
import { type Finding, wrong } from '../../src/storage/finding.ts'
import { cacheFindings } from './doctor/cache.ts'
import { databaseFindings } from './doctor/database.ts'
import { folderFindings } from './doctor/folder.ts'
import { cookieFindings, keyFindings, proxyFindings, readSettings, type Settings } from './doctor/settings.ts'
import { messageOf, oneLine } from './run.ts'

const SECRETS = ['SECRET_KEY', 'METRICS_TOKEN']
const URLS = ['DATABASE_URL', 'SESSION_DATABASE_URL', 'CACHE_URL']
// Anything shorter would be found inside words.
const SHORTEST = 4

/** `sessions doctor`: looks for what is wrong with the settings and servers, also where the application cannot start. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Look for what is wrong with keys, proxy, cookie, tables, clocks, cache and folder, and say what mends it.',
    )
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', '\nExits with 1 if anything is wrong. It changes nothing.')
    .action(async ({ json }: { json?: true }) => {
      const hide = hiderOf(process.env)
      const findings = (await examine(process.env)).map((finding) => hidden(finding, hide))
      const count = (state: Finding['state']) => findings.filter((finding) => finding.state === state).length
      const [problems, warnings] = [count('wrong'), count('warn')]
      if (json) console.log(JSON.stringify({ wrong: problems, warnings, findings }))
      else console.log([...findings.map(lines), `${problems} wrong, ${warnings} to look at`].join('\n'))
      if (problems > 0) process.exitCode = 1
    })
}

/** Everything that is found with these settings. */
export async function examine(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const settings = readSettings(env)
  const { mode, session } = settings.config
  const { engine, migratingFrom } = session
  const findings: Finding[] = [...settings.findings]
  const looks: [item: string, look: (settings: Settings) => Finding[] | Promise<Finding[]>][] = [
    ['keys', (all) => keyFindings(all, env)],
    ['proxy', proxyFindings],
    ['cookie', cookieFindings],
    ['database', databaseFindings],
    ['cache', cacheFindings],
    ['folder', folderFindings],
  ]
  for (const [item, look] of looks) {
    try {
      findings.push(...(await look(settings)))
    } catch (error) {
      findings.push(
        wrong(item, `It could not be examined: ${messageOf(error)}`, 'Mend what else is wrong, and ask again'),
      )
    }
  }
  const migrating = migratingFrom === undefined ? '' : `, migrating from ${migratingFrom.engine}`
  return [
    {
      item: 'engine',
      state: 'ok',
      says: `SESSION_ENGINE is ${engine}${migrating}; the settings are those of ${mode}.`,
    },
    ...findings,
  ]
}

/** Replaces every secret, and every password in an address, whatever text it has come into. */
function hiderOf(env: NodeJS.ProcessEnv): (text: string) => string {
  const passwords = URLS.flatMap((name) => /\/\/[^/?#]*?:([^/]*)@/.exec(env[name] ?? '')?.[1] ?? [])
  const secrets = [
    ...SECRETS.map((name) => env[name] ?? ''),
    ...(env['SECRET_KEY_FALLBACKS'] ?? '').split(','),
    ...passwords.flatMap((password) => [password, decoded(password)]),
  ]
  const worth = secrets.filter((secret) => secret.length >= SHORTEST).sort((one, other) => other.length - one.length)
  return (text) => worth.reduce((rest, secret) => rest.replaceAll(secret, '(hidden)'), text)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function hidden({ item, state, says, mend }: Finding, hide: (text: string) => string): Finding {
  return { item, state, says: hide(oneLine(says)), ...(mend === undefined ? {} : { mend: hide(mend) }) }
}

function lines({ item, state, says, mend }: Finding): string {
  const first = `${state.padEnd(6)}${item.padEnd(18)}${says}`
  return mend === undefined ? first : `${first}\n${' '.repeat(24)}-> ${mend}`
}
