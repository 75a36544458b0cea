/** The parts of the gateway's API that operators use; see the gateway's openapi.json. */
import { json, type Role } from "@common/api";

export type Health = { status: "ok" | "degraded"; services: Record<string, ServiceHealth> };
export type ServiceHealth = { status: "ok" | "unready" | "unreachable"; http_status?: number; seconds: number };
export type JobStatus = "queued" | "running" | "done" | "failed";
export type Job = { id: string; document_id: string; status: JobStatus; error: string | null; created_at: string; updated_at: string };
export type Stats = {
  documents: number;
  chunks: number;
  conversations: number;
  users: number;
  jobs: Record<JobStatus, number>;
  index: { total_vectors: number; dimension: number; index_type: string; is_trained: boolean; memory_usage_mb: number };
};
export type Account = { id: string; username: string; role: Role; created_at: string; disabled: boolean };
type Page<Name extends string, Item> = Record<Name, Item[]> & { next: string | null };

export const api = {
  health: () => json<Health>("/api/v1/health"),
  stats: () => json<Stats>("/api/v1/stats"),
  jobs: (status: JobStatus | "", cursor?: string) =>
    json<Page<"jobs", Job>>(`/api/v1/jobs?${new URLSearchParams({ limit: "25", ...(status && { status }), ...(cursor && { cursor }) })}`),
  users: (cursor?: string) => json<Page<"users", Account>>(`/api/v1/users?${new URLSearchParams({ limit: "50", ...(cursor && { cursor }) })}`),
  createUser: (account: { username: string; password: string; role: Role }) => json<Account>("/api/v1/users", { method: "POST", body: account }),
  changeUser: (id: string, change: { role?: Role; disabled?: boolean }) =>
    json<Account>(`/api/v1/users/${encodeURIComponent(id)}`, { method: "PATCH", body: change }),
};
