import type { Knex } from 'knex'

const MATERIALS = [
  'Oak',
  'Linen',
  'Brass',
  'Stoneware',
  'Wool',
  'Cork',
  'Slate',
  'Birch',
  'Copper',
  'Felt',
  'Glass',
  'Cedar',
] as const

const ITEMS = [
  { name: 'Desk Tray', description: 'Keeps pens, keys and small change in one place.', price: 2450 },
  { name: 'Lantern', description: 'A steady light for the table, the porch or the boat.', price: 4990 },
  { name: 'Bookend', description: 'Holds a row of heavy books upright; sold singly.', price: 1895 },
  { name: 'Coaster Set', description: 'Four coasters that stay where they are put.', price: 1250 },
  { name: 'Wall Hook', description: 'One hook, two screws, no fuss.', price: 690 },
  { name: 'Planter', description: 'For herbs on a windowsill, with a saucer underneath.', price: 3200 },
] as const

/** 72 products: every item in every material, with different prices in minor units and different colours. */
const PRODUCTS = MATERIALS.flatMap((material, row) =>
  ITEMS.map((item, column) => ({
    name: `${material} ${item.name}`,
    description: item.description,
    price: item.price + row * 135 + ((row * 7 + column * 3) % 5) * 20,
    hue: (row * 30 + column * 11) % 360,
    active: true,
  })),
)

/** Fills an empty shop. */
export default async function seed(knex: Knex): Promise<string | undefined> {
  if ((await knex('products').first('id')) !== undefined) return undefined
  await knex('products').insert(PRODUCTS)
  return `${PRODUCTS.length} products`
}
