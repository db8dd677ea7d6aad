import { checkoutsOn } from './checkouts.ts'

checkoutsOn('PostgreSQL')
