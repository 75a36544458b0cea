/** Runs once, when the server starts. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const [{ serveMetrics }, { metricsPort }] = await Promise.all([import("@/lib/server/metrics"), import("@/lib/server/settings")]);
    serveMetrics(metricsPort());
  }
}
