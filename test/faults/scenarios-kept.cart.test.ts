import '../scenarios/kept.cart.test.ts'
