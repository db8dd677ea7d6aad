import { checkoutsOn } from '../support/checkouts.ts'

checkoutsOn('MariaDB')
