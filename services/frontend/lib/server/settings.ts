/** Settings from the environment, read when they are needed: an image knows none of them. */

export function gatewayUrl(): string {
  return process.env.GATEWAY_URL || "http://gateway:8080";
}

export function metricsPort(): number {
  return Number(process.env.METRICS_PORT || 9464);
}
