import path from "node:path";
import type { NextConfig } from "next";

const services = path.resolve(import.meta.dirname, ".."); // web-common lies beside this folder

const config: NextConfig = {
  output: "standalone",
  outputFileTracingRoot: services,
  turbopack: { root: services },
  poweredByHeader: false,
  reactStrictMode: true,
  images: { unoptimized: true },
  headers: async () => [
    {
      source: "/:path*",
      headers: [
        { key: "X-Content-Type-Options", value: "nosniff" },
        { key: "Referrer-Policy", value: "no-referrer" },
        { key: "Permissions-Policy", value: "camera=(), geolocation=(), microphone=(self)" },
      ],
    },
  ],
  typescript: { ignoreBuildErrors: true }, // `npm run check` is the type check: the native compiler has no interface for Next's own
};

export default config;
