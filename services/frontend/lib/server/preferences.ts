import { cookies, headers } from "next/headers";
import { chooseLanguage, type Language } from "@common/language";

export type Theme = "system" | "light" | "dark";

/** What the user chose before, else what the browser says. */
export async function preferences(): Promise<{ language: Language; theme: Theme }> {
  const chosen = await cookies();
  const wanted = (await headers()).get("accept-language") ?? "";
  const theme = chosen.get("theme")?.value;
  return {
    language: chooseLanguage(chosen.get("language")?.value, wanted.split(",")),
    theme: theme === "light" || theme === "dark" ? theme : "system",
  };
}
