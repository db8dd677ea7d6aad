import { readFileSync } from 'node:fs'

/**
 * Optional packages that the lock file names but does not hold. A release whose platform packages were not yet all
 * published makes such a lock file: it installs here, and `npm ci` fails for everybody else.
 */
export function missingFromLock(file = 'package-lock.json') {
  const { packages } = JSON.parse(readFileSync(file, 'utf8'))
  return Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !(`node_modules/${name}` in packages) && !(`${place}/node_modules/${name}` in packages),
    ),
  )
}
