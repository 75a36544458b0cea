import { createServer } from "node:http";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

type Metrics = {
  registry: Registry;
  requests: Counter<"method" | "route" | "status">;
  latency: Histogram<"method" | "route">;
  inFlight: Gauge;
};

// Next bundles this module more than once; the process has one set of metrics.
const shared = globalThis as typeof globalThis & { voicehelperMetrics?: Metrics };

/** The process's metrics, named as those of the other services. */
export function metrics(): Metrics {
  if (!shared.voicehelperMetrics) {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    shared.voicehelperMetrics = {
      registry,
      requests: new Counter({
        name: "http_requests_total",
        help: "Requests passed on to the gateway and answered",
        labelNames: ["method", "route", "status"],
        registers: [registry],
      }),
      latency: new Histogram({
        name: "http_request_duration_seconds",
        help: "Time until the gateway began to answer",
        labelNames: ["method", "route"],
        buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
        registers: [registry],
      }),
      inFlight: new Gauge({ name: "http_requests_in_flight", help: "Requests being passed on", registers: [registry] }),
    };
  }
  return shared.voicehelperMetrics;
}

/** Serve /metrics on a port of its own, which an ingress does not reach. */
export function serveMetrics(port: number): void {
  const server = createServer(async (request, response) => {
    if (request.url !== "/metrics") {
      response.writeHead(404).end();
      return;
    }
    const { registry } = metrics();
    response.writeHead(200, { "Content-Type": registry.contentType }).end(await registry.metrics());
  });
  server.listen(port);
  server.unref(); // never what keeps a draining process alive
}
