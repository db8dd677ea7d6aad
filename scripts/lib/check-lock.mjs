import { readFileSync } from 'node:fs'

/**
 * Optional packages that the lock file mentions but does not contain, which happens if npm resolved a release before all
 * its platform packages were published: it installs here, and `npm ci` fails elsewhere.
 */
export function missingFromLock(file = 'package-lock.json') {
  const { packages } = JSON.parse(readFileSync(file, 'utf8'))
  return Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`node_modules/${name}` in packages) && !(`${place}/node_modules/${name}` in packages),
    ),
  )
}
