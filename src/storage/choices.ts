import type { Config } from '../config.ts'
import type { Choice } from './choice.ts'
import { caches, engines } from './index.ts'
import { choiceOf } from './open.ts'

/** All choices of this project, in the order of its engines and caches. */
export async function readChoices(): Promise<readonly Choice[]> {
  const all: Choice[] = []
  for (const { choices } of engines) {
    const loaded = choices === undefined ? caches.map((cache) => cache.choices()) : [choices()]
    for (const { default: more } of await Promise.all(loaded)) all.push(...more)
  }
  return all
}

/**
 * The choice that these settings make.
 *
 * @throws Error if its texts are missing
 */
export async function currentChoice(config: Config): Promise<Choice> {
  const name = choiceOf(config)
  const found = (await readChoices()).find((choice) => choice.name === name)
  if (found === undefined) throw new Error(`Nothing describes the choice "${name}".`)
  return found
}
