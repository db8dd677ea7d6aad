import { goto, type PageStep } from '../../support/pages.ts'

export const pages: readonly PageStep[] = [{ name: 'guarantees', scripts: true, open: goto('/guarantees') }]
