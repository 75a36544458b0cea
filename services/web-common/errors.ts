/** What the API's errors mean for the one who sees them. */
import { ApiError } from "./api";
import type { Language } from "./language";

const en = {
  offline: "The service cannot be reached. Please check your connection and try again.",
  unauthorized: "Please sign in again.",
  forbidden: "You are not allowed to do this.",
  missing: "This is no longer here.",
  taken: "This is there already.",
  tooLarge: "This is too large.",
  wrongType: "This kind of file cannot be read.",
  tooMany: (seconds: number | null) =>
    seconds ? `Too many requests at once. Please try again in ${seconds} s.` : "Too many requests at once. Please wait a moment.",
  timeout: "The answer took too long. Please try again.",
  unavailable: "The service is busy or being restarted. Please try again in a moment.",
  unexpected: "Something went wrong on our side. Please try again.",
  badInput: "This was not accepted.",
  detail: (found: string, wanted: string) => `Found ${found}; wanted ${wanted}.`,
};

export type ErrorWords = typeof en;

const zh: ErrorWords = {
  offline: "无法连接到服务，请检查网络后重试。",
  unauthorized: "请重新登录。",
  forbidden: "您没有权限执行此操作。",
  missing: "内容已不存在。",
  taken: "内容已存在。",
  tooLarge: "内容过大。",
  wrongType: "无法读取此类文件。",
  tooMany: (seconds) => (seconds ? `请求过多，请在 ${seconds} 秒后重试。` : "请求过多，请稍候。"),
  timeout: "回答超时，请重试。",
  unavailable: "服务繁忙或正在重启，请稍后重试。",
  unexpected: "服务出现问题，请重试。",
  badInput: "内容未被接受。",
  detail: (found, wanted) => `收到：${found}；要求：${wanted}。`,
};

export const errorWords: Record<Language, ErrorWords> = { en, zh };

/** An error in words. What was found and wanted is added where input was refused. */
export function inWords(error: unknown, words: ErrorWords): string {
  if (!(error instanceof ApiError)) return words.unexpected;
  const { fault } = error;
  const detail = fault?.found && fault.wanted ? ` ${words.detail(fault.found, fault.wanted)}` : "";
  switch (error.status) {
    case 0:
      return words.offline;
    case 400:
    case 422:
      return words.badInput + detail;
    case 401:
      return words.unauthorized;
    case 403:
      return words.forbidden;
    case 404:
      return words.missing;
    case 409:
      return words.taken + detail;
    case 413:
      return words.tooLarge + detail;
    case 415:
      return words.wrongType + detail;
    case 408:
    case 504:
      return words.timeout;
    case 429:
      return words.tooMany(error.retryAfter);
    case 502:
    case 503:
      return words.unavailable;
    default:
      return words.unexpected;
  }
}
