import { inWords as apiError } from "@common/errors";
import type { Dictionary } from "@/dictionaries";

/** What an error means for the one who sees it: the API's, and those of a microphone that is not there. */
export function inWords(error: unknown, { errors }: Dictionary): string {
  if (error instanceof DOMException) {
    if (error.name === "NotAllowedError") return errors.microphoneDenied;
    if (error.name === "SecurityError") return errors.microphoneInsecure;
    if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return errors.microphoneMissing;
  }
  return apiError(error, errors);
}
