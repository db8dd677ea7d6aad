import type { Feature } from '../web/feature.ts'

type Registry = readonly (() => Promise<{ readonly default: Feature }>)[]

/** One line per feature, in the order of the menu. To remove a feature, delete its line. */
const registry: Registry = [
  () => import('./guarantees/index.ts'),
  () => import('./cart/index.ts'),
  () => import('./preferences/index.ts'),
  () => import('./choosing/index.ts'),
  () => import('./registration/index.ts'),
  () => import('./account/index.ts'),
  () => import('./password-reset/index.ts'),
  () => import('./devices/index.ts'),
  () => import('./operations/index.ts'),
  () => import('./user-sessions/index.ts'),
  () => import('./explained/index.ts'),
  () => import('./documents/index.ts'),
]

/**
 * The features of the application.
 *
 * @throws Error if a feature requires another one that is missing
 */
export async function loadFeatures(from: Registry = registry): Promise<Feature[]> {
  const features = (await Promise.all(from.map((load) => load()))).map((module) => module.default)
  const names = new Set(features.map(({ name }) => name))
  for (const { name, requires } of features) {
    const missing = requires.find((required) => !names.has(required))
    if (missing !== undefined) throw new Error(`The feature ${name} requires the feature ${missing}.`)
  }
  return features
}
