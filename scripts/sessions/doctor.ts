import { Command } from 'commander'
import { loadFeatures } from '../../src/features/index.ts'
import { ConfigError } from '../../src/settings.ts'
import { type Finding, fail } from '../../src/storage/finding.ts'
import { messageOf } from '../../src/storage/records.ts'
import { cacheFindings } from './doctor/cache.ts'
import { databaseFindings } from './doctor/database.ts'
import { fileFindings } from './doctor/files.ts'
import { folderFindings } from './doctor/folder.ts'
import { cookieFindings, keyFindings, proxyFindings, readSettings, type Settings } from './doctor/settings.ts'
import { oneLine } from './run.ts'

const SECRET_VARIABLES = ['SECRET_KEY', 'METRICS_TOKEN']
const URL_VARIABLE = /_URL$/
// Shorter ones would be found inside words.
const MIN_SECRET_LENGTH = 4

/** `sessions doctor`: checks the settings and servers, also if the application cannot start. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('Check secrets, proxy, cookie, tables, clocks, cache and folder, and show how to fix what is wrong.')
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', '\nExits with 1 if a check fails. It changes nothing.')
    .action(async ({ json }: { json?: true }) => {
      const hide = secretFilter(process.env)
      const findings = (await examine(process.env)).map((finding) => withoutSecrets(finding, hide))
      const count = (state: Finding['state']) => findings.filter((finding) => finding.state === state).length
      const [failed, warnings] = [count('fail'), count('warn')]
      if (json) console.log(JSON.stringify({ failed, warnings, findings }))
      else
        console.log(
          [...findings.map(lines), `${failed} failed, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`].join(
            '\n',
          ),
        )
      if (failed > 0) process.exitCode = 1
    })
}

/** All findings for these settings. */
export async function examine(env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const settings = readSettings(env)
  const { mode, session } = settings.config
  const { engine, migrating } = session
  const findings: Finding[] = [...settings.findings]
  const checks: [item: string, check: (settings: Settings) => Finding[] | Promise<Finding[]>][] = [
    ['keys', (all) => keyFindings(all, env)],
    ['proxy', proxyFindings],
    ['cookie', cookieFindings],
    // First: opening a database closes its files to others.
    ['files', fileFindings],
    ['database', databaseFindings],
    ['cache', cacheFindings],
    ['folder', folderFindings],
    ['features', (all) => featureFindings(all, env)],
  ]
  for (const [item, check] of checks) {
    try {
      findings.push(...(await check(settings)))
    } catch (error) {
      findings.push(fail(item, `The check failed: ${messageOf(error)}`, 'Fix the other findings, and run doctor again'))
    }
  }
  const migration =
    migrating === undefined ? '' : `, migrating ${migrating.moves ? 'from' : 'to'} ${migrating.other.engine}`
  return [
    {
      item: 'engine',
      state: 'ok',
      message: `SESSION_ENGINE is ${engine}${migration}; the settings are those of ${mode}.`,
    },
    ...findings,
  ]
}

/** Checks the settings of the features. */
async function featureFindings({ config }: Settings, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const feature of await loadFeatures()) {
    try {
      findings.push(...(await feature.check(config, env)))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      findings.push(fail('settings', error.message, `Correct ${error.message.split(' ', 1)[0]}`))
    }
  }
  return findings
}

/** Hides every secret, and every password of a URL, in any text. */
function secretFilter(env: NodeJS.ProcessEnv): (text: string) => string {
  const urls = Object.keys(env).filter((name) => URL_VARIABLE.test(name))
  const passwords = urls.flatMap((name) => /\/\/[^/?#]*?:([^/]*)@/.exec(env[name] ?? '')?.[1] ?? [])
  const secrets = [
    ...SECRET_VARIABLES.map((name) => env[name] ?? ''),
    ...(env['SECRET_KEY_FALLBACKS'] ?? '').split(','),
    ...passwords.flatMap((password) => [password, decoded(password)]),
  ]
  const hidden = secrets
    .filter((secret) => secret.length >= MIN_SECRET_LENGTH)
    .sort((one, other) => other.length - one.length)
  return (text) => hidden.reduce((rest, secret) => rest.replaceAll(secret, '(hidden)'), text)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function withoutSecrets({ item, state, message, fix }: Finding, hide: (text: string) => string): Finding {
  return { item, state, message: hide(oneLine(message)), ...(fix === undefined ? {} : { fix: hide(fix) }) }
}

function lines({ item, state, message, fix }: Finding): string {
  const first = `${state.padEnd(6)}${item.padEnd(18)}${message}`
  return fix === undefined ? first : `${first}\n${' '.repeat(24)}-> ${fix}`
}
