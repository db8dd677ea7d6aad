import '../../browser/accessibility.test.ts'
