import { checkoutsOn } from './checkouts.ts'

checkoutsOn('MariaDB')
