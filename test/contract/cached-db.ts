/** The strategies that work with every cache. */
export const STRATEGIES = ['write_through', 'cache_aside'] as const
