import { ApiError } from "@common/api";
import type { Dictionary } from "@/dictionaries";

/** What an error means for the one who sees it. What was found and wanted is added where input was refused. */
export function inWords(error: unknown, { errors }: Dictionary): string {
  if (error instanceof DOMException) {
    if (error.name === "NotAllowedError" || error.name === "SecurityError") return errors.microphoneDenied;
    if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return errors.microphoneMissing;
  }
  if (!(error instanceof ApiError)) return errors.unexpected;
  const { fault } = error;
  const detail = fault?.found && fault.wanted ? ` ${errors.detail(fault.found, fault.wanted)}` : "";
  switch (error.status) {
    case 0:
      return errors.offline;
    case 400:
    case 422:
      return errors.badInput + detail;
    case 401:
      return errors.unauthorized;
    case 403:
      return errors.forbidden;
    case 404:
      return errors.missing;
    case 413:
      return errors.tooLarge + detail;
    case 415:
      return errors.wrongType + detail;
    case 408:
    case 504:
      return errors.timeout;
    case 429:
      return errors.tooMany(error.retryAfter);
    case 502:
    case 503:
      return errors.unavailable;
    default:
      return errors.unexpected;
  }
}
