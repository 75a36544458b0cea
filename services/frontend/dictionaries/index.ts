import type { Language } from "@common/language";
import { type Dictionary, en } from "./en";
import { zh } from "./zh";

export type { Dictionary };
export const dictionaries: Record<Language, Dictionary> = { en, zh };
