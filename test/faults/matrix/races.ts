import { setTimeout as pause } from 'node:timers/promises'
import type { Visitor } from '../kit/visitor.ts'
import type { Cell, Fault } from './cell.ts'

const LOGOUT_ROUNDS = 20
const ROTATION_ROUNDS = 6
const ADDERS = 8
const ADDS = 50
// As many as fit in a cookie.
const ADDS_IN_COOKIE = 8
const OVERLAPS = 3

/** What overlapping requests can do to each other, without any outage. */
export const raceFaults: readonly Fault[] = [
  {
    name: 'F19',
    title: 'changes overlap a logout',
    everywhere: true,
    run: async (cell) => {
      await eachVisitor(cell, async (visitor) => {
        for (let round = 0; round < LOGOUT_ROUNDS; round++) {
          await cell.load.signIn(visitor, at(cell, round))
          await cell.load.read(visitor, at(cell, round + 1))
          const changes = Array.from({ length: OVERLAPS }, async (_, change) => {
            await pause(Math.random() * 4)
            if (visitor.session !== null) await cell.load.add(visitor, at(cell, change), `${visitor.user}/${change}`)
          })
          const ending = pause(Math.random() * 4).then(async () => {
            if (visitor.session !== null) await cell.load.logout(visitor, at(cell, round))
          })
          await Promise.all([...changes, ending])
        }
      })
    },
  },
  {
    name: 'F20',
    title: 'eight clients change one session',
    everywhere: true,
    run: async (cell) => {
      const [visitor] = cell.load.visitors
      if (visitor === undefined) return
      await cell.load.signIn(visitor, 0)
      const adds = cell.site.setUp.records === 'cookies' ? ADDS_IN_COOKIE : ADDS
      const adders = Array.from({ length: ADDERS }, async (_, adder) => {
        for (let number = 0; number < adds; number++) await cell.load.add(visitor, at(cell, adder), `adder${adder}`)
      })
      await Promise.all(adders)
      await cell.load.readAll()
    },
  },
  {
    name: 'F21',
    title: 'requests change the key of one session at once',
    run: async (cell) => {
      await eachVisitor(cell, async (visitor) => {
        for (let round = 0; round < ROTATION_ROUNDS; round++) {
          if (visitor.session === null) await cell.load.signIn(visitor, at(cell, round))
          const rotations = Array.from({ length: ADDERS }, (_, rotator) =>
            cell.load.rotate(visitor, at(cell, rotator), `rotator${rotator}`),
          )
          await Promise.all([...rotations, cell.load.add(visitor, at(cell, round))])
          await cell.load.read(visitor, at(cell, round))
          await cell.load.read(visitor, at(cell, round + 1))
          if (round % 2 === 1) await cell.load.logout(visitor, at(cell, round))
        }
      })
    },
  },
]

function at({ site }: Cell, number: number): number {
  return number % site.apps.length
}

async function eachVisitor(cell: Cell, visit: (visitor: Visitor) => Promise<void>): Promise<void> {
  await Promise.all(cell.load.visitors.map(visit))
  await cell.load.readAll()
}
