/** Most memory that this process has held, MiB: resident, as its system counts it. */
export function peakMemoryMiB(): number {
  // libuv gives KiB.
  return Math.round(process.resourceUsage().maxRSS / 1024);
}
