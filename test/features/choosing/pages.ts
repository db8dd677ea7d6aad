import { goto, type PageStep } from '../../support/pages.ts'

export const pages: readonly PageStep[] = [{ name: 'engines', impersonal: true, open: goto('/engines') }]
