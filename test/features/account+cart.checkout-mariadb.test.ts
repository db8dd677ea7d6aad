import { checkoutsOn } from '../support/checkouts.account+cart.ts'

checkoutsOn('MariaDB')
