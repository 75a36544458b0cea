// Next leaves three folders that run only when they lie inside each other; `dist` is what an image holds.
import { cp, rm } from "node:fs/promises";

await rm("dist", { recursive: true, force: true });
await cp(".next/standalone", "dist", { recursive: true, verbatimSymlinks: true });
await cp(".next/static", "dist/frontend/.next/static", { recursive: true });
await cp("public", "dist/frontend/public", { recursive: true });
// What makes pictures smaller; here are none.
for (const name of ["@img", "sharp"]) await rm(`dist/frontend/node_modules/${name}`, { recursive: true, force: true });
