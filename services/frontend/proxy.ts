import { type NextRequest, NextResponse } from "next/server";
import { gatewayUrl } from "@/lib/server/settings";

/** Pages get a policy with a nonce of their own; WebSockets go to the gateway. All else of the API is passed on by app/api/v1. */
export function proxy(request: NextRequest): NextResponse {
  const headers = new Headers(request.headers);
  if (request.nextUrl.pathname.startsWith("/api/v1/")) {
    headers.delete("origin"); // the gateway would compare it with its own name; the token is no cookie, so another site has none to send
    headers.delete("cookie");
    return NextResponse.rewrite(new URL(request.nextUrl.pathname + request.nextUrl.search, gatewayUrl()), { request: { headers } });
  }
  const policy = contentSecurityPolicy(Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64"));
  headers.set("content-security-policy", policy); // Next reads the nonce from here
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("content-security-policy", policy);
  return response;
}

function contentSecurityPolicy(nonce: string): string {
  const development = process.env.NODE_ENV === "development";
  return [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${development ? " 'unsafe-eval'" : ""}`,
    `style-src 'self' ${development ? "'unsafe-inline'" : `'nonce-${nonce}'`}`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "media-src 'self' blob:",
    "worker-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

export const config = {
  matcher: [
    "/((?!api/|_next/static/|icon.svg|recorder.js).*)",
    { source: "/api/v1/voice/:way(call|stream)", has: [{ type: "header", key: "upgrade", value: "websocket" }] },
  ],
};
