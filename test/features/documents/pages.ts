import { goto, type PageStep } from '../../support/pages.ts'

/** They are there in development only. */
export const pages: readonly PageStep[] = [
  { name: 'documents', open: goto('/docs') },
  { name: 'a document', open: goto('/docs/sessions') },
]
